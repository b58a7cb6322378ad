/* The life of a simulated Talos node: boot, config, maintenance, running, reboot. Order and conditions: talos
 * controllers/config/acquire.go and v1alpha1_sequencer.go. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/json.h"
#include "sim/talos/internal.h"
#include "sim/talos/latency.h"

#define CERTIFICATE_LIFE_MS (24LL * 3600 * 1000)         /* talos: API certificates live a day */
#define TRUSTD_RETRY_REAL_MS 1000
#define TRUSTD_RETRY_INSTANT_MS 50
#define TRUSTD_PROBE_MS 2000
#define GOODBYE_MS 100                                   /* answers leave before the API restarts or the machine stops */
#define WATCHED_GOODBYE_MS 500                           /* somebody follows the events: talosctl reads "stopAllServices" before it is over */
#define DMESG_MAX 4000                                   /* lines */
#define POLL_MS 1000                                     /* while somebody watches */

static const char *const alpn[] = { "h2", NULL };

/* --- the shared state --- */

static int part_start(struct sim_world *w, struct error *err) {
        struct talos_world *tw = xnew0(struct talos_world);
        tw->api_port = TALOS_API_PORT;
        tw->trustd_port = TALOS_TRUSTD_PORT;
        w->talos = tw;
        return 0;
}

static void part_stop(struct sim_world *w) {
        free(w->talos);
        w->talos = NULL;
}

struct talos_world *talos_world(struct sim_world *w) {
        if (!w->talos)
                part_start(w, NULL);
        return w->talos;
}

void sim_talos_set_ports(struct sim_world *w, unsigned api_port, unsigned trustd_port) {
        talos_world(w)->api_port = api_port;
        talos_world(w)->trustd_port = trustd_port;
}

unsigned sim_talos_api_port(const struct sim_machine *m) {
        return m->talos && m->talos->server ? http2_server_port(m->talos->server) : 0;
}

/* --- small things --- */

void talos_say(struct sim_talos *t, const char *fmt, ...) {
        char text[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        text[strcspn(text, "\n")] = '\0';
        if (t->dmesg.n > DMESG_MAX) {
                strv_done(&t->dmesg);
                t->dmesg = (struct strv) { 0 };
        }
        _cleanup_str_ char *when = time_format_rfc3339(loop_now_ms(t->world->loop));
        strv_take(&t->dmesg, xasprintf("user: warning: [%s]: [talos] %s", when, text));
        sim_say(t->world, "%s: %s", t->machine->name, text);
}

void talos_set_reason(struct sim_talos *t, const char *reason) {
        if (str_eq(t->reason, reason))
                return;
        free(t->reason);
        t->reason = xstrdup(reason);
        if (reason)
                talos_say(t, "%s", reason);
}

void talos_refresh(struct sim_talos *t) {
        talos_services_update(t);
        /* The boot sequence ends when all services are up; on a control plane that takes etcd (talos: startAllServices). */
        if (t->config && !t->maintenance && (t->stage == SIM_STAGE_BOOTING || t->stage == SIM_STAGE_RUNNING)) {
                bool etcd = !t->config->control_plane || sim_kube_etcd_running(t->machine);
                enum sim_stage stage = t->cri_up && t->api_up && etcd ? SIM_STAGE_RUNNING : SIM_STAGE_BOOTING;
                if (stage != t->stage) {
                        t->stage = stage;
                        talos_say(t, "%s", stage == SIM_STAGE_RUNNING ? "boot sequence: done" : "services are not up any more");
                }
        }
        talos_event_status(t);
}

static void update(void *data) {
        struct sim_talos *t = data;
        t->changed_waits = false;
        talos_refresh(t);
        for (size_t i = 0; i < t->n_calls; i++)
                if (t->calls[i]->changed)
                        t->calls[i]->changed(t->calls[i]);
        if (t->n_calls)
                loop_timer_set(t->world->loop, &t->poll_timer, POLL_MS, update, t);
}

void talos_touch(struct sim_talos *t) {
        if (t->changed_waits)
                return;
        t->changed_waits = true;
        loop_defer(t->world->loop, update, t);
}

bool talos_metadata_stolen(struct sim_talos *t) {
        if (!t->machine->private_network || (t->config && t->config->metadata_route_guarded))
                return false;
        if (t->metadata_stolen == 0) {
                /* One in ten, the same for the same seed, server and boot (hcloud-k8s/terraform-hcloud-kubernetes issue 490). */
                uint64_t x = t->world->options.seed * 0x9e3779b97f4a7c15u +
                             (uint64_t) t->machine->server_id * 0xbf58476d1ce4e5b9u + t->machine->boot_count;
                x = (x ^ (x >> 31)) * 0x94d049bb133111ebu;
                bool stolen = (x >> 33) % 10 == 0 || sim_fault_machine(t->world, "metadata-route", t->machine);
                t->metadata_stolen = stolen ? 2 : 1;
        }
        return t->metadata_stolen == 2;
}

/* Without a resolver that IPv6 reaches (the defaults are IPv4), or a time server by address, an IPv6-only node never learns the
 * time. */
bool talos_time_synced(const struct sim_talos *t) {
        const struct sim_config *c = t->config;
        struct ip6_addr a;
        for (size_t i = 0; c && i < c->nameservers.n; i++)
                if (ip6_parse(c->nameservers.items[i], &a))
                        return true;
        for (size_t i = 0; c && i < c->ntp_servers.n; i++)
                if (ip6_parse(c->ntp_servers.items[i], &a))
                        return true;
        return false;
}

bool talos_etcd_present(const struct sim_talos *t) {
        return t->machine->etcd_data || sim_kube_etcd_running(t->machine);
}

bool talos_same_cluster(const struct sim_talos *a, const struct sim_talos *b) {
        return a->config && b->config && !a->maintenance && !b->maintenance &&
               str_eq(a->config->cluster_id, b->config->cluster_id) &&
               str_eq(a->config->os_ca.cert_pem, b->config->os_ca.cert_pem);
}

/* --- the API's server --- */

static const char *client_authorities(const struct sim_talos *t, char **ret_owned) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        if (t->config->os_ca.cert_pem)
                strbuf_adds(&b, t->config->os_ca.cert_pem);
        for (size_t i = 0; i < t->config->accepted_ca.n; i++)
                strbuf_addf(&b, "\n%s", t->config->accepted_ca.items[i]);
        *ret_owned = strbuf_take(&b);
        return *ret_owned;
}

