#include "sim-net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/net/http1.h"
#include "sim/net/http2.h"

static struct loop_thread lt;
static struct http_engine *engine;

static void setup(void) {
        struct error err = ERROR_INIT;
        ck_ok(loop_new(&lt.loop, &err), err);
        ck_ok(http_engine_new("test", &engine, &err), err);
}

static void teardown(void) {
        http_engine_free(engine);
        loop_thread_stop(&lt);
        loop_free(lt.loop);
}

/* --- loop --- */

static char order[64];

static void note(void *data) {
        strncat(order, data, sizeof(order) - strlen(order) - 1);
}

static struct loop_timer *chained;

static void chain(void *data) {
        note("c");
        ck_assert_ptr_null(chained);
        loop_timer_set(lt.loop, NULL, 1000, note, "d");
}

START_TEST(forward_fires_in_order) {
        struct loop_timer *cancelled = NULL;
        order[0] = '\0';
        loop_timer_set(lt.loop, NULL, 9000, note, "e");
        loop_timer_set(lt.loop, &chained, 2000, chain, NULL);
        loop_timer_set(lt.loop, NULL, 1000, note, "a");
        loop_timer_set(lt.loop, NULL, 1000, note, "b");
        loop_timer_set(lt.loop, NULL, 60000, note, "z");
        loop_timer_set(lt.loop, &cancelled, 500, note, "x");
        loop_timer_cancel(&cancelled);
        int64_t before = loop_now_ms(lt.loop);
        loop_forward(lt.loop, 10000);
        ck_assert_str_eq(order, "abcde");
        int64_t moved = loop_now_ms(lt.loop) - before;
        ck_assert(moved >= 10000 && moved < 11000);
}
END_TEST

START_TEST(forget_takes_back) {
        order[0] = '\0';
        char *data = "x";
        loop_defer(lt.loop, note, data);
        loop_timer_set(lt.loop, NULL, 0, note, data);
        loop_forget(lt.loop, data);
        loop_defer(lt.loop, note, "y");
        ck_assert_int_eq(loop_turn(lt.loop, 0, NULL), 0);
        ck_assert_str_eq(order, "y");
}
END_TEST

/* --- HTTP/1.1 --- */

static struct http1_server *server;
static struct http1_exchange *waiting;
static _Atomic int gone;

static void answer_later(void *data) {
        http1_respond(waiting, 202, NULL, "later", 5);
}

static void note_gone(void *data) {
        gone++;
        loop_forget(lt.loop, data);
}

static void stream_piece(void *data) {
        struct http1_exchange *x = data;
        http1_chunk(x, "two\n", 4);
        http1_end(x);
}

static void handle(void *data, struct http1_exchange *x) {
        size_t n;
        const char *body = http1_body(x, &n);
        _cleanup_kvs_ struct kvs headers = { 0 };
        if (str_eq(http1_path(x), "/echo")) {
                _cleanup_str_ char *a = http1_param(x, "a", 0), *a2 = http1_param(x, "a", 1), *none = http1_param(x, "c", 0);
                _cleanup_str_ char *text = xasprintf("%s %s a=%s a2=%s c=%s body=%zu:%s", http1_method(x), http1_path(x), a, a2,
                                                     none ? none : "-", n, body);
                kvs_set(&headers, "X-Test", "yes");
                http1_respond(x, 200, &headers, text, strlen(text));
        } else if (str_eq(http1_path(x), "/later")) {
                waiting = x;
                loop_timer_set(lt.loop, NULL, 30, answer_later, x);
        } else if (str_eq(http1_path(x), "/stream")) {
                http1_start(x, 200, NULL);
                http1_chunk(x, "one\n", 4);
                loop_timer_set(lt.loop, NULL, 20, stream_piece, x);
        } else if (str_eq(http1_path(x), "/drop")) {
                http1_drop(x);
        } else if (str_eq(http1_path(x), "/half")) {
                static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all";
                http1_respond_raw(x, half, strlen(half));
        } else if (str_eq(http1_path(x), "/hang")) {
                http1_on_gone(x, note_gone, x);
        } else if (str_eq(http1_path(x), "/who")) {
                const struct tls_peer *p = http1_tls_peer(x);
                const char *name = p ? p->common_name : "nobody";
                http1_respond(x, tls_peer_in(p, "group") ? 200 : 403, NULL, name, strlen(name));
        } else {
                http1_respond(x, 404, NULL, "", 0);
        }
}

