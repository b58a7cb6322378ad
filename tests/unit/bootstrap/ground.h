/* What the tests of bootstrap stand on: one clock that moves only by sleeping, one engine, a Kubernetes API with canned answers. */
#pragma once

#include "../kube/peer.h"
#include "../unit.h"
#include "bootstrap/bootstrap.h"
#include "kube/client.h"

#define START_MS INT64_C(1790000000000)           /* 2026-09-21T14:13:20Z */

struct ground {
        struct bootstrap b;
        struct peer *peer;
        char notes[4096];                         /* all notes, a line each; one that repeats the last is left out */
        char last_note[512];
};

static inline void ground_note(void *data, const char *text) {
        struct ground *g = data;
        size_t len = strlen(g->notes);

        if (strcmp(g->last_note, text) == 0)
                return;
        snprintf(g->last_note, sizeof(g->last_note), "%s", text);
        snprintf(g->notes + len, sizeof(g->notes) - len, "%s\n", text);
}

static inline void ground_init(struct ground *g) {
        _cleanup_error_ struct error err = ERROR_INIT;

        *g = (struct ground) { .b = { .clock = clock_manual_new(START_MS), .note = ground_note, .note_data = g } };
        ck_ok(http_engine_new("test", &g->b.http, &err), err);
}

/* The answers are used up in order; the last is repeated. */
static inline void ground_kube(struct ground *g, const struct peer_answer *answers, size_t n) {
        _cleanup_error_ struct error err = ERROR_INIT;

        g->peer = peer_new(answers, n);
        _cleanup_str_ char *url = peer_url(g->peer);
        struct kube_config config = { .server = url, .engine = g->b.http, .clock = g->b.clock, .max_tries = 1 };
        ck_ok(kube_client_new(&config, &g->b.kube, &err), err);
}

static inline void ground_done(struct ground *g) {
        kube_client_free(g->b.kube);
        http_engine_free(g->b.http);
        if (g->peer)
                peer_free(g->peer);
        clock_manual_free(g->b.clock);
}
#define _cleanup_ground_ _cleanup_(ground_done)

/* GROUND(g, answers…) at a test's beginning: the structs of Kubernetes' answers. */
#define GROUND(g, ...)                                              \
        const struct peer_answer g##_answers[] = { __VA_ARGS__ };   \
        _cleanup_ground_ struct ground g;                           \
        ground_init(&g);                                            \
        ground_kube(&g, g##_answers, ARRAY_SIZE(g##_answers))

static inline int64_t ground_elapsed(const struct ground *g) { return clock_now_ms(g->b.clock) - START_MS; }

/* demo-N with the prefix 2001:db8:0:N::/64. */
static inline struct bootstrap_node ground_node(unsigned n) {
        static const char *const names[] = { "demo-0", "demo-1", "demo-2" };
        struct bootstrap_node node = { .name = names[n], .server_id = 100 + n, .control_plane = n == 0 };
        char text[64];

        snprintf(text, sizeof(text), "2001:db8:0:%u::1", n);
        ck_assert(ip6_parse(text, &node.addr));
        snprintf(text, sizeof(text), "2001:db8:0:%u::/64", n);
        ck_assert(ip6_prefix_parse(text, &node.prefix, NULL));
        return node;
}
