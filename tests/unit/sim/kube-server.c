/* The simulated API server over real TLS on loopback: who may, what its certificate says, how a watch streams. */
#include "sim/kube/server.h"
#include "tests/unit/sim/kube-world.h"
#include "sim/world/faults.h"
#include "tests/unit/sim/sim-net.h"

struct bed {
        struct kube_bench bench;
        struct loop_thread loop;
        struct kube_server *server;
        struct http_engine *engine;
        struct cert_pair ca, admin, nobody;
        struct sim_world world;          /* for its faults alone */
        char *url;
};

static void bed_start(struct bed *b) {
        static const char *const masters[] = { "system:masters", NULL }, *const others[] = { "others", NULL };
        struct error err = ERROR_INIT;
        *b = (struct bed) { 0 };
        bench_start_at(&b->bench, false, clock_now_ms(NULL) - 20000);     /* certificates are judged by the real clock */
        bench_machine(&b->bench, "cp-1", "2001:db8:1::/64", true);
        b->bench.c->machines[0]->settings.cni_built_in = true;
        bench_run(&b->bench, 10000);
        ck_ok(loop_new(&b->loop.loop, &err), err);
        b->world = (struct sim_world) { .loop = b->loop.loop, .faults = sim_faults_new() };
        struct strv names = { 0 };
        strv_add(&names, "cp-1");
        struct kube_server_options o = { .world = &b->world, .loop = b->loop.loop, .cluster = b->bench.c, .addr = loopback(), .dns_names = &names };
        struct cert_spec spec = { .common_name = "admin", .organizations = masters, .client_auth = true,
                                  .not_before_ms = b->bench.now_ms - 1000, .lifetime_ms = 3600000 };
        ck_ok(kube_server_new(&o, &b->server, &err), err);
        ck_ok(cert_issue(&b->bench.c->settings.ca, &spec, &b->admin, &err), err);
        spec.common_name = "eve";
        spec.organizations = others;
        ck_ok(cert_issue(&b->bench.c->settings.ca, &spec, &b->nobody, &err), err);
        ck_ok(http_engine_new("test", &b->engine, &err), err);
        b->ca.cert_pem = xstrdup(b->bench.c->settings.ca.cert_pem);
        b->url = xasprintf("https://[::1]:%u", kube_server_port(b->server));
        strv_done(&names);
        loop_thread_start(&b->loop);
}

static void bed_stop(struct bed *b) {
        http_engine_free(b->engine);
        loop_thread_stop(&b->loop);
        kube_server_free(b->server);
        bench_stop(&b->bench);
        sim_faults_free(b->world.faults);
        loop_free(b->loop.loop);
        cert_pair_done(&b->ca);
        cert_pair_done(&b->admin);
        cert_pair_done(&b->nobody);
        free(b->url);
}

static int get(struct bed *b, const struct cert_pair *who, const char *path, struct http_response *ret) {
        _cleanup_str_ char *url = xasprintf("%s%s", b->url, path);
        struct http_tls tls = { .ca_pem = b->ca.cert_pem, .cert_pem = who ? who->cert_pem : NULL, .key_pem = who ? who->key_pem :
                                NULL };
        struct http_request r = { .method = "GET", .url = url, .tls = &tls, .fresh = true, .timeout_ms = 10000 };
        struct error err = ERROR_INIT;
        ck_ok(http_perform(b->engine, &r, ret, &err), err);
        return ret->status;
}

