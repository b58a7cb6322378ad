/* A simulated cluster without sockets: the core of sim/kube with a clock that the test moves. */
#pragma once

#include "base/clock.h"
#include "base/codec.h"
#include "sim/kube/rest.h"
#include "tests/unit/unit.h"

struct kube_bench {
        struct kube_cluster *c;
        int64_t now_ms, wake_ms;         /* wake_ms -1: nobody wants to be woken */
        uint64_t random;
        bool real_speed;
        const char *fault;               /* name of the one that is on, or NULL */
};

static int64_t bench_now(void *data) { return ((struct kube_bench *) data)->now_ms; }
static int64_t bench_latency(void *data, const struct kube_machine *m, int64_t real_ms) {
        (void) m;
        return ((struct kube_bench *) data)->real_speed ? real_ms : 0;
}
static uint64_t bench_random(void *data) {
        struct kube_bench *b = data;
        b->random = b->random * 6364136223846793005u + 1442695040888963407u;
        return b->random >> 11;
}
static void bench_wake(void *data, int64_t in_ms) {
        struct kube_bench *b = data;
        if (b->wake_ms < 0 || b->now_ms + in_ms < b->wake_ms)
                b->wake_ms = b->now_ms + in_ms;
}
static bool bench_fault(void *data, const char *name, const struct kube_machine *m) {
        (void) m;
        return str_eq(((struct kube_bench *) data)->fault, name);
}

static void bench_start_at(struct kube_bench *b, bool real_speed, int64_t start_ms) {
        struct error err = ERROR_INIT;
        *b = (struct kube_bench) { .now_ms = start_ms, .wake_ms = -1, .random = 42, .real_speed = real_speed };
        struct kube_env env = { .data = b, .now_ms = bench_now, .latency = bench_latency, .random = bench_random,
                                .wake = bench_wake, .fault = bench_fault };
        struct cert_spec ca = { .common_name = "kubernetes", .not_before_ms = b->now_ms - 1000, .lifetime_ms = 86400000,
                                .key = CERT_KEY_P256 };
        struct kube_settings s = { .cluster_id = xstrdup("id"), .cluster_name = xstrdup("test"),
                                   .dns_domain = xstrdup("cluster.local"),
                                   .kubernetes_version = xstrdup("v1.36.3"), .coredns = true, .talos_api_access = true };
        strv_add(&s.talos_api_namespaces, "kube-system");
        ck_ok(cert_make_ca(&ca, &s.ca, &err), err);
        ck_assert(ip6_prefix_parse("fd40:10:100::/112", &s.service_subnet, NULL));
        b->c = kube_cluster_new(&env, &s);
        bench_wake(b, 0);
}

static _unused_ void bench_start(struct kube_bench *b, bool real_speed) {
        bench_start_at(b, real_speed, 1795000000000);
}

static _unused_ void bench_stop(struct kube_bench *b) {
        kube_cluster_free(b->c);
}

/* Runs passes until nothing is wanted before span_ms from now; the clock ends there. */
static _unused_ void bench_run(struct kube_bench *b, int64_t span_ms) {
        int64_t end = b->now_ms + span_ms;
        for (int i = 0; b->wake_ms >= 0 && b->wake_ms <= end; i++) {
                ck_assert_msg(i < 2000, "the controllers never come to rest");
                b->now_ms = MAX(b->now_ms, b->wake_ms);
                b->wake_ms = -1;
                kube_reconcile(b->c);
        }
        b->now_ms = end;
}

static _unused_ struct kube_machine *bench_machine(struct kube_bench *b, const char *name, const char *prefix,
                                                   bool control_plane) {
        struct kube_node_settings s = { .name = xstrdup(name), .server_id = 4711 + (int64_t) b->c->n_machines,
                                        .location = xstrdup("hel1"), .arch = xstrdup("x86"),
                                        .talos_version = xstrdup("v1.13.9"), .kubernetes_version = xstrdup("v1.36.3"),
                                        .kubelet_image = xstrdup("ghcr.io/siderolabs/kubelet:v1.36.3"),
                                        .cluster_name = xstrdup("test"), .cores = 2, .memory_gib = 4,
                                        .disk_gb = 40, .control_plane = control_plane, .external_cloud_provider = true,
                                        .rotate_certificates = true,
                                        .has_node_ip = true };
        ck_assert(ip6_prefix_parse(prefix, &s.prefix, NULL));
        s.addr = ip6_host(&s.prefix, 1);
        struct kube_machine *m = kube_machine_add(b->c, &s);
        kube_machine_up(m);
        m->reached = true;
        return m;
}

/* A request of an administrator; the answer's body as JSON, its status in *ret_status. New reference. */
static _unused_ json_t *bench_call(struct kube_bench *b, const char *method, const char *path, const char *query,
                                   const char *type, const char *body, int *ret_status) {
        struct strv groups = { 0 }, parts = { 0 };
        struct kvs q = { 0 };
        strv_add(&groups, "system:masters");
        if (query)
                strv_split(&parts, query, '&');
        for (size_t i = 0; i < parts.n; i++) {
                char *eq = strchr(parts.items[i], '=');
                *eq = '\0';
                kvs_set(&q, parts.items[i], eq + 1);
        }
        struct kube_request r = { .method = method, .path = path, .query = q, .content_type = type, .user_agent = "test/1",
                                  .body = body ? body : "",
                                  .body_len = body ? strlen(body) : 0, .user = "admin", .groups = &groups };
        struct kube_answer a = { 0 };
        kube_handle(b->c, &r, &a);
        json_t *out = a.body ? json_loads(a.body, JSON_DECODE_ANY, NULL) : NULL;
        if (ret_status)
                *ret_status = a.status;
        kube_answer_done(&a);
        strv_done(&groups);
        strv_done(&parts);
        kvs_done(&q);
        return out;
}

#define MERGE "application/merge-patch+json"
#define STRATEGIC "application/strategic-merge-patch+json"
#define APPLY "application/apply-patch+yaml"
#define JSON "application/json"

/* The call must answer with this status; prints the body otherwise. */
#define ck_call(b, want, method, path, query, type, body)                                                                     \
        ({                                                                                                                    \
                int _status;                                                                                                  \
                json_t *_answer = bench_call(b, method, path, query, type, body, &_status);                                   \
                _cleanup_str_ char *_text = _answer ? json_dumps(_answer, JSON_ENCODE_ANY) : xstrdup("");                     \
                ck_assert_msg(_status == (want), "%s %s: %d, not %d: %s", method, path, _status, want, _text);                \
                _answer;                                                                                                      \
        })
#define ck_text(object, path, want) ck_assert_str_eq(jget_text(object, path) ? jget_text(object, path) : "(absent)", want)
