/* Emptying one node: cordon, evict, wait until every pod is gone. What has been done stands in the Node's annotations, so a drain that is cut off, by the
 * tick's deadline, a crash or a kill, is taken up by the next tick. Nothing is ever forced: a budget that says no is asked again. */
#pragma once

#include "base/cancel.h"
#include "base/clock.h"
#include "kube/client.h"
#include "scaler/hold.h"

#define ANNOTATION_WAS_CORDONED "hcloud-v6/was-cordoned"       /* "true": a person had cordoned it before us; it is never uncordoned by us */

struct drainer {
        struct kube_client *kube;
        struct clock *clock;
        const struct cancel *cancel;
        struct hold *hold;                     /* or NULL */
        int64_t deadline_ms;                   /* monotonic, by clock */
        bool by_hand;                          /* else: a node of ours that a person has uncordoned is left to that person */
        bool only_empty;                       /* a pod that would have to move is a reason to give the node back, not to evict */
        void (*note)(void *data, const char *text); void *note_data;   /* progress, or NULL */
};

enum drain_state {
        DRAIN_DONE,            /* no pod is left that would have to move; the phase is "drained" */
        DRAIN_WAITS,           /* the deadline came first; the phase stays "draining" */
        DRAIN_GIVEN_BACK,      /* only_empty, and it was not; or a person has uncordoned it since */
        DRAIN_NO_NODE,         /* there is no such Node */
};
struct drain_result {
        enum drain_state state;
        size_t moved;                          /* pods that this drain evicted */
        int64_t since_ms;                      /* of the cordon */
        char *waits_for;                       /* "default/web-0: The disruption budget …", or NULL */
};
void drain_result_done(struct drain_result *r);

/* Cordons the node and writes phase "draining" in one step; a phase that stands there is kept. *ret: DRAIN_WAITS (cordoned), DRAIN_GIVEN_BACK, DRAIN_NO_NODE.
 * *ret_since_ms: since when, by the API server's clock. */
int drain_cordon(const struct drainer *d, const char *node, enum drain_state *ret, int64_t *ret_since_ms, struct error *err);
/* The whole drain. ERR_LOCKED: the Lease was lost. ERR_REFUSED is never an eviction's: one that is refused for good (two budgets select the pod) is
 * reported in waits_for and left to people. */
int drain_node(const struct drainer *d, const char *node, struct drain_result *ret, struct error *err);
/* Writes another phase ("deleting"); since when it goes stays. A Node that is gone is success. */
int drain_set_phase(const struct drainer *d, const char *node, const char *phase, struct error *err);
/* Takes our annotations off and uncordons the node, unless a person had cordoned it before us. A node without a phase of ours is left alone. */
int drain_give_back(const struct drainer *d, const char *node, struct error *err);

/* Must this pod leave before the node may go? Not those of DaemonSets, mirror pods, and finished ones. */
struct kube_pod;
bool drain_must_move(const struct kube_pod *p);