START_TEST(certificates_decide) {
        struct bed b;
        bed_start(&b);
        static const struct { const char *path; int admin, eve, anonymous; } cases[] = {
                { "/api/v1/nodes", 200, 403, 403 }, { "/readyz", 200, 200, 200 }, { "/version", 200, 200, 200 }, { "/apis", 200,
                                                                                          403, 403 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct cert_pair *who[] = { &b.admin, &b.nobody, NULL };
                const int want[] = { cases[i].admin, cases[i].eve, cases[i].anonymous };
                for (size_t k = 0; k < ARRAY_SIZE(who); k++) {
                        _cleanup_http_response_ struct http_response r = { 0 };
                        ck_assert_int_eq(get(&b, who[k], cases[i].path, &r), want[k]);
                }
        }
        bed_stop(&b);
}
END_TEST

START_TEST(a_stranger_is_refused_in_the_handshake) {
        struct bed b;
        bed_start(&b);
        struct cert_pair ca = { 0 }, leaf = { 0 };
        static const char *const masters[] = { "system:masters", NULL };
        make_ca(&ca);
        make_leaf(&ca, masters, false, true, &leaf);
        _cleanup_str_ char *url = xasprintf("%s/api/v1/nodes", b.url);
        struct http_tls tls = { .ca_pem = b.ca.cert_pem, .cert_pem = leaf.cert_pem, .key_pem = leaf.key_pem };
        struct http_request r = { .method = "GET", .url = url, .tls = &tls, .fresh = true, .timeout_ms = 10000 };
        _cleanup_http_response_ struct http_response answer = { 0 };
        struct error err = ERROR_INIT;
        ck_fails(http_perform(b.engine, &r, &answer, &err), err, ERR_TLS);
        error_done(&err);
        cert_pair_done(&ca);
        cert_pair_done(&leaf);
        bed_stop(&b);
}
END_TEST

/* The exchange ends when the second line came. */
static int on_piece(void *data, const void *p, size_t n) {
        struct strbuf *b = data;
        strbuf_add(b, p, n);
        const char *first = strchr(strbuf_str(b), '\n');
        return first && strchr(first + 1, '\n') ? 1 : 0;
}

START_TEST(watches_stream_lines) {
        struct bed b;
        bed_start(&b);
        _cleanup_str_ char *url = xasprintf("%s/api/v1/namespaces?watch=true", b.url);
        _cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;
        struct http_tls tls = { .ca_pem = b.ca.cert_pem, .cert_pem = b.admin.cert_pem, .key_pem = b.admin.key_pem };
        struct http_request r = { .method = "GET", .url = url, .tls = &tls, .fresh = true, .timeout_ms = 10000,
                                  .on_data = on_piece, .on_data_arg = &lines };
        _cleanup_http_response_ struct http_response answer = { 0 };
        struct error err = ERROR_INIT;
        ck_fails(http_perform(b.engine, &r, &answer, &err), err, ERR_CANCELLED);
        error_done(&err);
        ck_assert_int_eq(answer.status, 200);
        _cleanup_json_ json_t *event = json_loads(strbuf_str(&lines), JSON_DISABLE_EOF_CHECK, NULL);
        ck_text(event, "type", "ADDED");
        ck_text(event, "object.metadata.name", "default");
        bed_stop(&b);
}
END_TEST

/* One call to a world with this fault. The kind of failure, or ERR_NONE with ret filled. */
static enum error_kind ask(struct bed *b, const char *spec, const char *method, const char *path, const char *body, struct http_response *ret) {
        struct error err = ERROR_INIT;
        loop_thread_stop(&b->loop);
        sim_faults_clear(b->world.faults);
        if (spec)
                ck_ok(sim_faults_add(b->world.faults, spec, &err), err);
        loop_thread_start(&b->loop);
        _cleanup_str_ char *url = xasprintf("%s%s", b->url, path);
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "Content-Type", "application/json");
        struct http_tls tls = { .ca_pem = b->ca.cert_pem, .cert_pem = b->admin.cert_pem, .key_pem = b->admin.key_pem };
        struct http_request r = { .method = method, .url = url, .headers = &headers, .tls = &tls, .fresh = true, .accepted = true, .timeout_ms = 60000,
                                  .idle_timeout_ms = spec && strstr(spec, "silent") ? 300 : 0, .max_body = 1 << 20, .body = body,
                                  .body_len = body ? strlen(body) : 0 };
        _cleanup_http_response_ struct http_response answer = { 0 };
        if (http_perform(b->engine, &r, ret ? ret : &answer, &err) == 0)
                return ERR_NONE;
        enum error_kind kind = err.kind;
        error_done(&err);
        return kind;
}

#define MAPS "/api/v1/namespaces/default/configmaps"

/* Is there a ConfigMap of this name? */
static bool is_there(struct bed *b, const char *name) {
        _cleanup_str_ char *path = xasprintf(MAPS "/%s", name);
        _cleanup_http_response_ struct http_response r = { 0 };
        ck_assert_int_eq(ask(b, NULL, "GET", path, NULL, &r), ERR_NONE);
        return r.status == 200;
}

