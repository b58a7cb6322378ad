/* What the files of bootstrap share: deadlines with a growing pause, notes, and the marker labels. */
#pragma once

#include "bootstrap/bootstrap.h"
#include "kube/client.h"
#include "kube/node.h"
#include "talos/api.h"

#define SPEC_ANNOTATION "hcloud-v6/spec"
#define CHART_ANNOTATION "hcloud-v6/chart"
#define RELEASE_LABEL "hcloud-v6/release"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

/* A wait: how long it has lasted and when it must end. */
struct wait {
        const struct bootstrap *b;
        int64_t start_ms, end_ms;
        int64_t share;                   /* a pause is this part of what has passed: 40 by default; less often where hundreds of threads wait at once */
};
struct wait wait_begin(const struct bootstrap *b, int64_t timeout_ms, int64_t default_ms);
int64_t wait_elapsed(const struct wait *w);
/* Sleeps between two looks: a fortieth of what has passed, 0.1 to 3 seconds, so that a short wait is not rounded up and a long one asks
 * rarely. ERR_CANCELLED; ERR_TIMEOUT with the text when the end has come. */
int wait_pause(const struct wait *w, struct error *err, const char *fmt, ...) _printf_(3, 4);

/* How long the next pause will be. */
int64_t wait_next_pause(const struct wait *w);

/* One Node, as seen not longer ago than half the pause of the wait: alone by GET, or, where several wait, in a list that serves them all. To
 * be called between enter and leave. ERR_NOT_FOUND when it is not registered, and the errors of kube_node_get(). */
struct nodes_seen;
struct node_look { const struct kube_node *node; struct kube_node own; struct nodes_seen *seen; struct node_looks *looks; };
void node_looks_enter(const struct bootstrap *b);
void node_looks_leave(const struct bootstrap *b);
int node_look(const struct bootstrap *b, const char *name, const struct wait *w, struct node_look *ret, struct error *err);
void node_look_done(struct node_look *look);

void bootstrap_note(const struct bootstrap *b, const char *fmt, ...) _printf_(2, 3);

/* The Talos client for a node with the operator's identity. */
struct talos_client node_secure(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms);

/* Is this error worth another look (the API server restarts, the network is being built)? Everything but a refusal of our credentials, a
 * cancellation and our own mistakes. */
bool kube_error_passes(const struct error *err);
