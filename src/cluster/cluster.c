/* Opening, closing and running. */
#include "cluster/cluster.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "cluster/model.h"
#include "version.h"

static void observe_request(void *data, const struct hcloud_exchange *x) {
        struct cluster *c = data;
        if (!c->o.request)
                return;
        struct cluster_request r = { .method = x->method, .url = x->path, .status = x->status, .duration_ms = x->duration_ms, .error = x->api_code };
        c->o.request(c->o.request_data, &r);
}

/* The cloud library knows no flag of ours: one thread carries an interruption over. */
static void *watch_cancel(void *arg) {
        struct cluster *c = arg;
        struct pollfd p[2] = { { .fd = cancel_fd(c->o.cancel), .events = POLLIN }, { .fd = cancel_fd(c->watch_stop), .events = POLLIN } };
        while (poll(p, 2, -1) < 0)
                ;
        if (p[0].revents && !p[1].revents)
                hcloud_client_cancel(c->hcloud);
        return NULL;
}

static int check_token(const char *token, struct error *err) {
        if (str_empty(token)) {
                error_set(err, ERR_AUTH, "no API token");
                return error_hint(err, "make one in the Hetzner Console (project, Security, API tokens, read and write), then export HCLOUD_TOKEN=…");
        }
        for (const char *p = token; *p; p++)
                if (!isgraph((unsigned char) *p)) {
                        error_set(err, ERR_AUTH, "the API token contains a character that no token has (a blank or a line break, most often from a file)");
                        return error_hint(err, "copy it again from the Hetzner Console: 64 letters and digits");
                }
        return 0;
}

static int open_client(struct cluster *c, struct error *err) {
        if (check_token(c->token, err) < 0)
                return -1;
        struct hcloud_client_options o = { .endpoint = c->endpoint_api, .token = c->token, .application = c->user_agent, .observer = observe_request, .observer_data = c,
                                           .guard = cluster_still_ours, .guard_data = c };
        if (hcloud_client_new(&o, &c->hcloud, err) < 0)
                return -1;
        if (!c->o.cancel)
                return 0;
        c->watch_stop = cancel_new();
        errno = pthread_create(&c->watcher, NULL, watch_cancel, c);
        c->watching = errno == 0;
        return c->watching ? 0 : error_set_errno(err, "starting the thread that passes an interruption on");
}

static void copy_options(struct cluster *c, const struct cluster_options *o) {
        c->o = *o;
        c->spec = o->spec;
        c->clock = o->clock ? o->clock : clock_system();
        c->name = xstrdup(o->spec ? o->spec->name : o->name);
        c->token = xstrdup(o->token);
        c->endpoint_api = xstrdup(o->endpoint);
        c->kubeconfig_path = xstrdup(o->kubeconfig);
        c->talosconfig_path = xstrdup(o->talosconfig);
        c->user_agent = xstrdup(o->user_agent ? o->user_agent : "hcloud-v6/" HCLOUD_V6_VERSION);
        c->state_dir = xstrdup(o->state_dir);
}

int cluster_open(const struct cluster_options *o, struct cluster **ret, struct error *err) {
        if (!o->spec && !o->name)
                return error_set(err, ERR_BUG, "a cluster without a name");
        if (cluster_name_check(o->spec ? o->spec->name : o->name, err) < 0)
                return -1;
        _cleanup_cluster_ struct cluster *c = xnew0(struct cluster);
        c->lock.fd = c->image_lock = -1;
        c->looks = node_looks_new();
        pthread_mutex_init(&c->mutex, NULL);
        pthread_mutex_init(&c->notes_mutex, NULL);
        pthread_mutex_init(&c->lock.mutex, NULL);
        copy_options(c, o);
        if (!c->state_dir && xdg_state_dir(&c->state_dir, err) < 0)
                return -1;
        if (o->token && open_client(c, err) < 0)
                return -1;
        if (http_engine_new(c->user_agent, &c->http, err) < 0)
                return -1;
        http_engine_set_guard(c->http, cluster_still_ours, c);
        *ret = TAKE(c);
        return 0;
}

void cluster_close(struct cluster *c) {
        if (!c)
                return;
        lock_release(c);
        if (c->watching) {
                cancel_trigger(c->watch_stop);
                pthread_join(c->watcher, NULL);
        }
        cancel_free(c->watch_stop);
        cluster_forget_observations(c);
        cleanup_fd_(&c->lock.fd);
        cleanup_fd_(&c->image_lock);
        free(c->lock.run);
        kube_client_free(c->kube);
        node_looks_free(c->looks);
        access_drop_prepared(c);
        vault_free(c->vault);
        if (c->has_talos)
                talosconfig_context_done(&c->talos);
        hcloud_client_free(c->hcloud);
        http_engine_free(c->http);
        hcloud_pricing_free(c->pricing);
        cost_done(&c->cost_all);
        cost_done(&c->cost_new);
        gate_list_done(&c->gates);
        strv_done(&c->notes);
        left_view_done(&c->left);
        hcloud_ids_done(&c->kept);
        secret_free(c->token);
        char *texts[] = { c->name, c->endpoint_api, c->state_dir, c->kubeconfig_path, c->talosconfig_path, c->user_agent, c->uid, c->network_zone, c->quota_text };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        pthread_mutex_destroy(&c->mutex);
        pthread_mutex_destroy(&c->notes_mutex);
        pthread_mutex_destroy(&c->lock.mutex);
        free(c);
}

