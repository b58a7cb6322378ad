#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sim/net/conn.h"

/* The time-out is of real time, whatever the loop's clock does: the kernel's firewall answers in real time. Hence a timerfd. */
struct net_probe {
        struct net_probe **slot;
        struct sim_loop *loop;
        struct loop_watch *watch, *timer_watch;
        int fd, timer_fd;
        bool reached;
        net_probe_fn fn;
        void *data;
};

static void probe_free(struct net_probe *p) {
        loop_forget(p->loop, p);
        loop_watch_remove(&p->watch);
        loop_watch_remove(&p->timer_watch);
        cleanup_fd_(&p->fd);
        cleanup_fd_(&p->timer_fd);
        free(p);
}

void net_probe_cancel(struct net_probe **slot) {
        struct net_probe *p = *slot;
        if (!p)
                return;
        *slot = NULL;
        probe_free(p);
}

static void probe_report(void *data) {
        struct net_probe *p = data;
        net_probe_fn fn = p->fn;
        void *fn_data = p->data;
        bool reached = p->reached;
        *p->slot = NULL;
        probe_free(p);
        fn(fn_data, reached);
}

static void on_connected(void *data, uint32_t events) {
        struct net_probe *p = data;
        int e = 0;
        socklen_t n = sizeof(e);
        p->reached = getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0;
        probe_report(p);
}

static void on_timeout(void *data, uint32_t events) {
        probe_report(data);
}

static bool probe_begin(struct net_probe *p, const struct ip6_addr *src, const struct ip6_addr *dest, unsigned port,
                        int timeout_ms) {
        struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        struct itimerspec at = { .it_value = { .tv_sec = timeout_ms / 1000, .tv_nsec = (timeout_ms % 1000) * 1000000L + 1 } };
        int on = 1;

        memcpy(&to.sin6_addr, dest->b, 16);
        p->fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (p->fd < 0 || p->timer_fd < 0)
                return false;
        if (src) {
                struct sockaddr_in6 from = { .sin6_family = AF_INET6 };
                memcpy(&from.sin6_addr, src->b, 16);
                (void) setsockopt(p->fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
                if (bind(p->fd, (struct sockaddr *) &from, sizeof(from)) < 0)
                        return false;
        }
        if (connect(p->fd, (struct sockaddr *) &to, sizeof(to)) < 0 && errno != EINPROGRESS)
                return false;
        return timerfd_settime(p->timer_fd, 0, &at, NULL) == 0 &&
               loop_watch_add(p->loop, p->fd, EPOLLOUT, on_connected, p, &p->watch, NULL) == 0 &&
               loop_watch_add(p->loop, p->timer_fd, EPOLLIN, on_timeout, p, &p->timer_watch, NULL) == 0;
}

void net_probe_start(struct sim_loop *l, const struct ip6_addr *src, const struct ip6_addr *dest, unsigned port, int timeout_ms,
                     net_probe_fn fn, void *data, struct net_probe **slot) {
        net_probe_cancel(slot);
        struct net_probe *p = xnew0(struct net_probe);
        p->loop = l;
        p->slot = slot;
        p->fd = p->timer_fd = -1;
        p->fn = fn;
        p->data = data;
        *slot = p;
        if (!probe_begin(p, src, dest, port, timeout_ms)) {
                loop_watch_remove(&p->watch);
                loop_watch_remove(&p->timer_watch);
                loop_defer(l, probe_report, p);
        }
}
