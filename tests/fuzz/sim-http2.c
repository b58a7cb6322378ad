/* The simulator's HTTP/2 server: requests and answers do not depend on how the bytes were cut. The first byte says whether the client's preface and an
 * empty SETTINGS frame are put before the rest, so that the bytes reach the frames. */
#include "sim-wire.h"
#include "sim/net/http2.h"

static void wrote(const void *p, size_t n) {
        (void) p;
        wire.answers += n > 0;
}

static void add(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                wire.digest = (wire.digest ^ (uint8_t) s[i]) * UINT64_C(1099511628211);
        wire.digest = (wire.digest ^ 0x100) * UINT64_C(1099511628211);
}

static void handle(void *data, struct http2_stream *s) {
        _cleanup_kvs_ struct kvs headers = { 0 }, trailers = { 0 };
        size_t n;
        const uint8_t *body = http2_body(s, &n);
        const char *path = http2_path(s), *method = http2_method(s);

        CHECK(n <= 4096);
        if (method)
                add(method, strlen(method));
        if (path)
                add(path, strlen(path));
        add((const char *) body, n);
        const char *last = http2_header(s, "te");
        CHECK(!last == !http2_header_n(s, "te", 0));
        kvs_set(&headers, "content-type", "application/grpc");
        kvs_set(&trailers, "grpc-status", "0");
        if (n > 2 && body[0] == 'r') {
                http2_reset(s, body[1]);
                return;
        }
        if (n > 2 && body[0] != 't')
                http2_start(s, 200, &headers);
        if (n > 2 && body[0] != 't')
                http2_data(s, body, n);
        http2_trailers(s, &trailers);
}

static struct wire feed(bool preface, const uint8_t *p, size_t n, size_t piece) {
        static const char begin[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
        struct http2_options o = { .handler = handle, .max_body = 4096 };
        struct error err = ERROR_INIT;
        struct sim_loop *l;
        struct http2_server *s;

        CHECK(loop_new(&l, &err) >= 0 && http2_server_new(l, &o, &s, &err) >= 0);
        wire = (struct wire) { .digest = UINT64_C(14695981039346656037) };
        accept_fn(accept_data, fake);
        if (preface && wire.ops)
                wire.ops->on_data(wire.data, fake, (const uint8_t *) begin, sizeof(begin) - 1);
        for (size_t at = 0; wire.ops && at < n; at += piece) {
                wire.ops->on_data(wire.data, fake, p + at, MIN(piece, n - at));
                loop_turn(l, 0, NULL);
        }
        loop_turn(l, 0, NULL);
        struct wire result = wire;
        hang_up();
        loop_turn(l, 0, NULL);
        http2_server_free(s);
        loop_free(l);
        return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        if (n < 1)
                return 0;
        bool preface = p[0] & 1;
        struct wire whole = feed(preface, p + 1, n - 1, n);
        struct wire cut = feed(preface, p + 1, n - 1, 1 + p[0] / 2 % 16);
        CHECK(whole.digest == cut.digest);
        return 0;
}
