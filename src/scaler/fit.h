/* May this pod run on this node? A world is the snapshot's nodes with their pods, on which pods are put and taken off again to see what fits.
 * Private to src/scaler.
 *
 * kubernetes: the scheduler's filter plugins NodeUnschedulable, NodeName, TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, VolumeBinding
 * (bound volumes), PodTopologySpread, InterPodAffinity. Where they score, any feasible node counts here. */
#pragma once

#include "scaler/model.h"

/* What a server that does not exist would be as a Node. */
struct template {
        const struct pool *pool;
        const struct server_type *type;
        const char *location;
        struct money price;
        bool sold_out;                     /* the cloud says so; it may work all the same */
        uint32_t rank;                     /* by the profile's preference */
        struct pairs labels;
        struct taints taints;
        struct amounts allocatable;
        bool from_node;                    /* room as seen on a Node of this pool and type */
        int64_t *room;                     /* by resource, after DaemonSet pods */
        struct port *ports; size_t n_ports;
        struct pod_class **daemons; size_t n_daemons;
        uint8_t *fits;                     /* by class: see fit.c */
};

struct place {
        const struct node *node;           /* NULL: made up */
        struct template *template;         /* of what is made up or boots; NULL: a real node */
        const struct pairs *labels;
        const struct taints *taints;
        const char *name;
        int64_t *room;                     /* what is left, by resource */
        const struct port **ports; size_t n_ports;
        bool open;                         /* takes pods */
        bool gone;                         /* taken away in this simulation: no domain of any spread constraint any more */
        uint32_t wanted;                   /* pods that are counted on to come here */
};

struct term_count { int32_t *matching, *owners; int64_t all; };        /* by domain */

struct world {
        const struct snapshot *s;
        struct place *places; size_t n, capacity, n_real;
        struct term_count *counts;         /* by term */
        const char ***domain_names; size_t *n_domains;         /* by topology, but for the host name, whose domains are the places */
        uint32_t host_topology;
        uint8_t **fits;                    /* by class and real node, NULL until asked */
        uint32_t *cursor;                  /* by class: places before it are known to be full … */
        uint32_t *cursor_epoch, epoch;     /* … unless a pod was taken off anywhere since */
        uint64_t version;                  /* changes with every pod that is put or taken */
        const struct pod_class *prepared; uint64_t prepared_version;
        int64_t least[16]; bool few[16];   /* of the prepared class's spread constraints */
        uint32_t *stamps, stamp;
};
/* extra: made-up places that will be added at most. */
struct world *world_new(const struct snapshot *s, size_t extra);
void world_free(struct world *w);
DEFINE_CLEANUP(struct world *, world_free)

/* Whether pods may be put on a real place. */
void world_open(struct world *w, uint32_t place, bool open);
/* A made-up node behind all others; returns its index. */
uint32_t world_add(struct world *w, struct template *t);
void world_pop(struct world *w);           /* takes the last made-up node away; its pods must have been taken off */

bool world_fits(struct world *w, const struct pod_class *c, uint32_t place);
void world_put(struct world *w, const struct pod_class *c, uint32_t place);
void world_take(struct world *w, const struct pod_class *c, uint32_t place);
/* The first open place from `from` on and before `to` where it fits, or NONE. */
uint32_t world_find(struct world *w, const struct pod_class *c, uint32_t from, uint32_t to);

/* Why it does not run on a node of this template, with nothing else on it; NULL when it does. For people; owned. */
char *template_refusal(const struct world *w, struct template *t, const struct pod_class *c);
/* Fills t.room, ports, daemons and fits from labels, taints and allocatable. */
void template_finish(const struct snapshot *s, struct template *t);
void template_done(struct template *t);
/* May the class run here as far as labels, taints and volumes say? */
bool template_allows(const struct snapshot *s, struct template *t, const struct pod_class *c);

/* Larger of cpu and memory, requests by allocatable. */
double node_utilisation(const struct snapshot *s, const struct node *n);
