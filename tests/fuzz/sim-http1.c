/* The simulator's HTTP/1.1 server: what it reads and answers does not depend on how the bytes were cut, and no line end gets into a request. */
#include "sim-wire.h"
#include "sim/net/http1.h"

/* Answers count by their status lines; 100-continue depends on the cuts. */
static void wrote(const void *p, size_t n) {
        if (n > 12 && memcmp(p, "HTTP/1.1 ", 9) == 0 && ((const char *) p)[9] != '1') {
                wire.answers++;
                wire.digest = wire.digest * 31 + (uint64_t) atoll((const char *) p + 9);
        }
}

static void add(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                wire.digest = (wire.digest ^ (uint8_t) s[i]) * UINT64_C(1099511628211);
}

static void handle(void *data, struct http1_exchange *x) {
        const struct kvs *headers = http1_headers(x);
        size_t n;
        const char *body = http1_body(x, &n);
        _cleanup_str_ char *value = http1_param(x, "a", 1);

        CHECK(n <= 4096 && body[n] == '\0');
        CHECK(!strpbrk(http1_target(x), "\r\n \x7f") && !strpbrk(http1_method(x), "\r\n "));
        add(http1_method(x), strlen(http1_method(x)));
        add(http1_target(x), strlen(http1_target(x)));
        add(body, n);
        for (size_t i = 0; i < headers->n; i++) {
                CHECK(*headers->items[i].key && !strpbrk(headers->items[i].key, "\r\n :") && !strpbrk(headers->items[i].value, "\r\n"));
                add(headers->items[i].key, strlen(headers->items[i].key));
                add(headers->items[i].value, strlen(headers->items[i].value));
        }
        http1_respond(x, 200, NULL, value ? value : "", value ? strlen(value) : 0);
}

static struct wire feed(const uint8_t *p, size_t n, size_t piece) {
        struct http1_options o = { .handler = handle, .max_head = 2048, .max_body = 4096 };
        struct error err = ERROR_INIT;
        struct sim_loop *l;
        struct http1_server *s;

        CHECK(loop_new(&l, &err) >= 0 && http1_server_new(l, &o, &s, &err) >= 0);
        wire = (struct wire) { .digest = UINT64_C(14695981039346656037) };
        accept_fn(accept_data, fake);
        for (size_t at = 0; wire.ops && at < n; at += piece)
                wire.ops->on_data(wire.data, fake, p + at, MIN(piece, n - at));
        loop_turn(l, 0, NULL);
        struct wire result = wire;
        hang_up();
        http1_server_free(s);
        loop_free(l);
        return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct wire whole = feed(p, n, n ? n : 1);

        for (size_t piece = 1; piece <= 7; piece += 3) {
                struct wire r = feed(p, n, piece);
                CHECK(r.digest == whole.digest && r.answers == whole.answers && r.closed == whole.closed);
        }
        return 0;
}
