/* The simulated node, driven over loopback with hand-made gRPC frames. The world around it is made of the stubs below. */
#include "sim-net.h"

#include <unistd.h>

#include "base/codec.h"
#include "sim/kube/kube.h"
#include "sim/talos/proto.h"
#include "sim/talos/talos.h"
#include "sim/world/faults.h"

/* --- the world --- */

static struct loop_thread lt;
static struct http_engine *engine;
static struct sim_world world;
static struct sim_machine machines[2];
enum { CA_OS, CA_KUBERNETES, CA_AGGREGATOR, CA_ETCD, CA_COUNT };
static struct cert_pair authorities[CA_COUNT];
static _Atomic bool etcd_runs, node_ready, route_fault;
static _Atomic int node_ups, node_downs, bootstraps, resets, power_offs;

int64_t sim_latency(struct sim_world *w, const struct sim_machine *m, int64_t real_ms) { return 0; }
void sim_say(struct sim_world *w, const char *fmt, ...) { }
void sim_trace_exchange(struct sim_world *w, const char *part, const char *peer, const char *method, const char *target,
                        const char *request_body, size_t request_len, int status, const char *response_body,
                        size_t response_len) {}
bool sim_fault_machine(struct sim_world *w, const char *name, const struct sim_machine *m) {
        return route_fault && str_eq(name, "metadata-route");
}
/* The one fault that holds, by its name; it strikes calls of Bootstrap, and connections. */
static const char *_Atomic fault_name;
const struct sim_fault *sim_fault_hit(struct sim_world *w, const char *name, const struct kv *facts, size_t n) {
        bool call = str_eq(facts[0].key, "route") && str_eq(facts[0].value, "/machine.MachineService/Bootstrap");
        return str_eq(fault_name, name) && (call || str_eq(facts[0].value, "talos")) ? (const struct sim_fault *) &fault_name : NULL;
}
double sim_fault_number(const struct sim_fault *f, const char *key, double otherwise) { return otherwise; }
struct sim_machine *sim_machine_nth(struct sim_world *w, size_t n) { return n < 2 && machines[n].name ? &machines[n] : NULL; }
void sim_hetzner_power_off(struct sim_machine *m) { power_offs++; }
void sim_hetzner_reset(struct sim_machine *m) { resets++; }
void sim_kube_bootstrap(struct sim_machine *m, const struct sim_config *config) { bootstraps++; }
void sim_kube_node_up(struct sim_machine *m, const struct sim_config *config) { node_ups++; }
void sim_kube_node_down(struct sim_machine *m) { node_downs++; }
bool sim_kube_etcd_running(struct sim_machine *m) { return etcd_runs && m == &machines[0]; }
bool sim_kube_node_ready(struct sim_machine *m) { return node_ready; }
bool sim_kube_node_pod_cidr(struct sim_machine *m, struct ip6_prefix *ret) { return false; }
bool sim_kube_etcd_remove(struct sim_machine *m, uint64_t id) { return false; }
size_t sim_kube_etcd_members(struct sim_machine *m, struct sim_etcd_member *ret, size_t max) {
        ret[0] = (struct sim_etcd_member) { .id = 0xf00d, .hostname = machines[0].name, .addr = machines[0].addr };
        return etcd_runs ? 1 : 0;
}

static void call_on_loop(void (*fn)(struct sim_machine *), struct sim_machine *m) {
        loop_thread_stop(&lt);
        fn(m);
        loop_thread_start(&lt);
}

static void make_machine(struct sim_machine *m, const char *name, const char *user_data) {
        *m = (struct sim_machine){ .world = &world,
                                   .server_id = 42,
                                   .name = xstrdup(name),
                                   .location = "hel1",
                                   .server_type = "cx23",
                                   .arch = "x86",
                                   .cores = 2,
                                   .memory_gib = 4,
                                   .disk_gb = 40,
                                   .addr = loopback(),
                                   .user_data = xstrdup(user_data),
                                   .powered = true,
                                   .boot_count = 1 };
        m->talos_version = xstrdup("v1.13.9");
        m->prefix = (struct ip6_prefix) { .len = 64 };
}