static char *start_server(struct tls_server *tls, size_t max_body) {
        struct error err = ERROR_INIT;
        struct ip6_addr a = loopback();
        struct http1_options o = { .addr = &a, .handler = handle, .tls = tls, .max_body = max_body };
        ck_ok(http1_server_new(lt.loop, &o, &server, &err), err);
        loop_thread_start(&lt);
        return xasprintf("%s://[::1]:%u", tls ? "https" : "http", http1_server_port(server));
}

static void stop_server(void) {
        loop_thread_stop(&lt);
        http1_server_free(server);
}

static int get(const char *base, const char *path, const char *method, const char *body, struct http_response *ret,
               struct error *err) {
        _cleanup_str_ char *url = xasprintf("%s%s", base, path);
        struct http_request q = {
                .method = method, .url = url, .body = body, .body_len = body ? strlen(body) : 0, .timeout_ms = 5000
        };
        return http_perform(engine, &q, ret, err);
}

START_TEST(http1_answers) {
        _cleanup_str_ char *base = start_server(NULL, 0);
        struct error err = ERROR_INIT;
        struct http_response r = { 0 };
        ck_ok(get(base, "/echo?a=x%20y&b=1&a=2+3", "POST", "hello", &r, &err), err);
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(r.body.data, "POST /echo a=x y a2=2 3 c=- body=5:hello");
        ck_assert_str_eq(kvs_get(&r.headers, "x-test"), "yes");
        ck_assert_ptr_nonnull(kvs_get(&r.headers, "date"));
        http_response_done(&r);
        ck_ok(get(base, "/later", "GET", NULL, &r, &err), err);
        ck_assert_int_eq(r.status, 202);
        ck_assert(!r.new_connection);
        http_response_done(&r);
        ck_ok(get(base, "/stream", "GET", NULL, &r, &err), err);
        ck_assert_str_eq(r.body.data, "one\ntwo\n");
        http_response_done(&r);
        ck_ok(get(base, "/nothing", "DELETE", NULL, &r, &err), err);
        ck_assert_int_eq(r.status, 404);
        http_response_done(&r);
        stop_server();
}
END_TEST

START_TEST(http1_faults) {
        _cleanup_str_ char *base = start_server(NULL, 100);
        struct error err = ERROR_INIT;
        struct http_response r = { 0 };
        ck_fails(get(base, "/drop", "GET", NULL, &r, &err), err, ERR_UNAVAILABLE);
        error_done(&err);
        http_response_done(&r);
        ck_assert_int_lt(get(base, "/half", "GET", NULL, &r, &err), 0);
        error_done(&err);
        http_response_done(&r);
        char big[201];
        memset(big, 'x', 200);
        big[200] = '\0';
        ck_ok(get(base, "/echo", "POST", big, &r, &err), err);
        ck_assert_int_eq(r.status, 413);
        http_response_done(&r);
        stop_server();
}
END_TEST