static struct tls_server *instead(void *data) {
        struct sim_talos *t = data;
        const struct tls_options proper = { .cert_pem = t->serving.cert_pem, .key_pem = t->serving.key_pem, .alpn = alpn, .alpn_required = true,
                                            .loop = t->world->loop };
        return sim_tls_spoiled(&t->spoil, t->world, "talos", t->machine->name, &proper, &t->machine->addr);
}

int talos_serve(struct sim_talos *t, struct error *err) {
        _cleanup_(tls_server_unrefp) struct tls_server *tls = NULL;
        _cleanup_str_ char *authorities = NULL;
        struct tls_options o = {
                .cert_pem = t->serving.cert_pem, .key_pem = t->serving.key_pem, .alpn = alpn, .alpn_required = true,
                .loop = t->world->loop
        };
        struct http2_options h = {
                .addr = &t->machine->addr, .port = talos_world(t->world)->api_port, .handler = talos_grpc_request, .data = t
        };
        int r;

        o.instead = instead;
        o.data = t;
        if (!t->maintenance) {
                o.client_ca_pem = client_authorities(t, &authorities);
                o.client_auth = TLS_CLIENT_REQUIRED;
        }
        sim_tls_spoil_done(&t->spoil);   /* of the certificate before */
        if ((r = tls_server_new(&o, &tls, err)) < 0)
                return r;
        if (t->server) {
                http2_server_set_tls(t->server, tls);
        } else {
                h.tls = tls;
                if ((r = http2_server_new(t->world->loop, &h, &t->server, err)) < 0)
                        return r;
        }
        t->api_up = true;
        talos_touch(t);
        return 0;
}

