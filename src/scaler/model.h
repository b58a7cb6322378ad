/* The snapshot's inside: plain structs, in one arena. Private to src/scaler.
 *
 * Strings are interned: equal strings are equal pointers, so `==` compares them. After snapshot_finish() nothing here changes; simulations
 * keep their own state (fit.h). Lists are sorted by name, so that no decision depends on the order of a list. */
#pragma once

#include "scaler/arena.h"
#include "scaler/snapshot.h"

struct pair { const char *key, *value; };
struct pairs { struct pair *items; size_t n; };
const char *pairs_get(const struct pairs *p, const char *key);     /* key interned; NULL when absent */

/* Resources are numbered: these four, then extended resources (hugepages, GPUs) as they appear. cpu in thousandths, all else in units. */
enum { RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_STORAGE, RESOURCE_PODS, RESOURCE_FIXED };
#define RESOURCES_MAX 256
struct amount { uint32_t resource; int64_t amount; };
struct amounts { struct amount *items; size_t n; };
int64_t amounts_get(const struct amounts *a, uint32_t resource);   /* 0 when absent */

struct taint { const char *key, *value, *effect; };
struct taints { struct taint *items; size_t n; };
struct toleration { const char *key, *value, *effect; bool exists; };      /* key NULL: every key; effect NULL: every effect */

enum operator { OP_IN, OP_NOT_IN, OP_EXISTS, OP_DOES_NOT_EXIST, OP_GT, OP_LT };
struct requirement {
        enum operator op;
        bool field;                        /* of the object's metadata.name, not of a label */
        const char *key;
        const char **values; size_t n;
        int64_t number;                    /* GT, LT */
};
/* All requirements hold; none at all: nothing matches (node terms) or everything (selectors, where null is nothing). */
struct requirements { struct requirement *items; size_t n; bool null; };
/* One of the terms holds. Not restricted when n is 0. */
struct node_terms { struct requirements *items; size_t n; };

/* Which pods, and across what: an affinity, anti-affinity or spread constraint. Equal ones are one object, numbered. */
struct pod_term {
        uint32_t number;
        const char *hash_key;              /* canonical text */
        const char **namespaces; size_t n_namespaces;
        bool all_namespaces;
        struct requirements selector;
        uint32_t topology;                 /* number of the label key in snapshot.topologies */
};
struct spread {
        struct pod_term *term;
        int64_t max_skew, min_domains;     /* min_domains 0: not given */
        bool ignore_affinity, honor_taints;
};
struct port { const char *protocol, *ip; int64_t port; };          /* ip NULL: all */

enum safe_to_evict { EVICT_UNSAID, EVICT_YES, EVICT_NO };

/* Pods that are alike in everything that scheduling and eviction look at. */
struct pod_class {
        uint32_t number;
        const char *ns;
        struct pairs labels;
        const char *owner_kind, *owner_name;
        struct amounts requests;           /* with 1 pod */
        struct toleration *tolerations; size_t n_tolerations;
        struct pairs node_selector;
        struct node_terms node_terms;
        struct pod_term **affinity, **anti; size_t n_affinity, n_anti;
        struct spread *spreads; size_t n_spreads;
        struct port *ports; size_t n_ports;
        struct node_terms *volume_terms; size_t n_volume_terms;    /* of bound volumes; each must hold (connected by snapshot_finish) */
        const char **claims; size_t n_claims;
        bool daemon, local_storage, mirror;
        bool local_storage_listed;         /* every local volume is named by safe-to-evict-local-volumes */
        bool gated;
        enum safe_to_evict safe;
        int64_t priority;
        const char *scheduler;             /* NULL: the default one */
        const char *unknown;               /* what no decision can judge ("resource claims"), or NULL */
        const char *broken;                /* why it cannot be counted at all ("cpu '1x' is no quantity"), or NULL */
        uint32_t *matches; size_t n_matches;       /* numbers of all pod_terms that this class matches */
        double weight;                     /* size, to sort by: cores plus half the GiB plus what is rare */
};

struct pod {
        const char *name;                  /* the namespace is the class's */
        struct pod_class *class;
        const char *node_name;             /* of its node, or of the one it is nominated for; NULL */
        uint32_t node;                     /* index, or NONE */
        bool deleting, finished, unschedulable;
        bool nominated;                    /* node is where it waits for others to make room */
        int64_t created_ms, deleted_ms;    /* deleted_ms: when it should be gone */
        const char *message;               /* the scheduler's words, or NULL */
};
#define NONE UINT32_MAX