/* Bytes to the server, its whole answer back. */
static char *raw(const char *request, bool shut) {
        struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) http1_server_port(server)) };
        _cleanup_fd_ int fd = socket(AF_INET6, SOCK_STREAM, 0);
        struct strbuf b = STRBUF_INIT;
        char buffer[4096];
        ssize_t n;
        sa.sin6_addr = in6addr_loopback;
        ck_assert_int_eq(connect(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        for (const char *p = request; *p; p++)           /* one byte at a time: the parser must not depend on segments */
                ck_assert_int_eq(write(fd, p, 1), 1);
        if (shut)
                return strbuf_take(&b);
        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                strbuf_add(&b, buffer, (size_t) n);
        return strbuf_take(&b);
}

START_TEST(http1_wire) {
        _cleanup_str_ char *base = start_server(NULL, 0);
        _cleanup_str_ char *two =
                raw("GET /echo?a=1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo?a=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
                    false);
        ck_assert_ptr_nonnull(strstr(two, "GET /echo a=1"));
        ck_assert_ptr_nonnull(strstr(two, "body=5:abcde"));
        static const struct { const char *request; const char *status;
        } bad[] = { { "GET\r\n\r\n", "400" },
                    { "GET / HTTP/2.0\r\n\r\n", "505" },
                    { "GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", "400" },
                    { "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400" },
                    { "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400" },
                    { "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400" },
                    { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501" },
                    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400" },
                    { "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "413" },
                    { "GET /a\nb HTTP/1.1\r\n\r\n", "400" },
                    { "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "400" },
                    { "GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n", "400" },
                    { "GET nopath HTTP/1.1\r\n\r\n", "400" } };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_str_ char *answer = raw(bad[i].request, false);
                ck_assert_msg(strlen(answer) > 12 && memcmp(answer + 9, bad[i].status, 3) == 0, "%s: %s", bad[i].request, answer);
        }
        gone = 0;
        free(raw("GET /hang HTTP/1.1\r\n\r\n", true));
        for (int i = 0; i < 500 && !gone; i++)
                usleep(2000);
        ck_assert_int_eq(gone, 1);
        stop_server();
}
END_TEST

/* --- TLS --- */

START_TEST(tls_client_certificates) {
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, other = { 0 }, leaf = { 0 }, good = { 0 }, stranger = { 0 };
        static const char *const group[] = { "group", NULL };
        struct error err = ERROR_INIT;
        struct tls_server *tls;
        make_ca(&ca);
        make_ca(&other);
        make_leaf(&ca, NULL, true, false, &leaf);
        make_leaf(&ca, group, false, true, &good);
        make_leaf(&other, group, false, true, &stranger);
        struct tls_options o = { .cert_pem = leaf.cert_pem,
                                 .key_pem = leaf.key_pem,
                                 .client_ca_pem = ca.cert_pem,
                                 .client_auth = TLS_CLIENT_OPTIONAL };
        ck_ok(tls_server_new(&o, &tls, &err), err);
        _cleanup_str_ char *base = start_server(tls, 0);
        _cleanup_str_ char *url = xasprintf("%s/who", base);
        struct http_tls client = { .ca_pem = ca.cert_pem, .cert_pem = good.cert_pem, .key_pem = good.key_pem };
        struct http_request q = { .method = "GET", .url = url, .tls = &client, .fresh = true, .timeout_ms = 5000 };
        struct http_response r = { 0 };
        ck_ok(http_perform(engine, &q, &r, &err), err);
        ck_assert_int_eq(r.status, 200);
        ck_assert_str_eq(r.body.data, "client");
        http_response_done(&r);
        struct http_tls nobody = { .ca_pem = ca.cert_pem };
        q.tls = &nobody;
        ck_ok(http_perform(engine, &q, &r, &err), err);
        ck_assert_int_eq(r.status, 403);
        http_response_done(&r);
        struct http_tls wrong = { .ca_pem = ca.cert_pem, .cert_pem = stranger.cert_pem, .key_pem = stranger.key_pem };
        q.tls = &wrong;
        ck_fails(http_perform(engine, &q, &r, &err), err, ERR_TLS);
        error_done(&err);
        http_response_done(&r);
        struct tls_server *mismatched = NULL;
        o.key_pem = good.key_pem;
        ck_fails(tls_server_new(&o, &mismatched, &err), err, ERR_INVALID);
        error_done(&err);
        stop_server();
        tls_server_unref(tls);
}
END_TEST

/* --- HTTP/2 --- */

static void second_part(void *data) {
        struct http2_stream *s = data;
        _cleanup_kvs_ struct kvs t = { 0 };
        kvs_set(&t, "grpc-status", "0");
        http2_data(s, "world", 5);
        http2_trailers(s, &t);
}

static void handle2(void *data, struct http2_stream *s) {
        _cleanup_kvs_ struct kvs h = { 0 };
        size_t n;
        const uint8_t *body = http2_body(s, &n);
        if (str_eq(http2_path(s), "/only")) {
                kvs_set(&h, "grpc-status", "12");
                http2_trailers(s, &h);
        } else if (str_eq(http2_path(s), "/reset")) {
                http2_reset(s, 2);
        } else {
                kvs_set(&h, "content-type", "application/grpc");
                http2_start(s, 200, &h);
                http2_data(s, body, n);
                loop_timer_set(lt.loop, NULL, 20, second_part, s);
        }
}

START_TEST(http2_streams) {
        static const char *const h2[] = { "h2", NULL };
        _cleanup_cert_pair_ struct cert_pair ca = { 0 }, leaf = { 0 };
        struct error err = ERROR_INIT;
        struct tls_server *tls;
        struct http2_server *s2;
        struct ip6_addr a = loopback();
        make_ca(&ca);
        make_leaf(&ca, NULL, true, false, &leaf);
        struct tls_options o = { .cert_pem = leaf.cert_pem, .key_pem = leaf.key_pem, .alpn = h2, .alpn_required = true };
        ck_ok(tls_server_new(&o, &tls, &err), err);
        struct http2_options ho = { .addr = &a, .tls = tls, .handler = handle2 };
        ck_ok(http2_server_new(lt.loop, &ho, &s2, &err), err);
        loop_thread_start(&lt);
        _cleanup_str_ char *url = xasprintf("https://[::1]:%u/stream", http2_server_port(s2)),
                           *only = xasprintf("https://[::1]:%u/only", http2_server_port(s2)),
                           *reset = xasprintf("https://[::1]:%u/reset", http2_server_port(s2));
        struct http_tls client = { .ca_pem = ca.cert_pem };
        size_t big = 3u << 20;           /* larger than any window */
        char *body = xcalloc(1, big);
        memset(body, 'b', big);
        struct http_request q = { .method = "POST",
                                  .url = url,
                                  .tls = &client,
                                  .version = HTTP_2,
                                  .timeout_ms = 10000,
                                  .body = body,
                                  .body_len = big };
        struct http_response r = { 0 };
        ck_ok(http_perform(engine, &q, &r, &err), err);
        ck_assert(r.http2);
        ck_assert_uint_eq(r.body.len, big + 5);
        ck_assert_str_eq(r.body.data + big, "world");
        ck_assert_str_eq(kvs_get(&r.headers, "grpc-status"), "0");
        http_response_done(&r);
        q.url = only;
        q.body_len = 0;
        ck_ok(http_perform(engine, &q, &r, &err), err);
        ck_assert_str_eq(kvs_get(&r.headers, "grpc-status"), "12");
        ck_assert_uint_eq(r.body.len, 0);
        http_response_done(&r);
        q.url = reset;
        ck_assert_int_lt(http_perform(engine, &q, &r, &err), 0);
        error_done(&err);
        http_response_done(&r);
        q.url = only;
        q.version = HTTP_1_1;            /* ALPN without h2 is refused */
        ck_assert_int_lt(http_perform(engine, &q, &r, &err), 0);
        error_done(&err);
        http_response_done(&r);
        loop_thread_stop(&lt);
        http2_server_free(s2);
        tls_server_unref(tls);
        free(body);
}
END_TEST

/* --- probes, certificates --- */

static int reached;

static void on_probe(void *data, bool yes) {
        reached = yes ? 1 : 2;
}

START_TEST(probes) {
        struct error err = ERROR_INIT;
        struct ip6_addr a = loopback();
        struct http1_options o = { .addr = &a, .handler = handle };
        struct net_probe *p = NULL;
        ck_ok(http1_server_new(lt.loop, &o, &server, &err), err);
        unsigned port = http1_server_port(server);
        reached = 0;
        net_probe_start(lt.loop, &a, &a, port, 2000, on_probe, NULL, &p);
        for (int i = 0; i < 100 && !reached; i++)
                loop_turn(lt.loop, 50, NULL);
        ck_assert_int_eq(reached, 1);
        ck_assert_ptr_null(p);
        http1_server_free(server);
        reached = 0;
        net_probe_start(lt.loop, &a, &a, port, 2000, on_probe, NULL, &p);
        for (int i = 0; i < 100 && !reached; i++)
                loop_turn(lt.loop, 50, NULL);
        ck_assert_int_eq(reached, 2);
        net_probe_start(lt.loop, &a, &a, port, 2000, on_probe, NULL, &p);
        net_probe_cancel(&p);
        ck_assert_ptr_null(p);
}
END_TEST

START_TEST(talos_key_label) {
        _cleanup_cert_pair_ struct cert_pair ca = { 0 };
        struct error err = ERROR_INIT;
        make_ca(&ca);
        char *middle = strstr(ca.key_pem, "PRIVATE KEY-----\n") + strlen("PRIVATE KEY-----\n");
        _cleanup_str_ char *base64 = xstrndup(middle, strcspn(middle, "-"));
        _cleanup_str_ char *labelled =
                xasprintf("-----BEGIN ED25519 PRIVATE KEY-----\n%s-----END ED25519 PRIVATE KEY-----\n", base64);
        struct cert_pair p = { ca.cert_pem, labelled };
        ck_ok(cert_pair_check("CA", &p, &err), err);
        _cleanup_cert_pair_ struct cert_pair other = { 0 };
        make_ca(&other);
        struct cert_pair wrong = { ca.cert_pem, other.key_pem };
        ck_fails(cert_pair_check("CA", &wrong, &err), err, ERR_INVALID);
        error_done(&err);
}
END_TEST

static Suite *net_suite(void) {
        Suite *s = suite_create("sim/net");
        TCase *c = tcase_create("net");
        tcase_set_timeout(c, 60);
        tcase_add_checked_fixture(c, setup, teardown);
        tcase_add_test(c, forward_fires_in_order);
        tcase_add_test(c, forget_takes_back);
        tcase_add_test(c, http1_answers);
        tcase_add_test(c, http1_faults);
        tcase_add_test(c, http1_wire);
        tcase_add_test(c, tls_client_certificates);
        tcase_add_test(c, http2_streams);
        tcase_add_test(c, probes);
        tcase_add_test(c, talos_key_label);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(net_suite())