static void setup(void) {
        struct error err = ERROR_INIT;
        ck_ok(loop_new(&lt.loop, &err), err);
        ck_ok(http_engine_new("test", &engine, &err), err);
        world = (struct sim_world) { .loop = lt.loop };
        sim_talos_set_ports(&world, 0, 0);
        etcd_runs = node_ready = route_fault = false;
        node_ups = node_downs = bootstraps = resets = power_offs = 0;
        loop_thread_start(&lt);
}

static void teardown(void) {
        http_engine_free(engine);
        loop_thread_stop(&lt);
        for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
                sim_talos_halt(&machines[i]);
                sim_talos_wipe(&machines[i]);
                free(machines[i].name);
                free(machines[i].user_data);
                free(machines[i].talos_version);
                machines[i] = (struct sim_machine) { 0 };
        }
        sim_talos_part.stop(&world);
        for (size_t i = 0; i < CA_COUNT; i++)
                cert_pair_done(&authorities[i]);
        loop_free(lt.loop);
}

/* --- configs --- */

static void add_pair(struct strbuf *b, const char *indent, const char *name, const struct cert_pair *p, bool with_key) {
        _cleanup_str_ char *crt = base64_encode(p->cert_pem, strlen(p->cert_pem)),
                           *key = base64_encode(p->key_pem, strlen(p->key_pem));
        strbuf_addf(b, "%s%s:\n%s    crt: %s\n%s    key: \"%s\"\n", indent, name, indent, crt, indent, with_key ? key : "");
}

/* The smallest config that is accepted and of use: the same authorities for all machines of a test, [::1] as endpoint. */
static char *config_text(bool control_plane) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (size_t i = 0; i < CA_COUNT; i++)
                if (!authorities[i].cert_pem)
                        make_ca(&authorities[i]);
        strbuf_addf(&b, "version: v1alpha1\nmachine:\n    type: %s\n    token: abcdef.0123456789abcdef\n",
                    control_plane ? "controlplane" : "worker");
        add_pair(&b, "    ", "ca", &authorities[CA_OS], control_plane);
        strbuf_adds(&b,
                    "    kubelet:\n        image: ghcr.io/siderolabs/kubelet:v1.36.3\n    network:\n        nameservers:\n       "
                    "     - 2001:db8::53\n"
                    "    sysctls:\n        vm.swappiness: \"0\"\ncluster:\n    id: test\n    secret: test\n    controlPlane:\n"
                    "        endpoint: https://[::1]:6443\n    clusterName: demo\n    network:\n        cni:\n            name: "
                    "none\n");
        add_pair(&b, "    ", "ca", &authorities[CA_KUBERNETES], control_plane);
        if (control_plane) {
                _cleanup_str_ char *key = base64_encode(authorities[CA_OS].key_pem, strlen(authorities[CA_OS].key_pem));
                add_pair(&b, "    ", "aggregatorCA", &authorities[CA_AGGREGATOR], true);
                strbuf_addf(&b, "    serviceAccount:\n        key: %s\n    etcd:\n", key);
                add_pair(&b, "        ", "ca", &authorities[CA_ETCD], true);
        }
        return strbuf_take(&b);
}

/* The client certificate comes from the CA in the config. */
static void client_of(const char *config, const char *role, bool also_server, struct cert_pair *ca, struct cert_pair *client) {
        const char *organizations[] = { role, NULL };
        struct error err = ERROR_INIT;
        struct sim_config *c;
        ck_ok(sim_config_load(config, strlen(config), "v1.13.9", &c, &err), err);
        ca->cert_pem = xstrdup(c->os_ca.cert_pem);
        ca->key_pem = xstrdup(c->os_ca.key_pem);
        struct cert_spec s = { .organizations = organizations,
                               .client_auth = true,
                               .server_auth = also_server,
                               .not_before_ms = 1700000000000,
                               .lifetime_ms = 1000000000000 };
        ck_ok(cert_issue(ca, &s, client, &err), err);
        sim_config_unref(c);
}

