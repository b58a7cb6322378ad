/* A count by hand: the same path as a tick without the deciding. Begin (look and choose), show, run, end. */
#pragma once

#include "cluster/scale.h"
#include "scaler/drain.h"

struct hand_options {
        const char *pool;                      /* NULL: that of `nodes` */
        int64_t count;                         /* -1: as many as there are less `nodes` */
        const struct strv *nodes;              /* these go; empty: chosen */
        bool force;                            /* also pods that nobody starts again */
        bool dry_run;
        int64_t drain_ms;                      /* 0: 10 min */
};

struct hand_node { char *name; int64_t index; bool begun, healthy; size_t pods, bare; char *a_bare_pod; };
struct hand {
        struct cluster *c;
        struct hand_options o;
        struct scale_view view;
        struct hold *hold;
        char *pool;
        int64_t have, want;
        struct hand_node *nodes; size_t n;     /* those that go */
        struct strv lost;                      /* Nodes that an earlier run drained and whose server it removed */
        int64_t deadline_ms;
        struct plan_step *cordoned;
};

/* Takes the locks (not in a dry run), looks, and chooses which nodes go: first those whose drain an earlier run began, then those without a Ready Node, then those
 * with the fewest pods that must move, of equal ones the highest number. ERR_USAGE: no such pool, control planes, outside autoscale's bounds. ERR_REFUSED:
 * a chosen node has a pod without a controller, and force is not given. */
int hand_begin(struct cluster *c, const struct hand_options *o, struct hand *ret, struct error *err);
/* The one plan of it, for hand_end()'s caller to print or to run with cluster_run(). */
int hand_plan(struct hand *h, struct plan **ret, struct error *err);
void hand_end(struct hand *h);