START_TEST(calls_are_refused_and_answers_spoilt) {
        static const struct { const char *name; enum error_kind kind; int status; bool done; } cases[] = {
                { "kube-error", ERR_NONE, 503, false }, { "kube-drop", ERR_UNAVAILABLE, 0, true }, { "kube-drop-before", ERR_UNAVAILABLE, 0, false },
                { "kube-close", ERR_UNAVAILABLE, 0, true }, { "kube-empty", ERR_NONE, 201, true }, { "kube-html", ERR_NONE, 502, true },
                { "kube-truncated", ERR_UNAVAILABLE, 201, true }, { "kube-endless", ERR_PROTOCOL, 201, true }, { "kube-silent", ERR_TIMEOUT, 0, true },
        };
        struct bed b;
        bed_start(&b);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *spec = xasprintf("%s:route=POST *configmaps,count=1", cases[i].name),
                                   *body = xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"}}", cases[i].name);
                _cleanup_http_response_ struct http_response r = { 0 };
                enum error_kind kind = ask(&b, spec, "POST", MAPS, body, &r);
                ck_assert_msg(kind == cases[i].kind && r.status == cases[i].status, "%s: %s, %d", spec, error_kind_name(kind), r.status);
                ck_assert_msg(is_there(&b, cases[i].name) == cases[i].done, "%s", spec);
        }
        bed_stop(&b);
}
END_TEST

START_TEST(a_refusal_is_a_status_object) {
        static const struct { int status; const char *reason; } cases[] = {
                { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "NotFound" }, { 409, "Conflict" }, { 410, "Expired" }, { 422, "Invalid" },
                { 429, "TooManyRequests" }, { 500, "InternalError" }, { 503, "ServiceUnavailable" }, { 504, "Timeout" },
        };
        struct bed b;
        bed_start(&b);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *spec = xasprintf("kube-error:status=%d", cases[i].status);
                _cleanup_http_response_ struct http_response r = { 0 };
                ck_assert_int_eq(ask(&b, spec, "GET", "/api/v1/nodes", NULL, &r), ERR_NONE);
                ck_assert_int_eq(r.status, cases[i].status);
                _cleanup_json_ json_t *j = json_loads(strbuf_str(&r.body), 0, NULL);
                ck_text(j, "kind", "Status");
                ck_text(j, "reason", cases[i].reason);
                ck_assert((kvs_get(&r.headers, "retry-after") != NULL) == (cases[i].status == 429));
        }
        _cleanup_http_response_ struct http_response r = { 0 };
        ck_assert_int_eq(ask(&b, "kube-unknown", "GET", "/api/v1/namespaces", NULL, &r), ERR_NONE);
        _cleanup_json_ json_t *j = json_loads(strbuf_str(&r.body), 0, NULL);
        ck_assert(json_is_object(jget(j, "items.0.somethingNew")));
        bed_stop(&b);
}
END_TEST

START_TEST(handshakes_are_broken) {
        struct bed b;
        bed_start(&b);
        ck_assert_int_eq(ask(&b, "tls-alert:part=kube,name=cp-1,count=1", "GET", "/version", NULL, NULL), ERR_TLS);
        ck_assert_int_eq(ask(&b, "stranger:part=kube,count=1", "GET", "/version", NULL, NULL), ERR_TLS);
        ck_assert_int_eq(ask(&b, "stranger:part=talos", "GET", "/version", NULL, NULL), ERR_NONE);
        ck_assert_int_eq(ask(&b, "tls-alert:name=cp-2", "GET", "/version", NULL, NULL), ERR_NONE);
        bed_stop(&b);
}
END_TEST

static Suite *suite_server(void) {
        Suite *s = suite_create("sim-kube-server");
        TCase *t = tcase_create("server");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, certificates_decide);
        tcase_add_test(t, a_stranger_is_refused_in_the_handshake);
        tcase_add_test(t, watches_stream_lines);
        tcase_add_test(t, calls_are_refused_and_answers_spoilt);
        tcase_add_test(t, a_refusal_is_a_status_object);
        tcase_add_test(t, handshakes_are_broken);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_server())
