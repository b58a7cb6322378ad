/* The simulated API server over real TLS on loopback: who may, what its certificate says, how a watch streams. */
#include "sim/kube/server.h"
#include "tests/unit/sim/kube-world.h"
#include "tests/unit/sim/sim-net.h"

struct bed {
        struct kube_bench bench;
        struct loop_thread loop;
        struct kube_server *server;
        struct http_engine *engine;
        struct cert_pair ca, admin, nobody;
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
        struct strv names = { 0 };
        strv_add(&names, "cp-1");
        struct kube_server_options o = { .loop = b->loop.loop, .cluster = b->bench.c, .addr = loopback(), .dns_names = &names };
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

static Suite *suite_server(void) {
        Suite *s = suite_create("sim-kube-server");
        TCase *t = tcase_create("server");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, certificates_decide);
        tcase_add_test(t, a_stranger_is_refused_in_the_handshake);
        tcase_add_test(t, watches_stream_lines);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_server())
