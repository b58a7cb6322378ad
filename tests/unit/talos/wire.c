/* protobuf and gRPC framing, without a network. */
#include "talos/api.h"
#include "talos/proto.h"
#include "tests/unit/unit.h"

/* ---- protobuf ---- */

struct sample { uint64_t u; int64_t i; bool b; char *s; struct strv list; struct sample_sub { char *a, *z; } sub; unsigned unknown; };

static int sub_field(const struct proto_field *f, void *into, struct error *err) {
        struct sample_sub *s = into;
        return f->number == 1 ? proto_get_str(f, &s->a, err) : f->number == 2 ? proto_get_str(f, &s->z, err) : 0;
}

static int sample_field(const struct proto_field *f, void *into, struct error *err) {
        struct sample *s = into;
        switch (f->number) {
        case 1: return proto_get_uint(f, &s->u, err);
        case 2: return proto_get_int(f, &s->i, err);
        case 3: return proto_get_bool(f, &s->b, err);
        case 4: return proto_get_str(f, &s->s, err);
        case 5: return proto_get_strv(f, &s->list, err);
        case 6: return proto_each_in(f, "sub", sub_field, &s->sub, err);
        default: s->unknown++; return 0;
        }
}

static void sample_done(struct sample *s) {
        free(s->s);
        free(s->sub.a);
        free(s->sub.z);
        strv_done(&s->list);
}

START_TEST(writes_known_bytes) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, sub = STRBUF_INIT;
        proto_put_uint(&b, 1, 300);                     /* the example of protobuf's own documentation with field 1: 08 ac 02 */
        proto_put_str(&b, 2, "testing");                /* 12 07 74 65 73 74 69 6e 67 */
        proto_put_int(&b, 3, -1);                       /* ten bytes */
        proto_put_uint(&b, 4, 0);                       /* nothing */
        proto_put_uint_always(&b, 4, 0);                /* 20 00 */
        proto_put_message(&b, 16, &sub);                /* 82 01 00 */
        static const uint8_t want[] = { 0x08, 0xac, 0x02, 0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g', 0x18, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x20, 0x00, 0x82, 0x01, 0x00 };
        ck_assert_uint_eq(b.len, sizeof(want));
        ck_assert_mem_eq(b.data, want, sizeof(want));
}
END_TEST

START_TEST(last_scalar_wins_and_messages_merge) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, one = STRBUF_INIT, two = STRBUF_INIT;
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(sample_done) struct sample s = { 0 };
        proto_put_uint(&b, 1, 1);
        proto_put_str(&b, 4, "old");
        proto_put_str(&one, 1, "first");
        proto_put_message(&b, 6, &one);
        proto_put_str_always(&b, 5, "");
        proto_put_str_always(&b, 5, "x");
        proto_put_uint(&b, 1, UINT64_MAX);
        proto_put_int(&b, 2, INT64_MIN);
        proto_put_str(&b, 4, "new");
        proto_put_str(&two, 2, "second");
        proto_put_message(&b, 6, &two);
        ck_ok(proto_each(proto_read("sample", b.data, b.len), sample_field, &s, &err), err);
        ck_assert(s.u == UINT64_MAX && s.i == INT64_MIN);
        ck_assert_str_eq(s.s, "new");
        ck_assert_str_eq(s.sub.a, "first");
        ck_assert_str_eq(s.sub.z, "second");
        ck_assert_uint_eq(s.list.n, 2);
        ck_assert_str_eq(s.list.items[0], "");
}
END_TEST

START_TEST(skips_what_it_does_not_know) {
        /* fixed64 9, fixed32 10, group 11 with a varint and an inner group, bytes 12, then field 1 = 7. */
        static const uint8_t bytes[] = { 0x49, 1, 2, 3, 4, 5, 6, 7, 8, 0x55, 1, 2, 3, 4, 0x5b, 0x08, 0x05, 0x13, 0x14, 0x5c, 0x62, 0x02, 'h', 'i',
                                         0x08, 0x07 };
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(sample_done) struct sample s = { 0 };
        ck_ok(proto_each(proto_read("sample", bytes, sizeof(bytes)), sample_field, &s, &err), err);
        ck_assert_uint_eq(s.u, 7);
        ck_assert_uint_eq(s.unknown, 3);
}
END_TEST