/* SANs: talos secrets.APICertSANsController: certSANs, node addresses, 127.0.0.1, hostname. */
int talos_issue_certificate(struct sim_talos *t, struct error *err) {
        static const char *const maintenance_organizations[] = { "talos", NULL };
        _cleanup_strv_ struct strv names = { 0 };
        struct ip6_addr addresses[32] = { t->machine->addr }, a;
        size_t n = 1;
        _cleanup_cert_pair_ struct cert_pair throwaway = { 0 }, ca = { 0 };
        int r;

        strv_add(&names, sim_talos_hostname(t->machine));
        for (size_t i = 0; t->config && i < t->config->cert_sans.n; i++) {
                if (!ip6_parse(t->config->cert_sans.items[i], &a))
                        strv_add(&names, t->config->cert_sans.items[i]);
                else if (n < ARRAY_SIZE(addresses))
                        addresses[n++] = a;
        }
        struct cert_spec s = { .organizations = maintenance_organizations, .not_before_ms = loop_now_ms(t->world->loop),
                               .lifetime_ms = CERTIFICATE_LIFE_MS, .key = CERT_KEY_ED25519, .server_auth = true };
        const struct cert_pair *issuer = t->maintenance ? &throwaway : &ca;
        if (t->maintenance) {
                r = cert_make_ca(&s, &throwaway, err);
        } else {
                ca.cert_pem = xstrdup(t->config->os_ca.cert_pem);
                ca.key_pem = xstrdup(t->config->os_ca.key_pem);
                r = 0;
        }
        s.organizations = NULL;
        s.common_name = sim_talos_hostname(t->machine);
        s.dns_names = &names;
        s.addresses = addresses;
        s.n_addresses = n;
        s.loopback = true;
        s.key = CERT_KEY_LIKE_CA;
        struct cert_pair fresh = { 0 };
        if (r < 0 || (r = cert_issue(issuer, &s, &fresh, err)) < 0)
                return error_wrap(err, "the API's certificate");
        cert_pair_done(&t->serving);
        t->serving = fresh;
        return 0;
}

static void close_api(struct sim_talos *t) {
        http2_server_free(t->server);
        sim_tls_spoil_done(&t->spoil);
        t->server = NULL;
        t->api_up = false;
        while (t->n_calls > 0)           /* proxied from other nodes */
                grpc_fail(t->calls[t->n_calls - 1], GRPC_UNAVAILABLE, "the connection to the node was lost");
}

/* --- maintenance --- */

static void serve_or_say(struct sim_talos *t) {
        _cleanup_error_ struct error err = ERROR_INIT;
        if ((t->maintenance && talos_issue_certificate(t, &err) < 0) || talos_serve(t, &err) < 0)
                talos_set_reason(t, error_text(&err));
}

static void on_maintenance(void *data) {
        struct sim_talos *t = data;
        t->maintenance = true;
        t->stage = SIM_STAGE_MAINTENANCE;
        talos_say(t, "entering maintenance service");
        serve_or_say(t);
        if (t->api_up)
                talos_say(t, "maintenance service started, waiting for a config");
        talos_touch(t);
}

/* --- running --- */

static void on_cri(void *data) {
        struct sim_talos *t = data;
        t->cri_up = true;
        talos_say(t, "service[cri](Running): Health check successful");
        sim_kube_node_up(t->machine, t->config);
        talos_touch(t);
}

static void on_trustd_connection(void *data, struct conn *c) {
        /* What a worker's request would carry (token, CSR) is settled in on_trustd_probe(): that the port is reached is what
         * counts. */
        conn_close(c);
}

static void start_trustd(struct sim_talos *t) {
        _cleanup_error_ struct error err = ERROR_INIT;
        if (t->trustd)
                return;
        if (listener_new(t->world->loop, &t->machine->addr, talos_world(t->world)->trustd_port, NULL, on_trustd_connection, t,
                         &t->trustd, &err) < 0)
                talos_set_reason(t, error_text(&err));
}

static void on_control_plane_api(void *data) {
        struct sim_talos *t = data;
        _cleanup_error_ struct error err = ERROR_INIT;
        start_trustd(t);
        if (talos_issue_certificate(t, &err) < 0 || talos_serve(t, &err) < 0)
                talos_set_reason(t, error_text(&err));
        else
                talos_say(t, "service[apid](Running): Health check successful");
        talos_touch(t);
}

/* --- a worker's certificate comes from trustd of a control plane --- */

static void try_trustd(void *data);

static void trustd_again(struct sim_talos *t, const char *reason) {
        talos_set_reason(t, reason);
        loop_timer_set(t->world->loop, &t->trustd_timer,
                       t->world->options.speed_real ? TRUSTD_RETRY_REAL_MS : TRUSTD_RETRY_INSTANT_MS, try_trustd, t);
}

/* The control plane that listens at the endpoint's address, or, with a name as endpoint, any of the cluster. */
static struct sim_talos *find_trustd(const struct sim_talos *t) {
        struct ip6_addr a;
        bool literal = ip6_parse(t->config->endpoint_host, &a);
        for (size_t i = 0;; i++) {
                struct sim_machine *m = sim_machine_nth(t->world, i);
                if (!m)
                        return NULL;
                if (m->talos && m->talos->trustd && m->talos->config &&
                    (literal ? ip6_equal(&a, &m->addr) : talos_same_cluster(t, m->talos)))
                        return m->talos;
        }
}