/* --- calls --- */

struct answer { int status; char *message; struct strbuf body; };
static void answer_done(struct answer *a) {
        free(a->message);
        strbuf_done(&a->body);
        *a = (struct answer) { 0 };
}

static struct answer call(const struct sim_machine *m, const struct cert_pair *ca, const struct cert_pair *client,
                          const char *path, const struct strbuf *request, const char *nodes) {
        _cleanup_str_ char *url = xasprintf("https://[::1]:%u%s", sim_talos_api_port(m), path);
        _cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
        _cleanup_kvs_ struct kvs headers = { 0 };
        struct http_tls tls = { .insecure = ca == NULL,
                                .ca_pem = ca ? ca->cert_pem : NULL,
                                .cert_pem = client ? client->cert_pem : NULL,
                                .key_pem = client ? client->key_pem : NULL };
        size_t n = request ? request->len : 0;
        const uint8_t prefix[5] = { 0, (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8), (uint8_t) n };
        struct http_response r = { 0 };
        struct error err = ERROR_INIT;
        strbuf_add(&body, prefix, 5);
        if (n)
                strbuf_add(&body, request->data, n);
        kvs_set(&headers, "content-type", "application/grpc");
        kvs_set(&headers, "te", "trailers");
        if (nodes)
                kvs_set(&headers, "nodes", nodes);
        struct http_request q = { .method = "POST",
                                  .url = url,
                                  .headers = &headers,
                                  .body = body.data,
                                  .body_len = body.len,
                                  .tls = &tls,
                                  .version = HTTP_2,
                                  .timeout_ms = 5000,
                                  .fresh = true };
        struct answer a = { .status = -1 };
        if (http_perform(engine, &q, &r, &err) == 0) {
                const char *status = kvs_get(&r.headers, "grpc-status"), *message = kvs_get(&r.headers, "grpc-message");
                a.status = status ? atoi(status) : -2;
                a.message = percent_decode(message ? message : "");
                strbuf_add(&a.body, strbuf_str(&r.body), r.body.len);
        } else {
                a.message = xstrdup(error_text(&err));
        }
        error_done(&err);
        http_response_done(&r);
        return a;
}

/* Field path inside the first message of an answer: length-delimited fields on the way, the last may be a number. */
static bool dig(const struct answer *a, const unsigned *path, size_t n, struct pb_value *ret) {
        struct pb_reader r = pb_reader(a->body.len > 5 ? a->body.data + 5 : "", a->body.len > 5 ? a->body.len - 5 : 0);
        for (size_t i = 0; i < n; i++) {
                bool found = false;
                while (!found && pb_next(&r, ret))
                        found = ret->field == path[i];
                if (!found)
                        return false;
                r = pb_reader(ret->bytes ? ret->bytes : (const uint8_t *) "", ret->n);
        }
        return true;
}
#define DIG(a, v, ...) ({ const unsigned p_[] = { __VA_ARGS__ }; dig(&(a), p_, ARRAY_SIZE(p_), v); })

static void apply_request(const char *text, unsigned mode, struct strbuf *b) {
        pb_bytes(b, 1, text, strlen(text));
        pb_uint(b, 4, mode);
}

static void status_request(struct strbuf *b) {
        pb_text(b, 1, "runtime");
        pb_text(b, 2, "MachineStatuses.runtime.talos.dev");
        pb_text(b, 3, "machine");
}

static bool wait_for(bool (*condition)(const struct sim_machine *), const struct sim_machine *m) {
        for (int i = 0; i < 1500; i++) {
                bool holds;
                loop_thread_stop(&lt);
                holds = condition(m);
                loop_thread_start(&lt);
                if (holds)
                        return true;
                usleep(2000);
        }
        return false;
}

