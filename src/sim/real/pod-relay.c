#include "sim/real/pod-relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICE_PORT 443
#define MAX_LINKS 64

static int loopback_up(void) {
        _cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq r = { .ifr_name = "lo" };
        if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
                return -1;
        r.ifr_flags |= IFF_UP | IFF_RUNNING;
        return ioctl(fd, SIOCSIFFLAGS, &r);
}

static int add_address(const struct ip6_addr *a) {
        _cleanup_fd_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct in6_ifreq r = { .ifr6_prefixlen = 128, .ifr6_ifindex = 1 };
        memcpy(&r.ifr6_addr, a->b, 16);
        return fd < 0 ? -1 : ioctl(fd, SIOCSIFADDR, &r);
}

static int listen_on(const struct sockaddr *a, socklen_t n) {
        int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
        if (fd < 0)
                return -1;
        if (a->sa_family == AF_INET6)    /* the address is there, but not yet past its detection of duplicates */
                (void) setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
        if (bind(fd, a, n) == 0 && listen(fd, 16) == 0)
                return fd;
        close(fd);
        return -1;
}

static struct sockaddr_in6 address6(const struct ip6_addr *a, unsigned port) {
        struct sockaddr_in6 s = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        memcpy(&s.sin6_addr, a->b, 16);
        return s;
}

int relay_listen(struct relay *r) {
        struct sockaddr_in prism = { .sin_family = AF_INET, .sin_port = htons((uint16_t) r->prism_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in6 service = address6(&r->service_addr, SERVICE_PORT);
        r->listeners[0] = r->listeners[1] = -1;
        if (loopback_up() < 0)
                return -1;
        if (r->prism_port && (r->listeners[0] = listen_on((struct sockaddr *) &prism, sizeof(prism))) < 0)
                return -1;
        if (!r->service)
                return 0;
        if (add_address(&r->service_addr) < 0 && errno != EEXIST)
                return -1;
        r->listeners[1] = listen_on((struct sockaddr *) &service, sizeof(service));
        return r->listeners[1] < 0 ? -1 : 0;
}

/* One connection: two ends, each with what waits to be written to it. */
struct link { int ends[2]; char *waiting[2]; size_t n[2]; bool shut[2]; };

static int connect_server(const struct relay *r) {
        struct sockaddr_in6 from = address6(&r->source, 0), to = address6(&r->server, r->server_port);
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (bind(fd, (struct sockaddr *) &from, sizeof(from)) == 0 && connect(fd, (struct sockaddr *) &to, sizeof(to)) == 0) {
                (void) fcntl(fd, F_SETFL, O_NONBLOCK);
                return fd;
        }
        close(fd);
        return -1;
}

static void accept_one(const struct relay *r, int listener, struct link *links, size_t *n) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        int server = *n < MAX_LINKS ? connect_server(r) : -1;
        if (server < 0) {
                close(fd);
                return;
        }
        links[(*n)++] = (struct link) { .ends = { fd, server } };
}

/* Moves what it can from one end to the other; false when the connection is over. */
static bool carry(struct link *l, int from) {
        int to = 1 - from;
        char buf[65536];
        if (l->n[to] == 0 && !l->shut[to]) {
                ssize_t n = read(l->ends[from], buf, sizeof(buf));
                if (n < 0)
                        return errno == EAGAIN;
                if (n == 0) {
                        l->shut[to] = true;
                        shutdown(l->ends[to], SHUT_WR);
                        return !l->shut[from];
                }
                l->waiting[to] = xcalloc((size_t) n, 1);
                memcpy(l->waiting[to], buf, (size_t) n);
                l->n[to] = (size_t) n;
        }
        return true;
}

static bool flush(struct link *l, int to) {
        if (l->n[to] == 0)
                return true;
        ssize_t n = write(l->ends[to], l->waiting[to], l->n[to]);
        if (n < 0)
                return errno == EAGAIN;
        memmove(l->waiting[to], l->waiting[to] + n, l->n[to] - (size_t) n);
        l->n[to] -= (size_t) n;
        if (l->n[to] == 0) {
                free(l->waiting[to]);
                l->waiting[to] = NULL;
        }
        return true;
}

static void drop(struct link *links, size_t *n, size_t at) {
        for (int e = 0; e < 2; e++) {
                close(links[at].ends[e]);
                free(links[at].waiting[e]);
        }
        links[at] = links[--*n];
}

static void serve_links(struct link *links, size_t *n, const struct pollfd *fds) {
        for (size_t i = *n; i > 0; i--) {
                struct link *l = &links[i - 1];
                bool good = true;
                for (int e = 0; e < 2 && good; e++) {
                        short events = fds[2 * (i - 1) + (size_t) e].revents;
                        if ((events & POLLERR) || ((events & POLLHUP) && l->shut[1 - e]))
                                good = false;
                        else if (events & (POLLIN | POLLHUP))
                                good = carry(l, e);
                        if (good && l->n[1 - e])
                                good = flush(l, 1 - e);
                        if (good && (events & POLLOUT))
                                good = flush(l, e);
                }
                if (!good)
                        drop(links, n, i - 1);
        }
}

int relay_run(struct relay *r, pid_t child) {
        struct link links[MAX_LINKS];
        struct pollfd fds[2 * MAX_LINKS + 3];
        size_t n = 0;
        int status, pidfd = (int) syscall(SYS_pidfd_open, child, 0);
        while (waitpid(child, &status, WNOHANG) != child) {
                nfds_t k = 0;
                for (size_t i = 0; i < n; i++)
                        for (int e = 0; e < 2; e++)
                                fds[k++] = (struct pollfd) { .fd = links[i].ends[e],
                                                             .events = (short) ((links[i].n[1 - e] == 0 && !links[i].shut[1 - e] ? POLLIN : 0) |
                                                                                (links[i].n[e] ? POLLOUT : 0)) };
                for (int i = 0; i < 2; i++)
                        fds[k++] = (struct pollfd) { .fd = r->listeners[i], .events = POLLIN };
                fds[k++] = (struct pollfd) { .fd = pidfd, .events = POLLIN };
                if (poll(fds, k, pidfd < 0 ? 200 : -1) < 0)
                        continue;
                size_t before = n;
                serve_links(links, &n, fds);
                for (size_t i = 0; i < 2; i++)
                        if (fds[2 * before + i].revents & POLLIN)
                                accept_one(r, r->listeners[i], links, &n);
        }
        return status;
}
