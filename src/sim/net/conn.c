#include "sim/net/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK 16384
/* How long a closed connection waits for the peer's own end, so that a reset does not overtake the last bytes. */
#define LINGER_MS 2000

enum conn_state { CONN_HANDSHAKE, CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_DEAD };

struct conn {
        struct listener *listener;       /* NULL once it was freed */
        struct conn *next, *prev;        /* in the listener's list */
        struct sim_loop *loop;
        struct loop_watch *watch;
        struct loop_timer *linger;
        int fd;
        SSL *ssl;                        /* or NULL */
        struct tls_peer *peer;
        char alpn[16];
        enum conn_state state;
        bool want_write;                 /* OpenSSL waits for it */
        struct strbuf out;
        size_t out_sent;
        unsigned busy;                   /* callbacks that run now */
        const struct conn_ops *ops;
        void *data;
        struct ip6_addr addr;            /* the peer's */
};

struct listener {
        struct sim_loop *loop;
        struct loop_watch *watch;
        int fd;
        unsigned port;
        struct tls_server *tls;
        listener_fn fn;
        void *data;
        struct conn *conns;
};

/* --- life of a connection --- */

static void conn_free_if_idle(struct conn *c) {
        if (c->state != CONN_DEAD || c->busy)
                return;
        strbuf_done(&c->out);
        tls_peer_free(c->peer);
        free(c);
}

static void conn_die(struct conn *c) {
        if (c->state == CONN_DEAD)
                return;
        c->state = CONN_DEAD;
        loop_watch_remove(&c->watch);
        loop_timer_cancel(&c->linger);
        SSL_free(c->ssl);
        c->ssl = NULL;
        ERR_clear_error();
        cleanup_fd_(&c->fd);
        c->fd = -1;
        if (c->prev)
                c->prev->next = c->next;
        else if (c->listener)
                c->listener->conns = c->next;
        if (c->next)
                c->next->prev = c->prev;
        const struct conn_ops *ops = TAKE(c->ops);
        c->busy++;
        if (ops && ops->on_close)
                ops->on_close(c->data, c);
        c->busy--;
        conn_free_if_idle(c);
}

