/* Nodes that come and go in a cluster that lives: for src/scaler, which decides and drains. Look, then plan and run as often as needed, then end:
 *
 *     cluster_scale_look() -> cluster_saw_node() for each Node of Kubernetes -> cluster_plan_scale() -> cluster_run() … -> cluster_scale_end()
 *
 * The look takes the host's lock; the first plan that runs takes the cloud's and keeps it until the end. */
#pragma once

#include <hcloud/hcloud.h>

#include "cluster/cluster.h"
#include "kube/node.h"

struct kube_client;

/* The cloud as it was seen. Borrowed from the cluster, valid until its next look. */
struct scale_view {
        const struct hcloud_server_list *servers;      /* of the whole project: cluster_owns() tells ours */
        const struct hcloud_server_type_list *types;
        const struct hcloud_pricing *pricing;
        struct kube_client *kube;
        const struct cluster_spec *spec;
        char *uid;                                     /* of the cluster */
};
/* Lists the cloud, opens the vault, sees that the firewall lets this machine through (and adds it, unless dry_run or no_firewall_change), makes the client
 * for Kubernetes. Nothing is asked of Kubernetes yet. ERR_LOCKED: this host's lock or, as listed, the cloud's; ERR_NOT_FOUND: there is no such
 * cluster; else as cluster_plan_up(). */
int cluster_scale_look(struct cluster *c, bool dry_run, struct scale_view *ret, struct error *err);
bool cluster_owns(const struct cluster *c, const struct hcloud_server *s);
/* Who we are in locks that others see: this host and state directory, not this process, so that a killed run's lock is known again. Owned. */
char *cluster_holder(const struct cluster *c);

/* One Node as Kubernetes has it; what of it is not as it should be is put right by the next plan with `finish`. */
void cluster_saw_node(struct cluster *c, const struct kube_node *k);
void cluster_saw_no_nodes(struct cluster *c);          /* forgets them: the list begins again */

/* choices: the only ways to get them, best first; none: all that the profile names, in its order. */
struct scale_choice { const char *type, *location; };
struct scale_add { const char *pool; int64_t count; const struct scale_choice *choices; size_t n_choices; };
/* Counts that a person wished for: kept in the cloud, so that `up` does not undo them. */
struct scale_wish { const char *pool; int64_t count; };
struct scale_options {
        const struct scale_add *add; size_t n_add;
        const struct scale_wish *wish; size_t n_wish;
        const char *const *remove; size_t n_remove;            /* servers, by name; drained already, or by `before`. Never control planes: ERR_REFUSED */
        /* Adds a step that must have ended before the server is switched off, or returns NULL. Or NULL. */
        struct plan_step *(*before)(void *data, struct plan *p, const char *server); void *before_data;
        const char *const *leave; size_t n_leave;              /* servers that are not to be finished: they go in a later plan */
        /* Nodes whose server is gone: deleted only after the API has said twice that there is none, by id and, where the Node has none, by name. */
        const char *const *forget; size_t n_forget;
        bool finish;                                           /* also go on with what an earlier run began, and remove what it left */
        int64_t node_ms;                                       /* how long new servers' Nodes are waited for, late ones are a note; 0: 10 min, and until they are Ready */
};
/* ERR_NOT_FOUND: no such pool or server. ERR_PROFILE: no server of the pool can be made. The first step of the plan takes the lock. */
int cluster_plan_scale(struct cluster *c, const struct scale_options *o, struct plan **ret, struct error *err);
/* Servers of ours in the pool, those removed in this run not counted; -1: neither profile nor cloud has such a pool. */
int64_t cluster_pool_size(const struct cluster *c, const char *pool);
/* Gives the cloud's lock back. */
void cluster_scale_end(struct cluster *c);
