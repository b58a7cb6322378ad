#include "base/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/dns-internal.h"

enum { TRIES = 2 };

static struct sockaddr_in6 socket_address(const struct ip6_addr *a, unsigned port) {
        struct sockaddr_in6 s = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        memcpy(&s.sin6_addr, a->b, sizeof(a->b));
        return s;
}

/* A system call about the network: its failure is the other side's or the route's, so worth another try. */
static int network_error(struct error *err, const char *what, const struct ip6_addr *a, unsigned port) {
        int number = errno;
        char reason[128];
        _cleanup_str_ char *where = ip6_bracket(a, port);
        return error_set(err, ERR_UNAVAILABLE, "%s %s: %s", what, where, strerror_r(number, reason, sizeof(reason)));
}

/* A socket of this type connected (or, for TCP, connecting) to a. */
static int open_socket(int type, const struct ip6_addr *a, unsigned port, int *ret_fd, struct error *err) {
        _cleanup_fd_ int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return network_error(err, "no IPv6 socket for", a, port);
        struct sockaddr_in6 s = socket_address(a, port);
        if (connect(fd, (struct sockaddr *) &s, sizeof(s)) < 0 && errno != EINPROGRESS)
                return network_error(err, "connecting to", a, port);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* Waits for events on fd until the monotonic time end_ms: 1, 0 when time is up, or ERR_CANCELLED. */
static int wait_for(int fd, short events, int64_t end_ms, const struct cancel *cancel, struct error *err) {
        for (;;) {
                int r = cancel_check(cancel, err);
                int64_t left = end_ms - clock_mono_ms(NULL);
                if (r < 0 || left <= 0)
                        return r;
                struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = cancel_fd(cancel), .events = POLLIN } };
                if (poll(fds, 2, (int) MIN(left, (int64_t) 60000)) > 0 && fds[0].revents)
                        return 1;
        }
}

struct question {
        const struct ip6_addr *server;
        unsigned port;
        const char *name;
        struct strbuf message;
};

/* One try: 1 with an answer, 0 when time is up. */
static int ask(const struct question *q, int fd, int64_t end_ms, const struct cancel *cancel, struct ip6_addr **ret, size_t *ret_n,
               struct error *err) {
        if (send(fd, q->message.data, q->message.len, 0) < 0)
                return network_error(err, "asking", q->server, q->port);
        for (;;) {
                int r = wait_for(fd, POLLIN, end_ms, cancel, err);
                if (r <= 0)
                        return r;
                uint8_t answer[4096];
                ssize_t n = recv(fd, answer, sizeof(answer), 0);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n < 0)
                        return network_error(err, "asking", q->server, q->port);
                bool ignore;
                r = dns_read_answer(answer, (size_t) n, &q->message, ret, ret_n, &ignore, err);
                if (r < 0)
                        return error_wrap(err, "%s", q->name);
                if (!ignore)
                        return 1;
        }
}

int dns_query_aaaa_port(const struct ip6_addr *server, unsigned port, const char *name, int64_t timeout_ms,
                        const struct cancel *cancel, struct ip6_addr **ret, size_t *ret_n, struct error *err) {
        struct question q = { .server = server, .port = port, .name = name };
        _cleanup_strbuf_ struct strbuf message = STRBUF_INIT;
        _cleanup_fd_ int fd = -1;
        uint16_t id;
        random_bytes(&id, sizeof(id));
        int r = dns_write_query(name, id, &message, err);
        if (r < 0)
                return r;
        q.message = message;
        r = open_socket(SOCK_DGRAM, server, port, &fd, err);
        if (r < 0)
                return r;
        for (int i = 0; i < TRIES; i++) {
                r = ask(&q, fd, clock_mono_ms(NULL) + timeout_ms / TRIES, cancel, ret, ret_n, err);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        _cleanup_str_ char *where = ip6_bracket(server, port);
        return error_set(err, ERR_TIMEOUT, "%s: the resolver %s did not answer within %lld ms", name, where, (long long) timeout_ms);
}

int dns_query_aaaa(const struct ip6_addr *server, const char *name, int64_t timeout_ms, const struct cancel *cancel,
                   struct ip6_addr **ret, size_t *ret_n, struct error *err) {
        return dns_query_aaaa_port(server, 53, name, timeout_ms, cancel, ret, ret_n, err);
}

int net_source_address(const struct ip6_addr *dest, struct ip6_addr *ret, struct error *err) {
        enum { ANY_PORT = 443 };
        _cleanup_fd_ int fd = -1;
        int r = open_socket(SOCK_DGRAM, dest, ANY_PORT, &fd, err);
        if (r < 0)
                return r;
        struct sockaddr_in6 s;
        socklen_t n = sizeof(s);
        if (getsockname(fd, (struct sockaddr *) &s, &n) < 0)
                return error_set_errno(err, "reading the source address");
        memcpy(ret->b, &s.sin6_addr, sizeof(ret->b));
        return 0;
}

int net_probe_tcp(const struct ip6_addr *a, unsigned port, int64_t timeout_ms, const struct cancel *cancel, struct error *err) {
        _cleanup_fd_ int fd = -1;
        int r = open_socket(SOCK_STREAM, a, port, &fd, err);
        if (r < 0)
                return r;
        r = wait_for(fd, POLLOUT, clock_mono_ms(NULL) + timeout_ms, cancel, err);
        if (r < 0)
                return r;
        if (r == 0) {
                _cleanup_str_ char *where = ip6_bracket(a, port);
                return error_set(err, ERR_TIMEOUT, "%s did not accept a connection within %lld ms", where, (long long) timeout_ms);
        }
        int failure = 0;
        socklen_t n = sizeof(failure);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &n);
        /* A reset can only follow an accepted connection (before, the kernel says ECONNREFUSED): somebody is there, and hung up at once. */
        if (failure == 0 || failure == ECONNRESET || failure == EPIPE)
                return 0;
        errno = failure;
        return network_error(err, "connecting to", a, port);
}