START_TEST(refuses_broken_bytes) {
        static const struct { uint8_t bytes[16]; size_t n; } broken[] = {
                { { 0x08 }, 1 },                                                                       /* number missing */
                { { 0x08, 0x80 }, 2 },                                                                 /* number cut */
                { { 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, 11 },          /* 65 bits */
                { { 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, 12 },    /* eleven bytes */
                { { 0x22, 0x05, 'a' }, 3 },                                                            /* longer than the message */
                { { 0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, 11 },          /* 2^64-1 long */
                { { 0x00, 0x01 }, 2 },                                                                 /* field 0 */
                { { 0x0f }, 1 },                                                                       /* wire type 7 */
                { { 0x49, 1, 2 }, 3 },                                                                 /* fixed64 cut */
                { { 0x5b, 0x08, 0x01 }, 3 },                                                           /* group without end */
                { { 0x5c }, 1 },                                                                       /* end without group */
                { { 0x0a, 0x00 }, 2 },                                                                 /* bytes where a number belongs */
                { { 0x20, 0x01 }, 2 },                                                                 /* number where a string belongs */
        };
        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_(sample_done) struct sample s = { 0 };
                /* A heap copy of the exact size, so that the address sanitizer sees every step too far. */
                _cleanup_free_ void *copy = xmemdup(broken[i].bytes, broken[i].n);
                ck_assert_msg(proto_each(proto_read("sample", copy, broken[i].n), sample_field, &s, &err) < 0, "case %zu", i);
                ck_assert_int_eq(err.kind, ERR_PROTOCOL);
        }
}
END_TEST

START_TEST(never_reads_too_far) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, sub = STRBUF_INIT;
        proto_put_str(&sub, 1, "inner");
        proto_put_uint(&b, 1, 123456789);
        proto_put_str(&b, 4, "text");
        proto_put_message(&b, 6, &sub);
        for (size_t n = 0; n <= b.len; n++) {
                _cleanup_(sample_done) struct sample s = { 0 };
                _cleanup_free_ void *copy = xmemdup(b.data, n);
                int rc = proto_each(proto_read("sample", copy, n), sample_field, &s, NULL);
                if (n == b.len)
                        ck_assert_int_eq(rc, 0);
        }
}
END_TEST

/* ---- frames ---- */

static int collect(void *arg, const void *p, size_t n, struct error *err) {
        strv_take(arg, xstrndup(p, n));
        return 0;
}

START_TEST(frames_split_anywhere) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        grpc_frame_add(&b, "first", 5);
        grpc_frame_add(&b, NULL, 0);
        grpc_frame_add(&b, "the third one", 13);
        for (size_t cut = 0; cut <= b.len; cut++)
                for (size_t second = cut; second <= b.len; second++) {
                        _cleanup_(grpc_frames_done) struct grpc_frames f = { 0 };
                        _cleanup_strv_ struct strv got = { 0 };
                        ck_assert_int_eq(grpc_frames_feed(&f, b.data, cut, collect, &got, NULL), 0);
                        ck_assert_int_eq(grpc_frames_feed(&f, b.data + cut, second - cut, collect, &got, NULL), 0);
                        ck_assert_int_eq(grpc_frames_feed(&f, b.data + second, b.len - second, collect, &got, NULL), 0);
                        ck_assert_uint_eq(got.n, 3);
                        ck_assert_str_eq(got.items[0], "first");
                        ck_assert_str_eq(got.items[1], "");
                        ck_assert_str_eq(got.items[2], "the third one");
                        ck_assert(!grpc_frames_partial(&f));
                }
}
END_TEST

START_TEST(frames_know_when_one_is_not_whole) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        grpc_frame_add(&b, "abc", 3);
        for (size_t n = 1; n < b.len; n++) {
                _cleanup_(grpc_frames_done) struct grpc_frames f = { 0 };
                _cleanup_strv_ struct strv got = { 0 };
                ck_assert_int_eq(grpc_frames_feed(&f, b.data, n, collect, &got, NULL), 0);
                ck_assert(grpc_frames_partial(&f));
                ck_assert_uint_eq(got.n, 0);
        }
}
END_TEST

START_TEST(frames_refuse_compressed_and_huge) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(grpc_frames_done) struct grpc_frames f = { 0 }, g = { 0 }, h = { .max = 4 };
        _cleanup_strv_ struct strv got = { 0 };
        ck_fails(grpc_frames_feed(&f, "\1\0\0\0\1x", 6, collect, &got, &err), err, ERR_PROTOCOL);
        /* One byte over 32 MiB: refused by its length alone, before anything is stored. */
        ck_fails(grpc_frames_feed(&g, "\0\2\0\0\1", 5, collect, &got, &err), err, ERR_PROTOCOL);
        ck_fails(grpc_frames_feed(&h, "\0\0\0\0\5", 5, collect, &got, &err), err, ERR_PROTOCOL);
        ck_assert_uint_eq(got.n, 0);
}
END_TEST

/* ---- verdicts that need no network ---- */