/* Lets the loop do all it has to do at this time, on this thread; it stays stopped. */
static void settle(void) {
        loop_thread_stop(&lt);
        for (int i = 0; i < 50; i++)
                ck_assert_int_eq(loop_turn(lt.loop, 1, NULL), 0);
}

static bool in_maintenance(const struct sim_machine *m) {
        return sim_talos_stage(m) == SIM_STAGE_MAINTENANCE && sim_talos_api_port(m);
}
static bool has_config(const struct sim_machine *m) { return sim_talos_config(m) && sim_talos_api_port(m); }

static void boot_to_running(struct sim_machine *m, const char *config) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        call_on_loop(sim_talos_boot, m);
        ck_assert(wait_for(in_maintenance, m));
        apply_request(config, 1, &b);
        struct answer a = call(m, NULL, NULL, "/machine.MachineService/ApplyConfiguration", &b, NULL);
        /* The node starts again at once: on a busy machine its connections end before the answer is read. That it has the config decides. */
        ck_assert_msg(a.status == 0 || a.status == -1, "%d %s", a.status, a.message);
        answer_done(&a);
        ck_assert(wait_for(has_config, m));
}

/* --- tests --- */

START_TEST(maintenance_mode) {
        struct sim_machine *m = &machines[0];
        struct pb_value v;
        make_machine(m, "cp-1", NULL);
        call_on_loop(sim_talos_boot, m);
        ck_assert(wait_for(in_maintenance, m));
        _cleanup_strbuf_ struct strbuf q = STRBUF_INIT;
        status_request(&q);
        _cleanup_(answer_done) struct answer status = call(m, NULL, NULL, "/cosi.resource.State/Get", &q, NULL);
        ck_assert_int_eq(status.status, 0);
        ck_assert(DIG(status, &v, 1, 2, 1, 1));          /* resource.spec.proto_spec.stage */
        ck_assert_uint_eq(v.number, 3);
        ck_assert(DIG(status, &v, 1, 2, 2));
        _cleanup_str_ char *yaml = pb_copy(&v);
        ck_assert_ptr_nonnull(strstr(yaml, "stage: maintenance"));
        _cleanup_(answer_done) struct answer version = call(m, NULL, NULL, "/machine.MachineService/Version", NULL, NULL);
        ck_assert(DIG(version, &v, 1, 2, 1));
        _cleanup_str_ char *tag = pb_copy(&v);
        ck_assert_str_eq(tag, "v1.13.9");
        _cleanup_(answer_done) struct answer forbidden = call(m, NULL, NULL, "/machine.MachineService/Bootstrap", NULL, NULL);
        ck_assert_int_eq(forbidden.status, 7);
        _cleanup_(answer_done) struct answer unknown = call(m, NULL, NULL, "/machine.MachineService/Nonsense", NULL, NULL);
        ck_assert_int_eq(unknown.status, 12);
        _cleanup_strbuf_ struct strbuf bad = STRBUF_INIT;
        apply_request("machine:\n    typo: 1\n", 1, &bad);
        _cleanup_(answer_done) struct answer refused =
                call(m, NULL, NULL, "/machine.MachineService/ApplyConfiguration", &bad, NULL);
        ck_assert_int_eq(refused.status, 3);
        ck_assert_ptr_nonnull(strstr(refused.message, "unknown keys"));
        ck_assert(wait_for(in_maintenance, m));
        json_t *state = sim_talos_part.machine_state(m);
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(state, "reason")), "unknown keys"));
        json_decref(state);
}
END_TEST

