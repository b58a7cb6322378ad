/* Secrets and what is minted from them: identities for Talos and Kubernetes, and the files that people use. */
#include <stdio.h>

#include "base/file.h"
#include "base/secret.h"
#include "cluster/model.h"

struct vault_options vault_options_of(const struct cluster *c) {
        return (struct vault_options) { .state_dir = c->state_dir, .cluster = c->name, .passphrase = c->o.passphrase, .ask = c->o.ask, .ask_data = c->o.ask_data,
                                        .clock = c->clock };
}

/* Certificates begin at once, and nodes judge that by their clock: Hetzner's time is nearer to it than that of a machine whose clock is wrong. */
static int64_t mint_now(struct clock *self) {
        const struct cluster *c = self->data;
        int64_t now;
        return c->hcloud && hcloud_client_server_time(c->hcloud, &now) ? now : clock_now_ms(c->clock);
}

static int64_t mint_mono(struct clock *self) {
        const struct cluster *c = self->data;
        return clock_mono_ms(c->clock);
}

static struct clock mint_clock(struct cluster *c) {
        return (struct clock) { .now_ms = mint_now, .mono_ms = mint_mono, .sleep_ms = c->clock->sleep_ms, .data = c };
}

/* How far this machine's clock is behind Hetzner's, where that is more than the Date header's own coarseness. Certificates of nodes begin when they boot,
 * by the right time: judged by a clock that is behind they have not begun yet. */
static int64_t clock_off_ms(struct cluster *c) {
        int64_t theirs, ours = clock_now_ms(c->clock);
        return c->hcloud && hcloud_client_server_time(c->hcloud, &theirs) && llabs(theirs - ours) > CLOCK_OFF_MS ? theirs - ours : 0;
}

static int mint_talos(struct cluster *c, struct error *err) {
        struct clock clock = mint_clock(c);
        struct strv none = { 0 };
        if (c->has_talos)
                return 0;
        if (talosconfig_mint(c->vault->secrets, c->name, &none, &none, NULL, 0, &clock, &c->talos, err) < 0)
                return -1;
        c->has_talos = true;
        return 0;
}

int access_open(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);
        if (!c->vault && vault_open(&o, &c->vault, err) < 0)
                return -1;
        if (!c->uid)
                c->uid = xstrdup(c->vault->uid);
        return mint_talos(c, err);
}

struct secrets_job {
        pthread_t thread;
        struct talos_contract contract;
        struct clock *clock;
        struct talos_secrets *secrets;
        struct error error;
};

static void *make_secrets(void *arg) {
        struct secrets_job *job = arg;
        talos_secrets_generate(&job->contract, job->clock, &job->secrets, &job->error);
        return NULL;
}

void access_prepare(struct cluster *c) {
        struct vault_options o = vault_options_of(c);
        if (c->secrets_job || c->vault || vault_exists(&o))
                return;
        struct secrets_job *job = xnew0(struct secrets_job);
        job->clock = c->clock;
        if (talos_contract_parse(c->spec->talos, &job->contract, NULL) < 0 || pthread_create(&job->thread, NULL, make_secrets, job) != 0)
                free(job);                     /* access_create() then does it, or says why not */
        else
                c->secrets_job = job;
}

/* The secrets that were prepared, or NULL. */
static struct talos_secrets *take_prepared(struct cluster *c) {
        struct secrets_job *job = TAKE(c->secrets_job);
        if (!job)
                return NULL;
        pthread_join(job->thread, NULL);
        struct talos_secrets *s = job->secrets;
        error_done(&job->error);
        free(job);
        return s;
}

void access_drop_prepared(struct cluster *c) {
        talos_secrets_free(take_prepared(c));
}

static int create_vault(struct cluster *c, const struct vault_options *o, struct error *err) {
        struct talos_secrets *prepared = take_prepared(c);
        struct talos_contract contract;
        if (prepared)
                return vault_create_with(o, NULL, prepared, &c->vault, err);
        if (talos_contract_parse(c->spec->talos, &contract, err) < 0)
                return -1;
        return vault_create(o, &contract, &c->vault, err);
}

int access_create(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);
        if (vault_exists(&o))
                return access_open(c, err);
        if (create_vault(c, &o, err) < 0)
                return -1;
        free(c->uid);
        c->uid = xstrdup(c->vault->uid);
        return mint_talos(c, err);
}

char *access_own_file(const struct cluster *c, const char *name) {
        _cleanup_str_ char *dir = path_join(c->state_dir, c->name);
        return path_join(dir, name);
}

void mark_used(struct cluster *c) {
        _cleanup_str_ char *path = access_own_file(c, "cloud");
        _cleanup_str_ char *text = xasprintf("uid %s has been in the cloud\n", c->uid ? c->uid : "?");
        if (!file_exists(path))
                file_write_atomic(path, text, strlen(text), 0600, NULL);
}

bool was_used(struct cluster *c) {
        _cleanup_str_ char *path = access_own_file(c, "cloud");
        return file_exists(path);
}

static int write_talosconfig(struct cluster *c, struct error *err) {
        strv_done(&c->talos.endpoints);
        c->talos.endpoints = (struct strv) { 0 };
        for (size_t i = 0; i < c->n_nodes; i++)
                if (c->nodes[i].control_plane && c->nodes[i].prefix.len)
                        strv_take(&c->talos.endpoints, ip6_str(&c->nodes[i].addr));
        _cleanup_str_ char *path = access_own_file(c, "talosconfig");
        _cleanup_secret_ char *text = talosconfig_write(&c->talos);
        if (file_write_atomic(path, text, strlen(text), 0600, err) < 0)
                return -1;
        return c->talosconfig_path ? talosconfig_merge_file(c->talosconfig_path, &c->talos, true, err) : 0;
}