START_TEST(bootstrap_verdicts) {
        static const struct { int status; const char *text; enum talos_bootstrap_verdict want; } cases[] = {
                { GRPC_FAILED_PRECONDITION, "bootstrap is not available yet", TALOS_BOOTSTRAP_RETRY },
                { GRPC_FAILED_PRECONDITION, "time is not in sync yet", TALOS_BOOTSTRAP_RETRY },
                { GRPC_FAILED_PRECONDITION, "bootstrap can only be performed on a control plane node", TALOS_BOOTSTRAP_FATAL },
                { GRPC_UNIMPLEMENTED, "bootstrap is only available on control plane nodes", TALOS_BOOTSTRAP_FATAL },
                { GRPC_UNIMPLEMENTED, "machine type is not set", TALOS_BOOTSTRAP_RETRY },
                { GRPC_UNIMPLEMENTED, "method Bootstrap not implemented", TALOS_BOOTSTRAP_RETRY },
                { GRPC_INVALID_ARGUMENT, "etcd is not configured, bootstrap is not possible", TALOS_BOOTSTRAP_FATAL },
                { GRPC_ALREADY_EXISTS, "etcd data directory is not empty", TALOS_BOOTSTRAP_DONE_BEFORE },
                { GRPC_UNKNOWN, "failed to stop etcd", TALOS_BOOTSTRAP_RETRY },
                { GRPC_UNAVAILABLE, "", TALOS_BOOTSTRAP_RETRY },
                { GRPC_DEADLINE_EXCEEDED, "", TALOS_BOOTSTRAP_RETRY },
                { GRPC_PERMISSION_DENIED, "", TALOS_BOOTSTRAP_FATAL },
                { GRPC_UNAUTHENTICATED, "", TALOS_BOOTSTRAP_FATAL },
                { -1, "connection refused", TALOS_BOOTSTRAP_RETRY },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                error_set(&err, ERR_REFUSED, "%s", cases[i].text);
                err.grpc_status = cases[i].status;
                ck_assert_msg(talos_bootstrap_verdict(&err) == cases[i].want, "%s", cases[i].text);
        }
        _cleanup_error_ struct error stopped = ERROR_INIT;
        error_set(&stopped, ERR_CANCELLED, "interrupted");
        ck_assert_int_eq(talos_bootstrap_verdict(&stopped), TALOS_BOOTSTRAP_FATAL);
}
END_TEST

START_TEST(route_to_the_metadata_service) {
        struct talos_route items[] = {
                { .family = "inet6", .destination = "", .table = "main", .link = "eth0", .gateway = "fe80::1", .priority = 1 },
                { .family = "inet4", .destination = "", .table = "main", .link = "eth0", .gateway = "172.31.1.1", .priority = 1024 },
                { .family = "inet4", .destination = "169.254.169.254/32", .table = "local", .link = "lo" },
                { .family = "inet4", .destination = "10.0.0.0/8", .table = "main", .link = "eth1", .gateway = "10.0.0.1" },
                { .family = "inet4", .destination = "169.254.0.0/16", .table = "main", .link = "eth2", .gateway = "" },
                { .family = "inet4", .destination = "169.254.169.254/32", .table = "main", .link = "eth1", .gateway = "10.0.0.1", .priority = 2048 },
                { .family = "inet4", .destination = "169.254.169.254/32", .table = "main", .link = "eth0", .gateway = "172.31.1.1", .priority = 1024 },
        };
        struct talos_routes r = { items, ARRAY_SIZE(items) };
        ck_assert_ptr_eq(talos_routes_find_ipv4(&r, "169.254.169.254"), &items[6]);
        items[6].priority = 4096;
        ck_assert_ptr_eq(talos_routes_find_ipv4(&r, "169.254.169.254"), &items[5]);
        ck_assert_ptr_eq(talos_routes_find_ipv4(&r, "169.254.1.1"), &items[4]);
        ck_assert_ptr_eq(talos_routes_find_ipv4(&r, "8.8.8.8"), &items[1]);
        ck_assert_ptr_null(talos_routes_find_ipv4(&r, "no address"));
}
END_TEST

START_TEST(status_names) {
        ck_assert_str_eq(grpc_status_name(9), "FAILED_PRECONDITION");
        ck_assert_str_eq(grpc_status_name(16), "UNAUTHENTICATED");
        ck_assert_str_eq(grpc_status_name(17), "UNKNOWN");
        ck_assert_str_eq(grpc_status_name(-1), "UNKNOWN");
        ck_assert_str_eq(talos_stage_name(TALOS_STAGE_MAINTENANCE), "maintenance");
        ck_assert_str_eq(talos_stage_name((enum talos_stage) 99), "unknown");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("talos wire");
        TCase *t = tcase_create("protobuf");
        tcase_add_test(t, writes_known_bytes);
        tcase_add_test(t, last_scalar_wins_and_messages_merge);
        tcase_add_test(t, skips_what_it_does_not_know);
        tcase_add_test(t, refuses_broken_bytes);
        tcase_add_test(t, never_reads_too_far);
        suite_add_tcase(s, t);
        t = tcase_create("frames");
        tcase_add_test(t, frames_split_anywhere);
        tcase_add_test(t, frames_know_when_one_is_not_whole);
        tcase_add_test(t, frames_refuse_compressed_and_huge);
        suite_add_tcase(s, t);
        t = tcase_create("verdicts");
        tcase_add_test(t, bootstrap_verdicts);
        tcase_add_test(t, route_to_the_metadata_service);
        tcase_add_test(t, status_names);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