START_TEST(control_plane_from_push_to_bootstrap) {
        _cleanup_str_ char *config = config_text(true);
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, admin = { 0 }, reader_ca = { 0 }, reader = { 0 }, both_ca = { 0 },
                                             both = { 0 };
        struct sim_machine *m = &machines[0];
        struct pb_value v;
        make_machine(m, "cp-1", NULL);
        boot_to_running(m, config);
        ck_assert_str_eq(m->disk.data, config);
        client_of(config, "os:admin", false, &ca, &admin);
        client_of(config, "os:reader", false, &reader_ca, &reader);
        client_of(config, "os:admin", true, &both_ca, &both);

        _cleanup_(answer_done) struct answer version = call(m, &ca, &admin, "/machine.MachineService/Version", NULL, "::1");
        ck_assert_int_eq(version.status, 0);
        ck_assert(DIG(version, &v, 1, 1, 1));            /* metadata.hostname says which node */
        _cleanup_str_ char *node = pb_copy(&v);
        ck_assert_str_eq(node, "::1");
        _cleanup_(answer_done) struct answer nobody = call(m, &ca, NULL, "/machine.MachineService/Version", NULL, NULL);
        ck_assert_int_eq(nobody.status, -1);
        _cleanup_(answer_done) struct answer two_uses = call(m, &ca, &both, "/machine.MachineService/Version", NULL, NULL);
        ck_assert_int_ne(two_uses.status, 0);
        _cleanup_(answer_done) struct answer denied = call(m, &ca, &reader, "/machine.MachineService/Bootstrap", NULL, NULL);
        ck_assert_int_eq(denied.status, 7);

        for (int i = 0; i < 500 && !node_ups; i++)
                usleep(2000);
        ck_assert_int_eq(node_ups, 1);
        _cleanup_(answer_done) struct answer first = call(m, &ca, &admin, "/machine.MachineService/Bootstrap", NULL, NULL);
        ck_assert_msg(first.status == 0, "%s", first.message);
        ck_assert_int_eq(bootstraps, 1);
        _cleanup_(answer_done) struct answer second = call(m, &ca, &admin, "/machine.MachineService/Bootstrap", NULL, NULL);
        ck_assert_int_eq(second.status, 6);
        ck_assert_str_eq(second.message, "etcd data directory is not empty");

        etcd_runs = true;
        _cleanup_strbuf_ struct strbuf q = STRBUF_INIT;
        status_request(&q);
        _cleanup_(answer_done) struct answer status = call(m, &ca, &reader, "/cosi.resource.State/Get", &q, NULL);
        ck_assert(DIG(status, &v, 1, 2, 1, 1));
        ck_assert_uint_eq(v.number, SIM_STAGE_RUNNING);
        ck_assert(!DIG(status, &v, 1, 2, 1, 2, 1));      /* not ready: the Node is not */
        _cleanup_(answer_done) struct answer members =
                call(m, &ca, &reader, "/machine.MachineService/EtcdMemberList", NULL, NULL);
        ck_assert(DIG(members, &v, 1, 3, 2));
        ck_assert_uint_eq(v.number, 0xf00d);
        _cleanup_(answer_done) struct answer kubeconfig = call(m, &ca, &admin, "/machine.MachineService/Kubeconfig", NULL, NULL);
        ck_assert(DIG(kubeconfig, &v, 2));
        uint8_t *tar;
        size_t n;
        ck_assert_int_eq(gzip_decompress(v.bytes, v.n, 1 << 20, &tar, &n, NULL), 0);
        ck_assert_str_eq((char *) tar, "kubeconfig");
        ck_assert_ptr_nonnull(memmem(tar, n, "current-context: admin@demo", 27));
        free(tar);
        _cleanup_strbuf_ struct strbuf secret = STRBUF_INIT;
        pb_text(&secret, 1, "config");
        pb_text(&secret, 2, "MachineConfigs.config.talos.dev");
        pb_text(&secret, 3, "v1alpha1");
        _cleanup_(answer_done) struct answer hidden = call(m, &ca, &reader, "/cosi.resource.State/Get", &secret, NULL);
        ck_assert_int_eq(hidden.status, 7);
        _cleanup_(answer_done) struct answer shown = call(m, &ca, &admin, "/cosi.resource.State/Get", &secret, NULL);
        ck_assert(DIG(shown, &v, 1, 2, 1, 1));
        ck_assert_uint_eq(v.n, strlen(config));
}
END_TEST

