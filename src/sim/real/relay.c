/* The way out of one machine's programs. All machines share one network namespace, and a program that does not bind comes from the operator's address,
 * which firewalls let in elsewhere than nodes. So the programs are given an HTTP proxy on their machine's loopback, as any Go program takes from
 * its environment: it connects from the machine's own address. (etcd's own SetMemberLocalAddr cannot do IPv6: "too many colons in address",
 * 3.6.8.) Loopback addresses go around it by Go's own rule.
 *
 * Threads, since the loop may wait for an API server while that waits for its peers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/real/plane.h"

#define HEAD_MAX 4096

struct real_relay {
        struct ip6_addr source;
        int listener, stop;              /* stop: readable for ever once it is to end */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t idle;
        unsigned connections;
};

struct connection { struct real_relay *relay; int client, server; };

/* Waits for events on fd; false when the relay ends. */
static bool wait_for(const struct real_relay *r, int fd, short events) {
        struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = r->stop, .events = POLLIN } };
        while (poll(p, 2, -1) < 0)
                if (errno != EINTR)
                        return false;
        return p[1].revents == 0;
}

static bool send_all(const struct real_relay *r, int fd, const char *data, size_t n) {
        while (n > 0) {
                ssize_t sent = send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (sent > 0) {
                        data += sent;
                        n -= (size_t) sent;
                } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                        return false;
                } else if (!wait_for(r, fd, POLLOUT)) {
                        return false;
                }
        }
        return true;
}

/* "CONNECT [2001:db8::1]:6443 HTTP/1.1", to its empty line. Nothing follows before our answer. */
static bool read_target(const struct connection *c, struct ip6_addr *ret, unsigned *ret_port) {
        char head[HEAD_MAX + 1];
        size_t n = 0;

        do {
                if (n == HEAD_MAX || !wait_for(c->relay, c->client, POLLIN))
                        return false;
                ssize_t got = recv(c->client, head + n, HEAD_MAX - n, 0);
                if (got <= 0)
                        return false;
                n += (size_t) got;
                head[n] = '\0';
        } while (!strstr(head, "\r\n\r\n"));
        char *end = strchr(head, ']'), *rest;
        if (!str_starts(head, "CONNECT [") || !end || end[1] != ':')
                return false;
        *end = '\0';
        unsigned long port = strtoul(end + 2, &rest, 10);
        *ret_port = (unsigned) port;
        return *rest == ' ' && port > 0 && port < 65536 && ip6_parse(head + strlen("CONNECT ["), ret);
}

static int dial(const struct real_relay *r, const struct ip6_addr *to, unsigned port) {
        struct sockaddr_in6 from = { .sin6_family = AF_INET6 }, dest = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, e = 0;
        socklen_t n = sizeof(e);

        memcpy(&from.sin6_addr, r->source.b, 16);
        memcpy(&dest.sin6_addr, to->b, 16);
        if (fd < 0)
                return -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *) &from, sizeof(from)) < 0 ||
            (connect(fd, (struct sockaddr *) &dest, sizeof(dest)) < 0 && errno != EINPROGRESS) || !wait_for(r, fd, POLLOUT) ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 || e != 0) {
                close(fd);
                return -1;
        }
        return fd;
}

/* Moves what is there from one side to the other; false at the end of either. */
static bool move(const struct real_relay *r, int from, int to) {
        char buffer[65536];
        ssize_t n = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        return n > 0 && send_all(r, to, buffer, (size_t) n);
}

static void relay_bytes(const struct connection *c) {
        struct pollfd p[3] = { { .fd = c->client, .events = POLLIN }, { .fd = c->server, .events = POLLIN }, { .fd = c->relay->stop, .events = POLLIN } };

        for (;;) {
                if (poll(p, 3, -1) < 0 && errno != EINTR)
                        return;
                if (p[2].revents)
                        return;
                if (p[0].revents && !move(c->relay, c->client, c->server))
                        return;
                if (p[1].revents && !move(c->relay, c->server, c->client))
                        return;
        }
}

static void *serve(void *data) {
        static const char good[] = "HTTP/1.1 200 Connection established\r\n\r\n", bad[] = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
        struct connection *c = data;
        struct real_relay *r = c->relay;
        struct ip6_addr target;
        unsigned port;

        c->server = read_target(c, &target, &port) ? dial(r, &target, port) : -1;
        if (c->server < 0)
                (void) send_all(r, c->client, bad, strlen(bad));
        else if (send_all(r, c->client, good, strlen(good)))
                relay_bytes(c);
        cleanup_fd_(&c->server);
        cleanup_fd_(&c->client);
        free(c);
        pthread_mutex_lock(&r->lock);
        if (--r->connections == 0)
                pthread_cond_signal(&r->idle);
        pthread_mutex_unlock(&r->lock);
        return NULL;
}

static void start_serving(struct real_relay *r, int client) {
        struct connection *c = xnew0(struct connection);
        pthread_attr_t attributes;
        pthread_t thread;
        int on = 1;

        *c = (struct connection) { .relay = r, .client = client, .server = -1 };
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, 256 * 1024);
        pthread_mutex_lock(&r->lock);
        r->connections++;
        pthread_mutex_unlock(&r->lock);
        if (pthread_create(&thread, &attributes, serve, c) != 0) {
                pthread_mutex_lock(&r->lock);
                r->connections--;
                pthread_mutex_unlock(&r->lock);
                close(client);
                free(c);
        }
        pthread_attr_destroy(&attributes);
}

static void *accept_all(void *data) {
        struct real_relay *r = data;

        while (wait_for(r, r->listener, POLLIN)) {
                int client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
                if (client >= 0)
                        start_serving(r, client);
        }
        return NULL;
}

int real_relay_new(const uint8_t loopback[static 4], const struct ip6_addr *source, struct real_relay **ret, struct error *err) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(REAL_RELAY_PORT) };
        struct real_relay *r = xnew0(struct real_relay);
        int on = 1;

        memcpy(&at.sin_addr, loopback, 4);
        r->source = *source;
        r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        r->stop = eventfd(0, EFD_CLOEXEC);
        pthread_mutex_init(&r->lock, NULL);
        pthread_cond_init(&r->idle, NULL);
        setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (r->listener < 0 || r->stop < 0 || bind(r->listener, (struct sockaddr *) &at, sizeof(at)) < 0 || listen(r->listener, 64) < 0 ||
            pthread_create(&r->thread, NULL, accept_all, r) != 0) {
                error_set_errno(err, "listening for the programs of a control plane");
                cleanup_fd_(&r->listener);
                cleanup_fd_(&r->stop);
                free(r);
                return -1;
        }
        *ret = r;
        return 0;
}

void real_relay_free(struct real_relay *r) {
        if (!r)
                return;
        (void) !write(r->stop, &(uint64_t) { 1 }, sizeof(uint64_t));
        pthread_join(r->thread, NULL);
        pthread_mutex_lock(&r->lock);
        while (r->connections > 0)
                pthread_cond_wait(&r->idle, &r->lock);
        pthread_mutex_unlock(&r->lock);
        cleanup_fd_(&r->listener);
        cleanup_fd_(&r->stop);
        pthread_mutex_destroy(&r->lock);
        pthread_cond_destroy(&r->idle);
        free(r);
}
