#include "base/dns.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/dns-internal.h"
#include "unit.h"

static struct error err = ERROR_INIT;
static const struct ip6_addr loopback = { { [15] = 1 } };

enum how { ANSWER, NXDOMAIN, SERVFAIL, EMPTY, SILENT, FORGED_FIRST, CUT_OFF, LATE };

/* A resolver with one trick. */
struct resolver {
        enum how how;
        int fd;
        unsigned port, seen;
        pthread_t thread;
};

static void send_answer(struct resolver *r, const struct sockaddr_in6 *to, const uint8_t *q, size_t n, unsigned id_offset) {
        static const uint8_t cname[] = { 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12 };
        static const uint8_t aaaa[] = { 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };
        uint8_t out[512];
        size_t question = n - 11; /* without our OPT record */
        memcpy(out, q, question);
        out[1] ^= (uint8_t) id_offset;
        out[2] = 0x81;
        out[3] = (uint8_t) (0x80 | (r->how == NXDOMAIN ? 3 : r->how == SERVFAIL ? 2 : 0));
        bool full = r->how == ANSWER || r->how == FORGED_FIRST || r->how == CUT_OFF || r->how == LATE;
        out[7] = full ? 2 : 0;
        out[11] = 0;
        size_t m = question;
        if (full) {
                memcpy(out + m, cname, sizeof(cname));
                memcpy(out + m + sizeof(cname), aaaa, sizeof(aaaa));
                out[m + sizeof(cname) + sizeof(aaaa) - 1] ^= (uint8_t) id_offset; /* the forged address is another */
                m += sizeof(cname) + sizeof(aaaa) - (r->how == CUT_OFF ? 1 : 0);
        }
        sendto(r->fd, out, m, 0, (const struct sockaddr *) to, sizeof(*to));
}

static void *resolve(void *data) {
        struct resolver *r = data;
        for (;;) {
                uint8_t q[512];
                struct sockaddr_in6 from;
                socklen_t n = sizeof(from);
                ssize_t got = recvfrom(r->fd, q, sizeof(q), 0, (struct sockaddr *) &from, &n);
                if (got < 12)
                        return NULL;
                r->seen++;
                if (r->how == SILENT || (r->how == LATE && r->seen == 1))
                        continue;
                if (r->how == FORGED_FIRST)
                        send_answer(r, &from, q, (size_t) got, 1);
                send_answer(r, &from, q, (size_t) got, 0);
        }
}

static void start(struct resolver *r, enum how how) {
        *r = (struct resolver) { .how = how };
        r->fd = socket(AF_INET6, SOCK_DGRAM, 0);
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t n = sizeof(a);
        ck_assert_int_eq(bind(r->fd, (struct sockaddr *) &a, n), 0);
        getsockname(r->fd, (struct sockaddr *) &a, &n);
        r->port = ntohs(a.sin6_port);
        pthread_create(&r->thread, NULL, resolve, r);
}

static void stop(struct resolver *r) {
        int fd = socket(AF_INET6, SOCK_DGRAM, 0);
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) r->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        sendto(fd, "x", 1, 0, (struct sockaddr *) &a, sizeof(a));
        pthread_join(r->thread, NULL);
        close(fd);
        close(r->fd);
}

static int ask(enum how how, int64_t timeout_ms, unsigned *ret_seen) {
        struct resolver r;
        struct ip6_addr *list = NULL;
        size_t n = 99;
        start(&r, how);
        int result = dns_query_aaaa_port(&loopback, r.port, "ghcr.io", timeout_ms, NULL, &list, &n, &err);
        stop(&r);
        if (ret_seen)
                *ret_seen = r.seen;
        if (result >= 0) {
                ck_assert_uint_eq(n, how == EMPTY ? 0 : 1);
                struct ip6_addr want;
                ip6_parse("2001:db8::7", &want);
                ck_assert(n == 0 || ip6_equal(&list[0], &want));
                free(list);
        }
        return result;
}

START_TEST(resolvers_answer) {
        ck_ok(ask(ANSWER, 10000, NULL), err);
        ck_ok(ask(EMPTY, 10000, NULL), err);
        ck_fails(ask(NXDOMAIN, 10000, NULL), err, ERR_NOT_FOUND);
        ck_fails(ask(SERVFAIL, 10000, NULL), err, ERR_UNAVAILABLE);
        ck_fails(ask(CUT_OFF, 10000, NULL), err, ERR_PROTOCOL);
        ck_ok(ask(FORGED_FIRST, 10000, NULL), err);
        error_done(&err);
}
END_TEST