struct node {
        const char *name;
        int64_t server_id;                 /* of the provider id; 0: none */
        bool foreign;                      /* a provider id of something else than hcloud */
        struct pairs labels;
        struct taints taints;
        struct amounts allocatable;
        bool ready, unschedulable, control_plane, has_pod_cidr, deleting;
        bool never_ready;                  /* not Ready, and no sign that it ever was */
        bool keep;                         /* a person's scale-down-disabled */
        int64_t created_ms, ready_change_ms;
        int64_t unneeded_since_ms, unneeded_seen_ms, phase_since_ms, gone_since_ms;    /* 0: not there */
        const char *phase;
        bool has_marks, has_gone_mark;     /* an annotation of ours is there, readable or not */
        uint32_t server, pool;             /* indices or NONE */
        uint32_t first_pod, n_pods;        /* in snapshot.by_node */
        const char *broken;                /* why its numbers cannot be used, or NULL */
};

struct server {
        int64_t id, created_ms;
        const char *name, *status, *type, *location, *cluster, *role, *pool_name;
        bool control_plane, ipv4;
        uint32_t node, pool;
};

struct offer { const char *location; struct money price; bool priced, listed, available; int64_t unavailable_after_ms; };
struct server_type {
        const char *name, *architecture;
        double cores, memory_gb, disk_gb;
        bool deprecated, has_locations;
        struct offer *offers; size_t n_offers;
};

struct pool {
        const char *name;
        const char **types; size_t n_types;
        const char **locations; size_t n_locations;
        struct pairs labels;
        struct taints taints;
        bool autoscale;
        int64_t min, max, count;
};

struct settings {                          /* the profile's `scaler`, milliseconds */
        double threshold;
        int64_t unneeded_ms, tick_gap_ms, pending_ms, boot_ms;
        int64_t max_nodes;                 /* of the cluster, control planes too; 0: no cap */
        int64_t max_month;                 /* money units, 0: no cap */
        int64_t max_empty;                 /* nodes without pods taken away in one tick */
        int64_t reserved_cpu, reserved_memory;     /* what a node keeps for itself: thousandths, bytes */
        bool evict_local_storage;
};

struct budget {
        const char *ns, *name;
        struct requirements selector;
        int64_t allowed;
        bool fresh;                        /* its status is of this generation */
};

/* A DaemonSet's pod, as it would be on a new node. */
struct daemon { const char *ns, *name; struct pod_class *class; };
struct replica_set { const char *ns, *name; int64_t replicas; };
struct volume { const char *name, *ns, *claim; struct node_terms terms; };

struct class_slot { const char *text; struct pod_class *class; };

struct snapshot {
        struct arena arena;
        bool recording, finished;
        struct strbuf record[_SNAPSHOT_PARTS];
        bool known[_SNAPSHOT_PARTS], partial[_SNAPSHOT_PARTS];
        struct strbuf scratch, scratch_class;

        bool has_time;
        int64_t now_ms;
        const char *cluster, *currency;
        struct node *nodes; size_t n_nodes;
        struct pod *pods; size_t n_pods;
        uint32_t *by_node;                 /* indices of pods, grouped by node */
        struct pod_class **classes; size_t n_classes;
        struct class_slot *class_slots; size_t n_class_slots;
        struct pod_term **terms; size_t n_terms;
        const char **topologies; size_t n_topologies;
        const char *resources[RESOURCES_MAX]; size_t n_resources;
        struct budget *budgets; size_t n_budgets;
        struct daemon *daemons; size_t n_daemons;
        struct replica_set *replica_sets; size_t n_replica_sets;
        struct volume *volumes; size_t n_volumes;
        struct server *servers; size_t n_servers;
        struct server_type *types; size_t n_types;
        struct pool *pools; size_t n_pools;
        struct settings settings;
        struct server_type *price_lists; size_t n_price_lists;         /* of pricing: names and prices only */
        struct money ipv4_price; bool has_ipv4_price;
        struct strv warnings;              /* things left out, said in the decision's reasons */
};

/* Number of a resource name, made when new; RESOURCES_MAX when there are too many. */
uint32_t resource_number(struct snapshot *s, const char *name);
uint32_t topology_number(struct snapshot *s, const char *key);
const struct server_type *server_type_find(const struct snapshot *s, const char *name);    /* interned */
const struct offer *offer_find(const struct server_type *t, const char *location);

/* Is it a pod that a server may be bought for? Unscheduled for the pending age, judged by the scheduler, not gated, deleted, finished or a daemon. */
bool pod_is_demand(const struct snapshot *s, const struct pod *p);
/* A server of a pool of ours that boots: not Ready, and not older than the boot time. */
bool server_is_coming(const struct snapshot *s, const struct server *v);
