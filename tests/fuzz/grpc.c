/* What a Talos node (or whoever answers in its place) sends: frames, and protobuf inside them, as deep as it goes. */
#include "talos/grpc.h"
#include "talos/proto.h"

#include "check.h"

static void walk(const void *p, size_t n, unsigned depth) {
        struct proto_reader r = proto_read("fuzz", p, n);
        struct proto_field f;
        struct error err = ERROR_INIT;
        int rc;
        while ((rc = proto_next(&r, &f, &err)) > 0) {
                _cleanup_str_ char *text = NULL;
                uint64_t number = 0;
                CHECK(f.number > 0);
                CHECK((proto_get_str(&f, &text, NULL) == 0) == (f.wire == PROTO_BYTES));
                CHECK((proto_get_uint(&f, &number, NULL) == 0) == (f.wire != PROTO_BYTES));
                if (f.wire != PROTO_BYTES)
                        continue;
                CHECK(f.data >= (const uint8_t *) p && f.data + f.len <= (const uint8_t *) p + n);
                if (depth < 16)
                        walk(f.data, f.len, depth + 1);
        }
        CHECK(rc == 0 || err.kind == ERR_PROTOCOL);
        error_done(&err);
}

static int on_message(void *arg, const void *p, size_t n, struct error *err) {
        size_t *total = arg;
        *total += n + 5;
        walk(p, n, 0);
        return 0;
}

/* The same bytes in pieces of a size give the same messages. */
static size_t feed(const uint8_t *p, size_t n, size_t piece, size_t *ret_count) {
        _cleanup_(grpc_frames_done) struct grpc_frames f = { .max = 1 << 16 };
        struct error err = ERROR_INIT;
        size_t total = 0;
        int rc = 0;
        for (size_t at = 0; at < n && rc == 0; at += piece)
                rc = grpc_frames_feed(&f, p + at, MIN(piece, n - at), on_message, &total, &err);
        CHECK(rc == 0 || err.kind == ERR_PROTOCOL);
        error_done(&err);
        *ret_count = f.count;
        return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        size_t whole_count, piece_count;
        size_t whole = feed(p, n, n ? n : 1, &whole_count);
        CHECK(feed(p, n, 3, &piece_count) == whole && piece_count == whole_count && whole <= n);
        walk(p, n, 0);
        return 0;
}
