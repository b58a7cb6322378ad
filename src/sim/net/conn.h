/* Byte streams for the simulator's servers: IPv6 TCP listeners bound to one address, with or without TLS, and their connections.
 *
 * A listener owns its connections; closing it drops them all. A connection belongs to the protocol that speaks on it until
 * on_close was called, which happens exactly once, whoever ends it. */
#pragma once

#include "sim/net/loop.h"
#include "sim/net/tls.h"

struct listener;
struct conn;

struct conn_ops {
        void (*on_data)(void *data, struct conn *c, const uint8_t *p, size_t n);
        void (*on_drained)(void *data, struct conn *c);          /* all that was written has left; may be NULL */
        void (*on_close)(void *data, struct conn *c);            /* the connection is freed afterwards */
};

/* A new connection, after its TLS handshake: give it its protocol with conn_set_ops(), or drop it. */
typedef void (*listener_fn)(void *data, struct conn *c);

/* Listens on [addr]:port (port 0: any, see listener_port) with IPV6_FREEBIND, so that a simulated server's address need not be on
 * an interface. tls may be NULL; the listener takes a reference. ERR_IO. */
int listener_new(struct sim_loop *l, const struct ip6_addr *addr, unsigned port, struct tls_server *tls, listener_fn fn,
                 void *data, struct listener **ret, struct error *err);
/* Takes over a bound and listening socket, or accepts on behalf of another namespace; owns fd from now on. */
int listener_new_fd(struct sim_loop *l, int fd, struct tls_server *tls, listener_fn fn, void *data, struct listener **ret,
                    struct error *err);
void listener_free(struct listener *s);                          /* NULL-safe; drops its connections */
void listener_set_tls(struct listener *s, struct tls_server *tls);       /* for connections from now on */
unsigned listener_port(const struct listener *s);

void conn_set_ops(struct conn *c, const struct conn_ops *ops, void *data);
void conn_write(struct conn *c, const void *p, size_t n);        /* copies; never blocks */
size_t conn_pending(const struct conn *c);                       /* bytes not yet sent */
void conn_close(struct conn *c);                                 /* sends what is pending, then closes; no on_data after this */
void conn_drop(struct conn *c);                                  /* at once, with a TCP reset: a connection that breaks */
const struct ip6_addr *conn_peer_addr(const struct conn *c);
const struct tls_peer *conn_tls_peer(const struct conn *c);      /* NULL without TLS or without a client certificate */
const char *conn_alpn(const struct conn *c);                     /* "" when none was agreed */

/* Tries to open a TCP connection from one address to another and closes it again; fn hears whether it came about. The source is
 * bound, so that firewall rules of the kernel see the node that asks. src may be NULL. The attempt ends after timeout_ms of real
 * time. fn is always called once, later, unless the probe is cancelled. */
struct net_probe;
typedef void (*net_probe_fn)(void *data, bool reached);
void net_probe_start(struct sim_loop *l, const struct ip6_addr *src, const struct ip6_addr *dest, unsigned port, int timeout_ms,
                     net_probe_fn fn, void *data, struct net_probe **slot);
void net_probe_cancel(struct net_probe **slot);                  /* *slot may be NULL */