START_TEST(apply_modes_and_reboot) {
        _cleanup_str_ char *config = config_text(true);
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, admin = { 0 };
        struct sim_machine *m = &machines[0];
        struct pb_value v;
        make_machine(m, "cp-1", NULL);
        boot_to_running(m, config);
        client_of(config, "os:admin", false, &ca, &admin);
        char *at = strstr(config, "    sysctls:\n");
        _cleanup_str_ char *env = xasprintf("%.*s    env:\n        A: b\n%s", (int) (at - config), config, at);
        char *warning = strstr(config, "vm.swappiness: \"0\"");
        _cleanup_str_ char *sysctl = xasprintf("%.*svm.swappiness: \"1\"%s", (int) (warning - config), config,
                                               warning + strlen("vm.swappiness: \"0\""));

        _cleanup_strbuf_ struct strbuf no_reboot = STRBUF_INIT, harmless = STRBUF_INIT, automatic = STRBUF_INIT;
        apply_request(env, 2, &no_reboot);
        _cleanup_(answer_done) struct answer refused =
                call(m, &ca, &admin, "/machine.MachineService/ApplyConfiguration", &no_reboot, NULL);
        ck_assert_int_eq(refused.status, 3);
        apply_request(sysctl, 2, &harmless);
        _cleanup_(answer_done) struct answer applied =
                call(m, &ca, &admin, "/machine.MachineService/ApplyConfiguration", &harmless, NULL);
        ck_assert_int_eq(applied.status, 0);
        ck_assert(DIG(applied, &v, 1, 3));
        ck_assert_uint_eq(v.number, 2);
        ck_assert_str_eq(m->disk.data, sysctl);
        ck_assert_int_eq(resets, 0);
        apply_request(env, 1, &automatic);
        _cleanup_(answer_done) struct answer rebooted =
                call(m, &ca, &admin, "/machine.MachineService/ApplyConfiguration", &automatic, NULL);
        ck_assert_int_eq(rebooted.status, 0);
        ck_assert(!DIG(rebooted, &v, 1, 3));             /* REBOOT is 0 */
        for (int i = 0; i < 500 && !resets; i++)
                usleep(2000);
        ck_assert_int_eq(resets, 1);
        ck_assert_str_eq(m->disk.data, env);
        /* After the reset the node boots with what is on its disk, not into maintenance. */
        call_on_loop(sim_talos_halt, m);
        ck_assert_int_eq(node_downs, 1);
        call_on_loop(sim_talos_boot, m);
        ck_assert(wait_for(has_config, m));
}
END_TEST

/* A worker has no certificate before a control plane with its token answers at the endpoint. */
START_TEST(worker_waits_for_trustd) {
        _cleanup_str_ char *cp = config_text(true), *worker = config_text(false);
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, admin = { 0 };
        _cleanup_str_ char *packed = base64_encode(worker, strlen(worker));
        make_machine(&machines[1], "worker-1", packed);
        call_on_loop(sim_talos_boot, &machines[1]);
        settle();
        ck_assert_uint_eq(sim_talos_api_port(&machines[1]), 0);
        ck_assert_ptr_nonnull(sim_talos_config(&machines[1]));
        json_t *state = sim_talos_part.machine_state(&machines[1]);
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(state, "reason")), "no trustd"));
        json_decref(state);
        loop_thread_start(&lt);
        make_machine(&machines[0], "cp-1", NULL);
        boot_to_running(&machines[0], cp);
        loop_thread_stop(&lt);
        loop_forward(lt.loop, 2000);
        loop_thread_start(&lt);
        ck_assert(wait_for(has_config, &machines[1]));
        client_of(cp, "os:admin", false, &ca, &admin);
        _cleanup_(answer_done) struct answer a = call(&machines[1], &ca, &admin, "/machine.MachineService/Hostname", NULL, NULL);
        ck_assert_msg(a.status == 0, "%s", a.message);
        _cleanup_(answer_done) struct answer b = call(&machines[1], &ca, &admin, "/machine.MachineService/Bootstrap", NULL, NULL);
        ck_assert_int_eq(b.status, 12);
        _cleanup_(answer_done) struct answer forward =
                call(&machines[1], &ca, &admin, "/machine.MachineService/Hostname", NULL, "2001:db8:9::1");
        ck_assert_int_eq(forward.status, 7);
}
END_TEST