START_TEST(a_lost_packet_is_asked_again) {
        unsigned seen;
        ck_fails(ask(SILENT, 40, &seen), err, ERR_TIMEOUT);
        ck_assert_uint_eq(seen, 2);
        ck_ok(ask(LATE, 200, &seen), err);
        ck_assert_uint_eq(seen, 2);
        error_done(&err);
}
END_TEST

START_TEST(nobody_there_is_unavailable) {
        struct ip6_addr *list;
        size_t n;
        ck_fails(dns_query_aaaa_port(&loopback, 1, "a.example", 10000, NULL, &list, &n, &err), err, ERR_UNAVAILABLE);
        error_done(&err);
}
END_TEST

START_TEST(cancelling_ends_waiting) {
        struct resolver r;
        struct ip6_addr *list;
        size_t n;
        start(&r, SILENT);
        struct cancel *c = cancel_new();
        cancel_trigger(c);
        ck_fails(dns_query_aaaa_port(&loopback, r.port, "a.example", 60000, c, &list, &n, &err), err, ERR_CANCELLED);
        cancel_free(c);
        stop(&r);
        error_done(&err);
}
END_TEST

START_TEST(only_host_names_are_asked) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        ck_ok(dns_write_query("example.org.", 5, &b, &err), err);
        ck_ok(dns_write_query("a-b.example.org", 5, &b, &err), err);
        static const char *const bad[] = { "", ".", "a..b", ".a", "1234567890123456789012345678901234567890123456789012345678901234.org", NULL };
        for (size_t i = 0; bad[i]; i++)
                ck_fails(dns_write_query(bad[i], 5, &b, &err), err, ERR_INVALID);
        error_done(&err);
}
END_TEST

START_TEST(tcp_is_probed) {
        int fd = socket(AF_INET6, SOCK_STREAM, 0);
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t n = sizeof(a);
        ck_assert(bind(fd, (struct sockaddr *) &a, n) == 0 && listen(fd, 1) == 0);
        getsockname(fd, (struct sockaddr *) &a, &n);
        ck_ok(net_probe_tcp(&loopback, ntohs(a.sin6_port), 10000, NULL, &err), err);
        close(fd);
        ck_fails(net_probe_tcp(&loopback, ntohs(a.sin6_port), 10000, NULL, &err), err, ERR_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(err.message, "[::1]:"));
        error_done(&err);
}
END_TEST

/* Accepts and resets at once, until its listener is shut down. */
static void *hang_up(void *arg) {
        int fd = *(int *) arg, peer;
        struct linger now = { .l_onoff = 1 };
        while ((peer = accept(fd, NULL, NULL)) >= 0) {
                setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
                close(peer);
        }
        return NULL;
}

START_TEST(who_hangs_up_at_once_was_there) {
        int fd = socket(AF_INET6, SOCK_STREAM, 0);
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t n = sizeof(a);
        ck_assert(bind(fd, (struct sockaddr *) &a, n) == 0 && listen(fd, 1024) == 0);
        getsockname(fd, (struct sockaddr *) &a, &n);
        pthread_t thread;
        ck_assert(pthread_create(&thread, NULL, hang_up, &fd) == 0);
        for (int i = 0; i < 500; i++)                  /* which of the two is faster is chance */
                ck_ok(net_probe_tcp(&loopback, ntohs(a.sin6_port), 10000, NULL, &err), err);
        shutdown(fd, SHUT_RDWR);
        pthread_join(thread, NULL);
        close(fd);
}
END_TEST

START_TEST(the_source_address_is_the_kernels) {
        struct ip6_addr source;
        ck_ok(net_source_address(&loopback, &source, &err), err);
        ck_assert(ip6_is_loopback(&source));
        struct ip6_addr nowhere; /* a discard prefix of documentation, link-local without a scope: no route */
        ip6_parse("fe80::1", &nowhere);
        ck_fails(net_source_address(&nowhere, &source, &err), err, ERR_UNAVAILABLE);
        error_done(&err);
}
END_TEST

static Suite *dns_suite(void) {
        Suite *s = suite_create("dns");
        TCase *c = tcase_create("all");
        tcase_add_test(c, resolvers_answer);
        tcase_add_test(c, a_lost_packet_is_asked_again);
        tcase_add_test(c, nobody_there_is_unavailable);
        tcase_add_test(c, cancelling_ends_waiting);
        tcase_add_test(c, only_host_names_are_asked);
        tcase_add_test(c, tcp_is_probed);
        tcase_add_test(c, who_hangs_up_at_once_was_there);
        tcase_add_test(c, the_source_address_is_the_kernels);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(dns_suite())