static void on_worker_api(void *data) {
        struct sim_talos *t = data;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct sim_talos *issuer = find_trustd(t);
        if (!issuer) {
                trustd_again(t, "trustd went away before it signed the certificate");
                return;
        }
        /* trustd signs with the CA of the control plane's config. */
        struct sim_config *own = t->config, with_key = *own;
        with_key.os_ca = issuer->config->os_ca;
        t->config = &with_key;
        int r = talos_issue_certificate(t, &err);
        t->config = own;
        if (r < 0 || talos_serve(t, &err) < 0) {
                trustd_again(t, error_text(&err));
                return;
        }
        talos_set_reason(t, NULL);
        talos_say(t, "service[apid](Running): Health check successful");
}

static void on_trustd_probe(void *data, bool reached) {
        struct sim_talos *t = data;
        struct sim_talos *issuer = find_trustd(t);
        char text[300];

        if (!reached || !issuer) {
                snprintf(text, sizeof(text),
                         "failed to generate API certificate: no trustd at %s:%u can be reached from this node",
                         t->config->endpoint_host, t->trustd_port);
                trustd_again(t, text);
        } else if (!str_eq(issuer->config->token, t->config->token)) {
                trustd_again(t, "failed to generate API certificate: rpc error: code = PermissionDenied desc = invalid trustd "
                                "token (.machine.token)");
        } else if (!str_eq(issuer->config->os_ca.cert_pem, t->config->os_ca.cert_pem)) {
                trustd_again(t, "failed to generate API certificate: tls: failed to verify certificate: x509: certificate signed "
                                "by unknown authority");
        } else {
                loop_timer_set(t->world->loop, &t->trustd_timer, talos_latency(t->machine, PHASE_TRUSTD), on_worker_api, t);
        }
}

static void try_trustd(void *data) {
        struct sim_talos *t = data;
        struct ip6_addr a;
        t->trustd_port = talos_world(t->world)->trustd_port;
        struct sim_talos *issuer = find_trustd(t);
        if (issuer)
                t->trustd_port = listener_port(issuer->trustd);
        if (!ip6_parse(t->config->endpoint_host, &a)) {
                if (!issuer) {
                        trustd_again(t, "failed to generate API certificate: the endpoint's name leads to no control plane");
                        return;
                }
                a = issuer->machine->addr;
        }
        net_probe_start(t->world->loop, &t->machine->addr, &a, t->trustd_port, TRUSTD_PROBE_MS, on_trustd_probe, t,
                        &t->trustd_probe);
}

static void enter_running(struct sim_talos *t) {
        struct sim_loop *l = t->world->loop;
        t->maintenance = false;
        t->applying = false;
        t->stage = SIM_STAGE_BOOTING;
        talos_set_reason(t, NULL);
        talos_say(t, "machine config is valid: %s of cluster %s", t->config->control_plane ? "control plane" : "worker",
                  t->config->cluster_name);
        if (!talos_time_synced(t))
                talos_set_reason(t, "time is not in sync: no IPv6 resolver in the config, and no time server by address");
        loop_timer_set(l, &t->phase_timer, talos_latency(t->machine, PHASE_CONFIG),
                       t->config->control_plane ? on_control_plane_api : try_trustd, t);
        loop_timer_set(l, &t->cri_timer, talos_latency(t->machine, PHASE_CRI), on_cri, t);
        talos_touch(t);
}

/* --- the config --- */

void talos_store(struct sim_talos *t, const struct sim_config *config) {
        strbuf_clear(&t->machine->disk);
        strbuf_adds(&t->machine->disk, config->text);
}

static void set_config(struct sim_talos *t, struct sim_config *config) {
        struct sim_config *old = t->config;
        t->config = sim_config_ref(config);
        sim_config_unref(old);
        t->applied++;
        for (size_t i = 0; i < config->warnings.n; i++)
                talos_say(t, "warning: %s", config->warnings.items[i]);
}

/* Maintenance ends after the answer has left: the API restarts with other certificates. */
static void leave_maintenance(void *data) {
        struct sim_talos *t = data;
        close_api(t);
        enter_running(t);
}