START_TEST(calls_are_refused_and_answers_spoilt) {
        /* status -1: the exchange broke; -2: it ended without a gRPC status */
        static const struct { const char *name; int status; int done; } cases[] = {
                { "talos-error", 14, 0 }, { "talos-drop-before", -1, 0 }, { "talos-html", -2, 0 }, { "talos-endless", -1, 0 }, { "tls-alert", -1, 0 },
                { "stranger", -1, 0 }, { "talos-drop", -1, 1 }, { "talos-empty", -2, 1 }, { "talos-silent", -1, 1 }, { "talos-garbled", 0, 1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *config = config_text(true);
                _cleanup_cert_pair_ struct cert_pair ca = { 0 }, admin = { 0 };
                struct sim_machine *m = &machines[0];
                make_machine(m, "cp-1", NULL);
                boot_to_running(m, config);
                client_of(config, "os:admin", false, &ca, &admin);
                for (int k = 0; k < 500 && !node_ups; k++)
                        usleep(2000);
                fault_name = cases[i].name;
                _cleanup_(answer_done) struct answer a = call(m, &ca, &admin, "/machine.MachineService/Bootstrap", NULL, NULL);
                ck_assert_msg(a.status == cases[i].status, "%s: %d, %s", cases[i].name, a.status, a.message);
                ck_assert_msg(bootstraps == cases[i].done, "%s: done %d times", cases[i].name, bootstraps);
                fault_name = NULL;
                teardown();
                setup();
        }
}
END_TEST

START_TEST(bad_user_data_loops) {
        make_machine(&machines[0], "w", "machine:\n    type: worker\n    nonsense: 1\n");
        call_on_loop(sim_talos_boot, &machines[0]);
        settle();
        ck_assert_uint_eq(sim_talos_api_port(&machines[0]), 0);
        ck_assert_int_eq(sim_talos_stage(&machines[0]), SIM_STAGE_BOOTING);
        json_t *state = sim_talos_part.machine_state(&machines[0]);
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(state, "reason")), "nonsense"));
        json_decref(state);
}
END_TEST

START_TEST(stolen_metadata_route) {
        _cleanup_str_ char *worker = config_text(false);
        make_machine(&machines[0], "w", worker);
        machines[0].private_network = true;
        route_fault = true;
        call_on_loop(sim_talos_boot, &machines[0]);
        settle();
        ck_assert_ptr_null(sim_talos_config(&machines[0]));
        json_t *state = sim_talos_part.machine_state(&machines[0]);
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(state, "reason")), "userdata"));
        ck_assert(!json_is_true(json_object_get(state, "metadata_reachable")));
        json_decref(state);
}
END_TEST

