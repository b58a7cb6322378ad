/* The decision: a pure function from snapshot to decision. No clock, no network; the same snapshot, in whatever order its lists are, gives
 * the same decision.
 *
 * A decision owns all its strings (they outlive the snapshot); decision_done() frees them. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "cluster/cost.h"
#include "scaler/snapshot.h"

/* One way to get a server, best first. */
struct decision_choice { char *type, *location; struct money each; bool sold_out; };

/* Servers to make in one pool. A pool may appear more than once (another type). */
struct decision_up {
        char *pool;
        int64_t count;
        struct decision_choice *choices; size_t n_choices;      /* [0] was chosen; the rest hold the same pods, and are tried when it cannot be had */
        struct strv pods;                /* "namespace/name" of those it is for; empty when the pool is below its minimum */
        char *reason;                    /* one line */
};

/* A node to take away, in the order in which they go. */
struct decision_down {
        char *node, *pool, *server;      /* names; server NULL: none found */
        int64_t server_id;               /* 0: none */
        bool drain;                      /* false: nothing but DaemonSet, mirror and finished pods is on it */
        int64_t since_ms;                /* unneeded since */
        double utilisation;              /* larger of cpu and memory, requests by allocatable */
        struct money saves;
        char *reason;
};

/* An annotation to be written on a Node; value NULL takes it off. Written before anything is done. */
struct decision_mark { char *node, *key, *value; };

enum repair_kind {
        REPAIR_POD_CIDR,            /* Node of ours without a pod CIDR: give it one */
        REPAIR_SERVER_WITHOUT_NODE, /* no Node after the boot time: delete the server; what it was for is decided anew in this same decision */
        REPAIR_NEVER_READY,         /* its Node is there but was never Ready within the boot time: delete server and Node */
        REPAIR_NODE_WITHOUT_SERVER, /* delete the Node once the server was seen missing by two ticks and GET /servers/{id} says 404 twice */
        REPAIR_RESUME_DRAIN,        /* a node of ours in some phase of going: go on from that phase */
        REPAIR_TAKE_BACK,           /* a node of ours that is draining, and whose room is wanted again: uncordon, take the phase off */
        REPAIR_REPORT,              /* said in the line, nothing is done: see reason */
        _REPAIR_MAX,
};
const char *repair_kind_name(enum repair_kind kind);    /* "pod-cidr", "server-without-node", … as in the JSON */

struct decision_repair {
        enum repair_kind kind;
        char *node, *server, *pool;      /* names, or NULL */
        int64_t server_id;               /* 0: none */
        char *phase;                     /* RESUME_DRAIN: the annotation's value */
        char *reason;
};

/* Pods that no server is bought for; those of one owner for one reason are one entry. */
struct decision_unplaceable {
        char *pod;                       /* "namespace/name" of the first by name */
        size_t count;                    /* how many pods the entry stands for */
        char *reason;
};

/* A node that could be spared by its utilisation, and why it stays. For people. */
struct decision_kept { char *node, *reason; };

struct decision {
        struct decision_up *up; size_t n_up;
        struct decision_down *down; size_t n_down;
        struct decision_mark *marks; size_t n_marks;
        struct decision_repair *repairs; size_t n_repairs;
        struct decision_unplaceable *unplaceable; size_t n_unplaceable;
        struct decision_kept *kept; size_t n_kept;
        struct strv waiting;             /* "namespace/name" of pods that have room on what is there or boots: nothing is bought for them */
        struct strv reasons;             /* one line a decision, for people */
        struct money before, after;      /* of all servers of the cluster, net, a month and an hour */
        char *currency;                  /* "EUR", or NULL when the snapshot has no pricing */
};
#define _cleanup_decision_ _cleanup_(decision_done)
void decision_done(struct decision *d);

/* Decides. ERR_REFUSED when no decision may be made of this snapshot: more than 45 % of the nodes unready, no node at all. */
int decide(const struct snapshot *s, struct decision *ret, struct error *err);
/* Is there anything to do besides marks? (--dry-run: exit 2) */
bool decision_is_empty(const struct decision *d);
/* {"up": {POOL: COUNT}, "down": [NODE…], "unplaceable": [{"pod", "reason"}], "reasons": […], …}: docs/scaler.md. New reference. */
json_t *decision_json(const struct decision *d);
