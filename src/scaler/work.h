/* What the halves of a decision share while it is made. Private to src/scaler. */
#pragma once

#include "scaler/decide.h"
#include "scaler/fit.h"

/* Pods of one class that wait for room; interchangeable. */
struct group {
        struct pod_class *class;
        const struct pod **pods; size_t n; /* by name */
        size_t left;                       /* not placed yet; the first n - left of pods are */
        const char *never;                 /* why no server helps, or NULL */
};

struct work {
        const struct snapshot *s;
        struct arena arena;                /* of what is made up here */
        struct decision *d;
        struct world *w;
        struct template *options; size_t n_options;    /* what could be bought, pools by name */
        struct template *coming; size_t n_coming;      /* of servers that boot */
        struct strv *pool_trouble;         /* by pool: why nothing can be bought for it */
        bool *server_goes;                 /* by server: a repair deletes it */
        int64_t *pool_count;               /* by pool: servers, without those that a repair deletes */
        int64_t *pool_staying;             /* the same without nodes that are on their way out */
        int64_t cluster_count;
        struct money month_now;            /* of all servers that stay */
        bool price_unknown;                /* of some server that is there */
        struct group *groups; size_t n_groups;
        size_t waiting_coming, waiting_existing;
        bool draining;                     /* a drain goes on in this tick */
};

/* options.c: what could be bought, at which price. */
void options_build(struct work *k);
/* The template of a server that exists: its own type and place. */
void option_of_server(struct work *k, const struct server *v, struct template *ret);
struct money price_of_server(const struct snapshot *s, const struct server *v, bool *ret_known);

void repair_decide(struct work *k);        /* repair.c: first, since it says which servers stay */
void demand_build(struct work *k);         /* demand.c: who waits for room */
void demand_settle(struct work *k);        /* … and who of them has room on what is there or boots */
void up_decide(struct work *k);            /* up.c */
void down_decide(struct work *k);          /* down.c */
/* Why a pod keeps its node from being taken away, or NULL; owned (evictable.c). */
char *evictable_refusal(const struct snapshot *s, const struct pod *p);
/* Does the pod have to be moved at all? Not those of DaemonSets, mirrors, finished or already going. */
bool pod_moves(const struct pod *p);
/* The budget that covers the pod, or NULL. */
const struct budget *budget_of(const struct snapshot *s, const struct pod_class *c, size_t *ret_n);

void decision_reason(struct decision *d, const char *fmt, ...) _printf_(2, 3);
void decision_unplaced(struct decision *d, const struct pod *first, size_t count, const char *reason);
void decision_repair(struct work *k, enum repair_kind kind, const struct node *n, const struct server *v, const char *fmt, ...) _printf_(5, 6);
char *pod_text(const struct pod *p);       /* "namespace/name"; owned */
/* "one pod", "3 pods"; owned. */
char *count_text(size_t n, const char *one, const char *many);
