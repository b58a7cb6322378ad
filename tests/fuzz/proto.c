/* protobuf and gRPC frames: fields lie inside their message, and frames are the same however the bytes were cut into pieces. */
#include "check.h"
#include "talos/grpc.h"
#include "talos/proto.h"

static void walk(struct proto_reader r, unsigned depth) {
        const uint8_t *begin = r.p, *end = r.end;
        struct proto_field f;
        struct error err = ERROR_INIT;
        int rc;
        while ((rc = proto_next(&r, &f, &err)) > 0) {
                struct proto_reader sub;
                _cleanup_strv_ struct strv v = { 0 };
                _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
                _cleanup_str_ char *s = NULL;
                uint64_t u;
                int64_t i;
                bool yes;
                CHECK(f.number > 0 && f.number < 1u << 29);
                CHECK(f.wire != PROTO_BYTES || (f.data >= begin && f.data <= end && f.len <= (size_t) (end - f.data)));
                CHECK((proto_get_uint(&f, &u, NULL) >= 0) == (f.wire != PROTO_BYTES));
                proto_get_int(&f, &i, NULL);
                proto_get_bool(&f, &yes, NULL);
                proto_get_strv(&f, &v, NULL);
                proto_get_bytes(&f, &b, NULL);
                if (proto_get_str(&f, &s, NULL) >= 0)
                        CHECK(strlen(s) <= f.len);
                if (depth < 8 && proto_get_message(&f, "sub", &sub, NULL) >= 0)
                        walk(sub, depth + 1);
        }
        CHECK(rc == 0 || err.kind == ERR_PROTOCOL);
        error_done(&err);
}

struct fed { uint64_t digest; size_t bytes, count; bool refused, partial; };

static int take(void *arg, const void *p, size_t n, struct error *err) {
        struct fed *fed = arg;
        uint64_t *h = &fed->digest;
        (void) err;
        fed->bytes += n + 5;
        walk(proto_read("message", p, n), 0);
        *h = (*h ^ n) * UINT64_C(1099511628211);
        for (size_t i = 0; i < n; i++)
                *h = (*h ^ ((const uint8_t *) p)[i]) * UINT64_C(1099511628211);
        return 0;
}

static struct fed feed(const uint8_t *p, size_t n, size_t piece) {
        struct grpc_frames f = { .max = 4096 };
        struct error err = ERROR_INIT;
        struct fed r = { .digest = UINT64_C(14695981039346656037) };
        for (size_t at = 0; !r.refused && at < n; at += piece)
                r.refused = grpc_frames_feed(&f, p + at, MIN(piece, n - at), take, &r, &err) < 0;
        CHECK(r.bytes <= n && (!r.refused || err.kind == ERR_PROTOCOL));
        r.partial = grpc_frames_partial(&f);
        r.count = f.count;
        grpc_frames_done(&f);
        error_done(&err);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct fed whole = feed(p, n, n ? n : 1);
        walk(proto_read("fuzz", p, n), 0);
        for (size_t piece = 1; piece <= 7; piece += 2) {
                struct fed r = feed(p, n, piece);
                CHECK(r.digest == whole.digest && r.count == whole.count && r.refused == whole.refused);
                CHECK(r.refused || r.partial == whole.partial);
        }
        return 0;
}