void talos_apply(struct sim_talos *t, struct sim_config *config) {
        bool was_maintenance = t->maintenance;
        set_config(t, config);
        if (was_maintenance) {
                t->applying = true;
                loop_timer_set(t->world->loop, &t->phase_timer, MAX(talos_latency(t->machine, PHASE_APPLY), (int64_t) GOODBYE_MS),
                               leave_maintenance, t);
                return;
        }
        if (t->config->control_plane && t->api_up)
                on_control_plane_api(t);         /* SANs or CAs may have changed */
        else if (t->api_up)
                loop_timer_set(t->world->loop, &t->trustd_timer, 0, try_trustd, t);
        if (t->cri_up)
                sim_kube_node_up(t->machine, t->config);
        talos_touch(t);
}

static void to_maintenance(struct sim_talos *t, const char *reason) {
        talos_set_reason(t, reason);
        loop_timer_set(t->world->loop, &t->phase_timer, talos_latency(t->machine, PHASE_MAINTENANCE), on_maintenance, t);
}

/* A config that came with the machine: from STATE or from user_data. */
static void use_config(struct sim_talos *t, const char *text, size_t len, const char *source) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_sim_config_ struct sim_config *config = NULL;
        bool partial = false;

        if (sim_config_is_partial(text, len, t->machine->talos_version, &partial, &err) == 0 && partial) {
                to_maintenance(t, "the config is incomplete: waiting for the v1alpha1 document in maintenance mode");
                return;
        }
        if (err.kind == ERR_NONE && sim_config_load(text, len, t->machine->talos_version, &config, &err) == 0) {
                set_config(t, config);
                talos_store(t, config);
                enter_running(t);
                return;
        }
        /* The controller fails and tries again, for ever; the node never reaches maintenance mode (talos: acquire.go). */
        t->rejected++;
        _cleanup_str_ char *reason = xasprintf("failed to load config from %s: %s", source, error_text(&err));
        talos_set_reason(t, reason);
}

static void acquire_config(void *data) {
        struct sim_talos *t = data;
        struct sim_machine *m = t->machine;
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_str_ char *text = NULL;
        size_t len;

        talos_say(t, "Talos %s on %s, platform hcloud", m->talos_version, m->arch);
        if (m->disk.len) {
                use_config(t, m->disk.data, m->disk.len, "STATE");
                if (talos_metadata_stolen(t))
                        talos_set_reason(
                                t,
                                "error fetching metadata: 169.254.169.254 is routed to the private network (eth1), i/o timeout");
                return;
        }
        if (talos_metadata_stolen(t)) {
                talos_set_reason(t, "failed to download config from http://169.254.169.254/hetzner/v1/userdata: the route goes "
                                    "to the private network (eth1), "
                                    "i/o timeout");
                return;
        }
        if (sim_user_data_decode(m->user_data, &text, &len, &err) < 0) {
                t->rejected++;
                talos_set_reason(t, error_text(&err));
        } else if (len == 0 || text[strspn(text, " \t\r\n")] == '\0') {
                to_maintenance(t, NULL);
        } else {
                use_config(t, text, len, "user data");
        }
}

/* --- power --- */

void sim_talos_boot(struct sim_machine *m) {
        if (m->talos || !m->talos_version)
                return;
        struct sim_talos *t = xnew0(struct sim_talos);
        uint8_t id[16];

        m->talos = t;
        t->machine = m;
        t->world = m->world;
        t->stage = SIM_STAGE_BOOTING;
        t->boot_ms = loop_now_ms(m->world->loop);
        random_bytes(id, sizeof(id));
        _cleanup_str_ char *hex = hex_encode(id, sizeof(id));
        t->boot_id = xasprintf("%.8s-%.4s-%.4s-%.4s-%.12s\n", hex, hex + 8, hex + 12, hex + 16, hex + 20);
        talos_event_sequence(t, "boot", 1, NULL);
        loop_timer_set(m->world->loop, &t->phase_timer, talos_latency(m, PHASE_KERNEL), acquire_config, t);
}

void sim_talos_halt(struct sim_machine *m) {
        struct sim_talos *t = m->talos;
        if (!t)
                return;
        if (t->cri_up)
                sim_kube_node_down(m);
        m->talos = NULL;
        close_api(t);
        listener_free(t->trustd);
        net_probe_cancel(&t->trustd_probe);
        struct loop_timer **timers[] = { &t->phase_timer, &t->cri_timer, &t->trustd_timer,
                                         &t->stop_timer,  &t->try_timer, &t->poll_timer };
        for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
                loop_timer_cancel(timers[i]);
        loop_forget(m->world->loop, t);
        talos_services_done(t);
        talos_events_done(t);
        free(t->stop_actor);
        sim_config_unref(t->config);
        sim_config_unref(t->before_try);
        cert_pair_done(&t->serving);
        strv_done(&t->dmesg);
        free(t->calls);
        free(t->reason);
        free(t->boot_id);
        free(t);
}

