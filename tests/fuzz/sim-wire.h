/* A connection of the simulator's servers without a network: the linker puts these functions in the place of the connection's (--wrap). What a server
 * writes goes to wrote(), which the target defines. */
#pragma once

#include "check.h"
#include "sim/net/conn.h"

struct wire { const struct conn_ops *ops; void *data; bool closed; unsigned answers; uint64_t digest; };
static struct wire wire;
static listener_fn accept_fn;
static void *accept_data;
static struct conn *const fake = (struct conn *) &wire;

static void wrote(const void *p, size_t n);

int __wrap_listener_new(struct sim_loop *l, const struct ip6_addr *addr, unsigned port, struct tls_server *tls, listener_fn fn, void *data,
                        struct listener **ret, struct error *err);
void __wrap_listener_free(struct listener *s);
void __wrap_conn_set_ops(struct conn *c, const struct conn_ops *ops, void *data);
const struct ip6_addr *__wrap_conn_peer_addr(const struct conn *c);
void __wrap_conn_write(struct conn *c, const void *p, size_t n);
const char *__wrap_conn_alpn(const struct conn *c);
const struct tls_peer *__wrap_conn_tls_peer(const struct conn *c);
void __wrap_conn_close(struct conn *c);
void __wrap_conn_drop(struct conn *c);

int __wrap_listener_new(struct sim_loop *l, const struct ip6_addr *addr, unsigned port, struct tls_server *tls, listener_fn fn, void *data,
                        struct listener **ret, struct error *err) {
        accept_fn = fn;
        accept_data = data;
        *ret = NULL;
        return 0;
}

void __wrap_listener_free(struct listener *s) {
}

void __wrap_conn_set_ops(struct conn *c, const struct conn_ops *ops, void *data) {
        wire.ops = ops;
        wire.data = data;
}

const struct ip6_addr *__wrap_conn_peer_addr(const struct conn *c) {
        static const struct ip6_addr nobody;
        return &nobody;
}

void __wrap_conn_write(struct conn *c, const void *p, size_t n) {
        wrote(p, n);
}

const char *__wrap_conn_alpn(const struct conn *c) {
        return "h2";
}

const struct tls_peer *__wrap_conn_tls_peer(const struct conn *c) {
        return NULL;
}

void __wrap_conn_close(struct conn *c) {
        wire.closed = true;
}

static void hang_up(void) {
        const struct conn_ops *ops = TAKE(wire.ops);
        wire.closed = true;
        if (ops)
                ops->on_close(wire.data, fake);
}

void __wrap_conn_drop(struct conn *c) {
        hang_up();
}