/* Is what lies there good for this endpoint and CA, and for a month more? Then it stays: nothing changes on a second run. */
static bool kubeconfig_current(struct cluster *c, const char *path, const char *server) {
        _cleanup_secret_ char *text = NULL;
        size_t len;
        struct talos_kubeconfig k;
        if (file_read(path, 1 << 20, &text, &len, NULL) < 0)
                return false;
        _cleanup_str_ char *context = xasprintf("admin@%s", c->name);
        if (talos_kubeconfig_parse(path, text, len, context, &k, NULL) < 0)
                return false;
        struct pki_info info = { 0 };
        bool ok = str_eq(k.server, server) && str_eq(k.ca, c->vault->secrets->kubernetes.cert) && pki_read(k.client.cert, &info, NULL) >= 0 &&
                  info.not_after_ms > clock_now_ms(c->clock) + 30LL * 24 * 3600 * 1000;
        pki_info_done(&info);
        talos_kubeconfig_done(&k);
        return ok;
}

int access_write_files(struct cluster *c, struct error *err) {
        _cleanup_str_ char *server = cluster_endpoint(c), *path = access_own_file(c, "kubeconfig"), *talos_path = access_own_file(c, "talosconfig");
        if (!server)
                return error_set(err, ERR_BUG, "kubeconfig before the endpoint is known");
        bool current = kubeconfig_current(c, path, server) && (!c->kubeconfig_path || kubeconfig_current(c, c->kubeconfig_path, server));
        if (!current) {
                struct talos_kubeconfig k;
                struct clock clock = mint_clock(c);
                if (talos_kubeconfig_mint(c->vault->secrets, c->name, server, 0, &clock, &k, err) < 0)
                        return -1;
                _cleanup_secret_ char *text = talos_kubeconfig_write(&k);
                int rc = file_write_atomic(path, text, strlen(text), 0600, err);
                if (rc >= 0 && c->kubeconfig_path)
                        rc = talos_kubeconfig_merge_file(c->kubeconfig_path, &k, true, err);
                talos_kubeconfig_done(&k);
                if (rc < 0)
                        return -1;
        }
        if (current && file_exists(talos_path) && (!c->talosconfig_path || file_exists(c->talosconfig_path)))
                return 0;
        return write_talosconfig(c, err);
}

int access_check_files(struct cluster *c, struct error *err) {
        const char *kube_ca = c->vault ? c->vault->secrets->kubernetes.cert : "", *talos_ca = c->has_talos ? c->talos.ca : "";
        if (c->kubeconfig_path && talos_kubeconfig_check_file(c->kubeconfig_path, c->name, kube_ca, err) < 0)
                return -1;
        return c->talosconfig_path ? talosconfig_check_file(c->talosconfig_path, c->name, talos_ca, err) : 0;
}

void access_remove_contexts(struct cluster *c) {
        _cleanup_error_ struct error e = ERROR_INIT;
        if (c->kubeconfig_path && talos_kubeconfig_remove_file(c->kubeconfig_path, c->name, &e) < 0)
                cluster_warn(c, "%s was left as it is: %s", c->kubeconfig_path, error_text(&e));
        error_done(&e);
        if (c->talosconfig_path && talosconfig_remove_file(c->talosconfig_path, c->name, &e) < 0)
                cluster_warn(c, "%s was left as it is: %s", c->talosconfig_path, error_text(&e));
}

static int make_kube(struct cluster *c, struct error *err) {
        _cleanup_str_ char *server = cluster_endpoint(c);
        if (!server || !c->vault)
                return error_set(err, ERR_BUG, "the Kubernetes API was asked for before there is one");
        struct talos_kubeconfig k;
        struct clock clock = mint_clock(c);
        if (talos_kubeconfig_mint(c->vault->secrets, c->name, server, 0, &clock, &k, err) < 0)
                return -1;
        struct kube_config o = { .server = server, .ca_pem = k.ca, .cert_pem = k.client.cert, .key_pem = k.client.key, .engine = c->http, .clock = c->clock,
                                 .cancel = c->o.cancel, .clock_off_ms = clock_off_ms(c) };
        int rc = kube_client_new(&o, &c->kube, err);
        talos_kubeconfig_done(&k);
        return rc;
}

int access_kube(struct cluster *c, struct error *err) {
        pthread_mutex_lock(&c->mutex);
        int rc = c->kube ? 0 : make_kube(c, err);
        pthread_mutex_unlock(&c->mutex);
        return rc;
}

static void note(void *data, const char *text) {
        plan_step_note(data, "%s", text);
}

void cluster_bootstrap(struct cluster *c, struct plan_step *step, struct bootstrap *ret) {
        *ret = (struct bootstrap) { .http = c->http, .clock = c->clock, .cancel = step ? plan_cancel(step) : c->o.cancel, .kube = c->kube, .looks = c->looks,
                                    .still = cluster_may_wait, .still_data = c, .note = step ? note : NULL, .note_data = step };
        if (c->has_talos)
                ret->talos = (struct http_tls) { .ca_pem = c->talos.ca, .cert_pem = c->talos.client.cert, .key_pem = c->talos.client.key,
                                                     .clock_off_ms = clock_off_ms(c) };
}