void sim_talos_wipe(struct sim_machine *m) {
        strbuf_done(&m->disk);
        m->disk = STRBUF_INIT;
        m->etcd_data = false;
}

static void stop_now(void *data) {
        struct sim_talos *t = data;
        struct sim_machine *m = t->machine;
        if (t->stop_wipes_state)
                strbuf_clear(&m->disk);
        if (t->stop_wipes_etcd)
                m->etcd_data = false;
        if (t->stop_wipes_all) {         /* the whole system disk: nothing is left that could boot */
                free(m->talos_version);
                m->talos_version = NULL;
        }
        t->stop_action(m);               /* may take t away */
}

/* `talosctl reset` and `shutdown` are done when this task is; `talosctl reboot` takes it for a failure and waits for the boot. It comes after the
 * answer, since talosctl asks for the events and for the reset at the same time, and leaves whoever follows the events time to read it. */
static void stop_services(void *data) {
        struct sim_talos *t = data;
        int64_t goodbye = t->n_calls ? WATCHED_GOODBYE_MS : 0;

        if (t->stage != SIM_STAGE_REBOOTING) {
                talos_event_task(t, "stopAllServices", 0, t->stop_actor);
                talos_event_task(t, "stopAllServices", 1, t->stop_actor);
        }
        loop_timer_set(t->world->loop, &t->stop_timer, MAX(talos_latency(t->machine, PHASE_STOP), goodbye), stop_now, t);
}

void talos_stop(struct sim_talos *t, enum sim_stage stage, const char *sequence, const char *actor,
                void (*action)(struct sim_machine *m)) {
        if (t->stop_timer)
                return;
        t->stage = stage;
        t->stop_action = action;
        free(t->stop_actor);
        t->stop_actor = xstrdup(actor);
        talos_say(t, "%s sequence: started by API request", sequence);
        talos_event_sequence(t, sequence, 1, actor);
        loop_timer_set(t->world->loop, &t->stop_timer, GOODBYE_MS, stop_services, t);
}

/* --- what others ask --- */

const struct sim_config *sim_talos_config(const struct sim_machine *m) {
        return m->talos && !m->talos->maintenance ? m->talos->config : NULL;
}

enum sim_stage sim_talos_stage(const struct sim_machine *m) {
        return m->talos ? m->talos->stage : SIM_STAGE_UNKNOWN;
}

const char *sim_talos_hostname(const struct sim_machine *m) {
        const struct sim_config *c = m->talos ? m->talos->config : NULL;
        return c && c->hostname ? c->hostname : m->name;
}

void sim_talos_changed(struct sim_machine *m) {
        if (m->talos)
                talos_touch(m->talos);
}

static json_t *machine_state(struct sim_machine *m) {
        static const char *const stages[] = { "unknown",   "booting",       "installing", "maintenance", "running",
                                              "rebooting", "shutting-down", "resetting",  "upgrading" };
        struct sim_talos *t = m->talos;
        if (!t)
                return NULL;
        json_t *o = json_object();
        jset_str(o, "stage", stages[t->stage]);
        jset_str(o, "reason", t->reason);
        jset_str(o, "version", m->talos_version);
        jset(o, "api", json_boolean(t->api_up));
        jset(o, "config_accepted", json_boolean(t->config != NULL && !t->maintenance));
        jset(o, "configs_applied", json_integer(t->applied));
        jset(o, "configs_rejected", json_integer(t->rejected));
        jset(o, "metadata_reachable", json_boolean(!talos_metadata_stolen(t)));
        jset(o, "etcd", json_boolean(sim_kube_etcd_running(m)));
        if (t->config) {
                jset_str(o, "type", t->config->control_plane ? "controlplane" : "worker");
                jset_str(o, "hostname", sim_talos_hostname(m));
                jset_str(o, "kubernetes", t->config->kubernetes_version);
                jset_str(o, "endpoint", t->config->endpoint);
        }
        return o;
}

const struct sim_part sim_talos_part = {
        .name = "talos", .start = part_start, .stop = part_stop, .machine_state = machine_state
};