START_TEST(reset_wipes) {
        _cleanup_str_ char *config = config_text(true);
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, admin = { 0 };
        struct sim_machine *m = &machines[0];
        make_machine(m, "cp-1", NULL);
        boot_to_running(m, config);
        client_of(config, "os:admin", false, &ca, &admin);
        m->etcd_data = true;
        _cleanup_strbuf_ struct strbuf q = STRBUF_INIT, state = STRBUF_INIT, ephemeral = STRBUF_INIT;
        pb_text(&state, 1, "STATE");
        pb_bool(&state, 2, true);
        pb_text(&ephemeral, 1, "EPHEMERAL");
        pb_bool(&ephemeral, 2, true);
        pb_message(&q, 3, &state);
        pb_message(&q, 3, &ephemeral);
        pb_bool(&q, 2, true);
        _cleanup_(answer_done) struct answer a = call(m, &ca, &admin, "/machine.MachineService/Reset", &q, NULL);
        ck_assert_int_eq(a.status, 0);
        for (int i = 0; i < 500 && !resets; i++)
                usleep(2000);
        ck_assert_int_eq(resets, 1);
        ck_assert_uint_eq(m->disk.len, 0);
        ck_assert(!m->etcd_data);
        ck_assert_ptr_nonnull(m->talos_version);
}
END_TEST

/* A watch first tells the state, then each change. */
static int stop_after_two(void *data, const void *p, size_t n) {
        struct strbuf *b = data;
        strbuf_add(b, p, n);
        return b->len && memmem(b->data, b->len, "ready: true", 11) ? 1 : 0;
}

START_TEST(watch_sees_changes) {
        _cleanup_str_ char *config = config_text(true);
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, admin = { 0 };
        struct sim_machine *m = &machines[0];
        make_machine(m, "cp-1", NULL);
        boot_to_running(m, config);
        client_of(config, "os:admin", false, &ca, &admin);
        etcd_runs = node_ready = true;
        for (int i = 0; i < 500 && !node_ups; i++)
                usleep(2000);
        _cleanup_strbuf_ struct strbuf q = STRBUF_INIT, body = STRBUF_INIT, got = STRBUF_INIT;
        status_request(&q);
        pb_uint(&q, 5, 1);
        const uint8_t prefix[5] = { 0, 0, 0, 0, (uint8_t) q.len };
        strbuf_add(&body, prefix, 5);
        strbuf_add(&body, q.data, q.len);
        _cleanup_str_ char *url = xasprintf("https://[::1]:%u/cosi.resource.State/Watch", sim_talos_api_port(m));
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "content-type", "application/grpc");
        kvs_set(&headers, "te", "trailers");
        struct http_tls tls = { .ca_pem = ca.cert_pem, .cert_pem = admin.cert_pem, .key_pem = admin.key_pem };
        struct http_request request = { .method = "POST",
                                        .url = url,
                                        .headers = &headers,
                                        .body = body.data,
                                        .body_len = body.len,
                                        .tls = &tls,
                                        .version = HTTP_2,
                                        .timeout_ms = 5000,
                                        .on_data = stop_after_two,
                                        .on_data_arg = &got };
        struct http_response r = { 0 };
        struct error err = ERROR_INIT;
        ck_fails(http_perform(engine, &request, &r, &err), err, ERR_CANCELLED);
        error_done(&err);
        http_response_done(&r);
        ck_assert(memmem(got.data, got.len, "stage: running", 14) != NULL);
        ck_assert(got.len > 5 && memcmp(got.data, "\0\0\0\0\0", 5) == 0);      /* the empty first answer */
}
END_TEST

static Suite *node_suite(void) {
        Suite *s = suite_create("sim/talos node");
        TCase *c = tcase_create("node");
        tcase_set_timeout(c, 60);
        tcase_add_checked_fixture(c, setup, teardown);
        tcase_add_test(c, maintenance_mode);
        tcase_add_test(c, control_plane_from_push_to_bootstrap);
        tcase_add_test(c, apply_modes_and_reboot);
        tcase_add_test(c, worker_waits_for_trustd);
        tcase_add_test(c, bad_user_data_loops);
        tcase_add_test(c, calls_are_refused_and_answers_spoilt);
        tcase_add_test(c, stolen_metadata_route);
        tcase_add_test(c, reset_wipes);
        tcase_add_test(c, watch_sees_changes);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(node_suite())
