/* One peer, one engine and one client for a test; WORLD(answers) at its beginning. */
#pragma once

#include "kube/client.h"
#include "peer.h"
#include "tests/unit/unit.h"

struct world {
        struct peer *peer;
        struct http_engine *engine;
        struct clock *clock;
        struct kube_client *client;
};

static inline struct world world_new(const struct peer_answer *answers, size_t n) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct world w = { .peer = peer_new(answers, n), .clock = clock_manual_new(INT64_C(1790000000000)) };
        _cleanup_str_ char *url = peer_url(w.peer);
        ck_ok(http_engine_new("test", &w.engine, &err), err);
        struct kube_config config = { .server = url, .engine = w.engine, .clock = w.clock };
        ck_ok(kube_client_new(&config, &w.client, &err), err);
        return w;
}

static inline void world_done(struct world *w) {
        kube_client_free(w->client);
        http_engine_free(w->engine);
        peer_free(w->peer);
        clock_manual_free(w->clock);
}

#define WORLD(w, ...)                                             \
        const struct peer_answer w##_answers[] = { __VA_ARGS__ }; \
        _cleanup_(world_done) struct world w = world_new(w##_answers, ARRAY_SIZE(w##_answers))