void conn_drop(struct conn *c) {
        if (c->state == CONN_DEAD)
                return;
        struct linger now = { .l_onoff = 1, .l_linger = 0 };
        (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        conn_die(c);
}

static void conn_update_watch(struct conn *c) {
        if (!c->watch)
                return;
        uint32_t events = EPOLLIN;
        if (c->want_write || c->out_sent < c->out.len || c->state == CONN_FLUSHING)
                events |= EPOLLOUT;
        loop_watch_change(c->watch, events);
}

static void on_linger_over(void *data) {
        struct conn *c = data;
        conn_die(c);
}

/* All is sent: says goodbye and waits for the peer's end. */
static void conn_finish(struct conn *c) {
        c->state = CONN_LINGERING;
        if (c->ssl) {
                (void) SSL_shutdown(c->ssl);
                ERR_clear_error();
        }
        (void) shutdown(c->fd, SHUT_WR);
        loop_timer_set(c->loop, &c->linger, LINGER_MS, on_linger_over, c);
        conn_update_watch(c);
}

void conn_close(struct conn *c) {
        if (c->state == CONN_HANDSHAKE) {
                conn_die(c);
        } else if (c->state == CONN_OPEN) {
                c->state = CONN_FLUSHING;
                conn_update_watch(c);
        }
}

void conn_write(struct conn *c, const void *p, size_t n) {
        if (c->state != CONN_OPEN || n == 0)
                return;
        if (c->out_sent == c->out.len) {
                strbuf_clear(&c->out);
                c->out_sent = 0;
        }
        strbuf_add(&c->out, p, n);
        conn_update_watch(c);
}

size_t conn_pending(const struct conn *c) { return c->out.len - c->out_sent; }

/* --- reading and writing. All return false when the connection died --- */

/* What an OpenSSL call's failure means: 0 try later, -1 dead. */
static int ssl_result(struct conn *c, int r) {
        int e = SSL_get_error(c->ssl, r);
        c->want_write = e == SSL_ERROR_WANT_WRITE;
        ERR_clear_error();
        return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t read_some(struct conn *c, uint8_t *p, size_t n) {
        if (c->ssl) {
                int r = SSL_read(c->ssl, p, (int) n);
                return r > 0 ? r : ssl_result(c, r) == 0 ? 0 : -1;
        }
        ssize_t r = recv(c->fd, p, n, 0);
        if (r == 0)
                return -1;
        return r > 0 ? r : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static ssize_t write_some(struct conn *c, const char *p, size_t n) {
        if (c->ssl) {
                int r = SSL_write(c->ssl, p, (int) MIN(n, (size_t) 1 << 20));
                return r > 0 ? r : ssl_result(c, r) == 0 ? 0 : -1;
        }
        ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
        return r >= 0 ? r : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static bool conn_flush(struct conn *c) {
        bool had = c->out_sent < c->out.len;
        while (c->out_sent < c->out.len) {
                ssize_t r = write_some(c, c->out.data + c->out_sent, c->out.len - c->out_sent);
                if (r < 0) {
                        conn_die(c);
                        return false;
                }
                if (r == 0)
                        return true;
                c->out_sent += (size_t) r;
        }
        if (c->state == CONN_FLUSHING)
                conn_finish(c);
        else if (had && c->ops && c->ops->on_drained)
                c->ops->on_drained(c->data, c);
        return c->state != CONN_DEAD;
}

static bool conn_read(struct conn *c) {
        uint8_t buffer[READ_CHUNK];
        /* A bounded number of pieces a turn, so that one connection does not starve the others; level triggering brings us back.
         * OpenSSL may hold decrypted bytes that epoll does not know of. */
        for (int i = 0; i < 16 || (c->ssl && SSL_pending(c->ssl) > 0); i++) {
                ssize_t n = read_some(c, buffer, sizeof(buffer));
                if (n < 0) {
                        conn_die(c);
                        return false;
                }
                if (n == 0)
                        break;
                if (c->state == CONN_OPEN && c->ops && c->ops->on_data)
                        c->ops->on_data(c->data, c, buffer, (size_t) n);
                if (c->state == CONN_DEAD)
                        return false;
        }
        return true;
}

static void conn_opened(struct conn *c) {
        c->state = CONN_OPEN;
        if (c->ssl) {
                const uint8_t *name;
                unsigned n;
                SSL_get0_alpn_selected(c->ssl, &name, &n);
                memcpy(c->alpn, name ? name : (const uint8_t *) "", MIN(n, (unsigned) sizeof(c->alpn) - 1));
                c->peer = tls_peer_of(c->ssl);
        }
        c->listener->fn(c->listener->data, c);
}

static bool conn_handshake(struct conn *c) {
        int r = SSL_do_handshake(c->ssl);
        if (r == 1) {
                c->want_write = false;
                conn_opened(c);
                return c->state != CONN_DEAD;
        }
        if (ssl_result(c, r) < 0) {
                conn_die(c);
                return false;
        }
        conn_update_watch(c);
        return false;            /* nothing to read yet, alive or not */
}

static void on_conn_event(void *data, uint32_t events) {
        struct conn *c = data;

        c->busy++;
        bool alive = c->state != CONN_HANDSHAKE || conn_handshake(c);
        if (alive)
                alive = conn_read(c);
        if (alive && c->state != CONN_LINGERING)
                alive = conn_flush(c);
        if (alive)
                conn_update_watch(c);
        c->busy--;
        conn_free_if_idle(c);
}

/* --- listeners --- */

static struct sockaddr_in6 socket_address(const struct ip6_addr *a, unsigned port) {
        struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port) };
        memcpy(&sa.sin6_addr, a->b, 16);
        return sa;
}

static void conn_new(struct listener *s, int fd, const struct sockaddr_in6 *from) {
        struct conn *c = xnew0(struct conn);
        _cleanup_error_ struct error err = ERROR_INIT;
        int on = 1;

        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        c->fd = fd;
        c->loop = s->loop;
        c->listener = s;
        c->next = s->conns;
        if (s->conns)
                s->conns->prev = c;
        s->conns = c;
        memcpy(c->addr.b, &from->sin6_addr, 16);
        if (s->tls) {
                c->ssl = tls_server_session(s->tls);
                if (c->ssl)
                        SSL_set_fd(c->ssl, fd);
        }
        if ((s->tls && !c->ssl) || loop_watch_add(s->loop, fd, EPOLLIN, on_conn_event, c, &c->watch, &err) < 0) {
                conn_die(c);
                return;
        }
        c->busy++;
        if (!s->tls)
                conn_opened(c);
        c->busy--;
        conn_free_if_idle(c);
}

static void on_accept(void *data, uint32_t events) {
        struct listener *s = data;
        for (int i = 0; i < 64; i++) {
                struct sockaddr_in6 from = { 0 };
                socklen_t n = sizeof(from);
                int fd = accept4(s->fd, (struct sockaddr *) &from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0)
                        return;
                conn_new(s, fd, &from);
        }
}

int listener_new_fd(struct sim_loop *l, int fd, struct tls_server *tls, listener_fn fn, void *data, struct listener **ret,
                    struct error *err) {
        struct listener *s = xnew0(struct listener);
        struct sockaddr_in6 sa = { 0 };
        socklen_t n = sizeof(sa);

        s->fd = fd;
        int r = getsockname(fd, (struct sockaddr *) &sa, &n) < 0 ? error_set_errno(err, "the listening socket has no name")
                                                                 : loop_watch_add(l, fd, EPOLLIN, on_accept, s, &s->watch, err);
        if (r < 0) {
                cleanup_fd_(&s->fd);
                free(s);
                return r;
        }
        s->port = ntohs(sa.sin6_port);
        s->loop = l;
        s->tls = tls_server_ref(tls);
        s->fn = fn;
        s->data = data;
        *ret = s;
        return 0;
}

int listener_new(struct sim_loop *l, const struct ip6_addr *addr, unsigned port, struct tls_server *tls, listener_fn fn,
                 void *data, struct listener **ret, struct error *err) {
        char text[IP6_STR_MAX];
        struct sockaddr_in6 sa = socket_address(addr, port);
        _cleanup_fd_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1;

        if (fd < 0)
                return error_set_errno(err, "making a socket");
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        (void) setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
        (void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || listen(fd, 512) < 0)
                return error_set_errno(err, "listening on [%s]:%u", ip6_format(addr, text), port);
        int own = fd;
        fd = -1;
        return listener_new_fd(l, own, tls, fn, data, ret, err);
}

void listener_free(struct listener *s) {
        if (!s)
                return;
        loop_watch_remove(&s->watch);
        while (s->conns) {
                struct conn *c = s->conns;
                conn_drop(c);
        }
        cleanup_fd_(&s->fd);
        tls_server_unref(s->tls);
        free(s);
}

void listener_set_tls(struct listener *s, struct tls_server *tls) {
        struct tls_server *old = s->tls;
        s->tls = tls_server_ref(tls);
        tls_server_unref(old);
}

unsigned listener_port(const struct listener *s) { return s->port; }

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *data) {
        c->ops = ops;
        c->data = data;
}

const struct ip6_addr *conn_peer_addr(const struct conn *c) { return &c->addr; }
const struct tls_peer *conn_tls_peer(const struct conn *c) { return c->peer; }
const char *conn_alpn(const struct conn *c) { return c->alpn; }
