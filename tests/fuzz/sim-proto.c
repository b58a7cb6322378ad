/* The simulator's own reader of protocol buffers: fields lie inside their message, and reading always ends. */
#include "check.h"
#include "sim/talos/proto.h"

static void walk(const uint8_t *p, size_t n, unsigned depth) {
        struct pb_reader r = pb_reader(p, n);
        struct pb_value v;
        size_t count = 0;

        while (pb_next(&r, &v)) {
                CHECK(++count <= n && v.field > 0 && r.p <= r.end);
                if (v.wire != 2)
                        continue;
                CHECK(v.bytes >= p && v.n <= n && v.bytes + v.n <= p + n);
                _cleanup_str_ char *text = pb_copy(&v);
                CHECK(strlen(text) <= v.n);
                if (depth < 8)
                        walk(v.bytes, v.n, depth + 1);
        }
        CHECK(r.broken || r.p == r.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        walk(p, n, 0);
        return 0;
}
