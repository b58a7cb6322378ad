/* For tests of the simulator's servers: a loop that runs in a thread of its own while the test is the client. */
#pragma once

#include <pthread.h>

#include "base/http.h"
#include "sim/net/cert.h"
#include "sim/net/loop.h"
#include "../unit.h"

struct loop_thread { struct sim_loop *loop; pthread_t thread; bool running; };

static inline void *loop_thread_main(void *data) {
        struct loop_thread *t = data;
        (void) loop_run(t->loop, NULL);
        return NULL;
}

static inline void loop_thread_start(struct loop_thread *t) {
        t->running = true;
        pthread_create(&t->thread, NULL, loop_thread_main, t);
}

static inline void loop_thread_stop(struct loop_thread *t) {
        if (t->running) {
                loop_stop(t->loop);
                pthread_join(t->thread, NULL);
        }
        t->running = false;
}

static inline struct ip6_addr loopback(void) {
        struct ip6_addr a = { { 0 } };
        a.b[15] = 1;
        return a;
}

/* A CA, and a leaf of it for [::1] or for a client. */
static inline void make_ca(struct cert_pair *ret) {
        static const char *const o[] = { "test", NULL };
        struct cert_spec s = { .organizations = o,
                               .not_before_ms = 1700000000000,
                               .lifetime_ms = 1000000000000,
                               .key = CERT_KEY_ED25519,
                               .server_auth = true,
                               .client_auth = true };
        struct error err = ERROR_INIT;
        ck_ok(cert_make_ca(&s, ret, &err), err);
}

static inline void make_leaf(const struct cert_pair *ca, const char *const *organizations, bool server, bool client,
                             struct cert_pair *ret) {
        struct ip6_addr a = loopback();
        struct cert_spec s = { .common_name = server ? "server" : "client",
                               .organizations = organizations,
                               .addresses = &a,
                               .n_addresses = server ? 1 : 0,
                               .not_before_ms = 1700000000000,
                               .lifetime_ms = 1000000000000,
                               .server_auth = server,
                               .client_auth = client };
        struct error err = ERROR_INIT;
        ck_ok(cert_issue(ca, &s, ret, &err), err);
}