const char *cluster_name(const struct cluster *c) {
        return c->name;
}

struct clock *cluster_clock(const struct cluster *c) {
        return c->clock;
}

const struct cancel *cluster_cancel(const struct cluster *c) {
        return c->o.cancel;
}

uint64_t cluster_call_count(const struct cluster *c) {
        struct hcloud_client_stats s = { 0 };
        if (c->hcloud)
                hcloud_client_stats(c->hcloud, &s);
        return c->base_requests + s.requests;
}

int64_t cluster_rate_remaining(const struct cluster *c) {
        struct hcloud_client_stats s = { .rate_remaining = -1 };
        if (c->hcloud)
                hcloud_client_stats(c->hcloud, &s);
        return s.rate_remaining;
}

void cluster_http_stats(const struct cluster *c, struct http_engine_stats *ret) {
        http_engine_stats(c->http, ret);
}

const struct gate_list *cluster_gates(const struct cluster *c) {
        return &c->gates;
}

const struct strv *cluster_notes(const struct cluster *c) {
        return &c->notes;
}

/* "2 servers and 3 Primary IPs exist now (11.98 EUR a month)". */
static char *what_exists(struct cluster *c) {
        size_t servers = 0, ips = 0;
        struct cost cost = { 0 };
        for (size_t i = 0; i < c->n_nodes; i++) {
                const struct node *n = &c->nodes[i];
                servers += n->server_id != 0;
                ips += n->ip_id != 0;
                const struct hcloud_server_type *t = n->server_id && n->type && c->cloud.types ? hcloud_server_type_find(c->cloud.types, n->type) : NULL;
                const struct hcloud_location_price *p = t ? hcloud_server_type_price(t, n->location) : NULL;
                struct money m = { 0 };
                if (p && money_parse(p->hourly.net, &m.hour) && money_parse(p->monthly.net, &m.month))
                        cost_add(&cost, n->type, 1, m);
        }
        if (c->cost_all.currency)
                cost.currency = xstrdup(c->cost_all.currency);
        _cleanup_str_ char *money = cost_text(&cost);
        cost_done(&cost);
        if (!servers && !ips)
                return xstrdup("nothing of this cluster exists in the cloud");
        return xasprintf("%zu server%s and %zu Primary IP%s exist now: %s", servers, servers == 1 ? "" : "s", ips, ips == 1 ? "" : "s", money);
}

static int explain_failure(struct cluster *c, struct error *err) {
        if (!err || !c->work)
                return -1;
        _cleanup_str_ char *exists = what_exists(c);
        cluster_note(c, "%s", exists);
        if (err->kind == ERR_QUOTA || err->kind == ERR_CAPACITY || err->kind == ERR_CANCELLED) {
                char *m = xasprintf("%s (%s)", error_text(err), exists);
                free(err->message);
                err->message = m;
        }
        if (c->scaling)
                return error_hint(err, "run the same command again to go on from here");
        return error_hint(err, "run the same command again to go on from here, or hcloud-v6 destroy to remove all of it");
}

static int end_destroy(struct cluster *c, int rc, struct error *err) {
        if (rc < 0) {
                if (err && err->kind != ERR_CANCELLED && err->kind != ERR_LOCKED && err->kind != ERR_AUTH) {
                        struct left_view left;
                        if (cluster_left(c, &left, NULL) >= 0) {
                                for (size_t i = 0; i < left.n; i++)
                                        cluster_note(c, "left: %s", left.items.items[i]);
                                left_view_done(&left);
                        }
                        err->kind = ERR_PARTIAL;
                }
                return error_hint(err, "run the same command again: it goes on with what is left");
        }
        if (c->left.n) {
                _cleanup_str_ char *list = strv_join(&c->left.items, ", ");
                return error_set(err, ERR_PARTIAL, "%zu left: %s", c->left.n, list);
        }
        struct vault_options o = vault_options_of(c);
        access_remove_contexts(c);
        return vault_archive(&o, err);
}

int cluster_run(struct cluster *c, struct plan *p, const struct plan_observer *observer, struct error *err) {
        strv_done(&c->notes);
        c->notes = (struct strv) { 0 };
        struct plan_options o = { .clock = c->clock, .cancel = c->o.cancel };
        if (observer)
                o.observer = *observer;
        int rc = plan_run(p, &o, err);
        if (c->destroying)
                rc = end_destroy(c, rc, err);
        else if (rc < 0)
                explain_failure(c, err);
        if (!c->keep_lock)
                lock_release(c);
        images_unlock(c);
        return rc < 0 ? -1 : 0;
}
