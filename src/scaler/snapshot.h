/* The snapshot: everything that a decision of the scaler is made from, at one moment, and nothing else.
 *
 * It is filled from the bytes of API answers (Kubernetes lists page by page, the cloud's lists) or from one recorded file. Each object is cut to
 * the fields that the decision reads (snapshot-fields.c is the table of them) before it becomes JSON, so that 30,000 pods stay small; the
 * same cut objects are what --record writes. Environment values, Secrets, commands, managed fields and unknown annotations are never kept.
 *
 * Order of use: snapshot_new, snapshot_set_time, snapshot_add… (any order, any number of pages), snapshot_finish, decide(), snapshot_free.
 * A snapshot owns all it points to. Strings are interned: two equal strings of one snapshot are one pointer. Not for several threads at once. */
#pragma once

#include <stdio.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "cluster/cost.h"
#include "cluster/spec.h"

/* What the scaler writes into Nodes' annotations, its only memory between ticks. Times are RFC 3339 by the API server's clock. */
#define ANNOTATION_UNNEEDED_SINCE "hcloud-v6/unneeded-since"     /* first tick that found the node unneeded */
#define ANNOTATION_UNNEEDED_SEEN "hcloud-v6/unneeded-seen"       /* last tick that confirmed it */
#define ANNOTATION_PHASE "hcloud-v6/scale-down"                  /* "draining", "drained", "deleting": this program cordoned it and takes it away */
#define ANNOTATION_PHASE_SINCE "hcloud-v6/scale-down-since"
#define ANNOTATION_GONE_SINCE "hcloud-v6/server-gone-since"      /* first tick that found no server for this Node */
#define ANNOTATION_SCALE_DOWN "hcloud-v6/scale-down-disabled"    /* a person's: "true" keeps the node; cluster-autoscaler's own key counts too */

/* The parts of the snapshot, by the keys of the recorded form (snapshot_part_key). */
enum snapshot_part {
        SNAPSHOT_NODES,             /* GET /api/v1/nodes */
        SNAPSHOT_PODS,              /* GET /api/v1/pods, all namespaces */
        SNAPSHOT_BUDGETS,           /* GET /apis/policy/v1/poddisruptionbudgets */
        SNAPSHOT_DAEMON_SETS,       /* GET /apis/apps/v1/daemonsets */
        SNAPSHOT_REPLICA_SETS,      /* GET /apis/apps/v1/replicasets */
        SNAPSHOT_VOLUMES,           /* GET /api/v1/persistentvolumes */
        SNAPSHOT_SERVERS,           /* hcloud API: GET /servers */
        SNAPSHOT_SERVER_TYPES,      /* hcloud API: GET /server_types */
        SNAPSHOT_PRICING,           /* hcloud API: GET /pricing, one object */
        SNAPSHOT_POOLS,             /* as in the profile: a list of maps */
        SNAPSHOT_SCALER,            /* as in the profile: one map */
        _SNAPSHOT_PARTS,
};
const char *snapshot_part_key(enum snapshot_part part);        /* "podDisruptionBudgets" */

struct snapshot;
/* recording: the cut objects are kept as text for snapshot_write(), else forgotten as soon as they are read. */
struct snapshot *snapshot_new(bool recording);
void snapshot_free(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot *, snapshot_free)
#define _cleanup_snapshot_ _cleanup_(snapshot_freep)

/* The moment, in milliseconds by the API server's clock (its Date header). Must be set. */
void snapshot_set_time(struct snapshot *s, int64_t now_ms);
/* Which cluster's servers count (label hcloud-v6/cluster). NULL: that of the servers that have Nodes here. */
void snapshot_set_cluster(struct snapshot *s, const char *name);

/* Takes one answer's body: an array, one object (pricing, scaler), a Kubernetes List ({"items": [...]}) or a cloud answer ({"servers": [...]}).
 * May be called again for the next page. what: for messages ("GET /api/v1/pods"). *ret_continue, where not NULL: owned token of the next page, or
 * NULL after the last; where it is NULL a list that goes on is refused as partial. A part that was never added is unknown, which is not
 * the same as empty. ERR_PROTOCOL or ERR_INVALID "what:line:column: …" */
int snapshot_add(struct snapshot *s, enum snapshot_part part, const char *what, const char *text, size_t len, char **ret_continue, struct error *err);
/* The parts SNAPSHOT_POOLS and SNAPSHOT_SCALER, and the cluster's name, from a profile. */
int snapshot_add_spec(struct snapshot *s, const struct cluster_spec *spec, struct error *err);

/* Ends the filling: connects pods, nodes, servers and pools, and refuses by name what no decision can be made from: no time; nodes, pods, servers,
 * serverTypes or pools unknown; two pools with one name; min > max; servers of two clusters. ERR_INVALID. */
int snapshot_finish(struct snapshot *s, struct error *err);

/* A recorded file, or its text, from new to finish. A file is read in pieces and never whole in memory. ERR_INVALID "file:line:column: …", ERR_IO. */
int snapshot_load(const char *path, struct snapshot **ret, struct error *err);
int snapshot_parse(const char *file_name, const char *text, size_t len, struct snapshot **ret, struct error *err);

/* Writes a recording snapshot as the one JSON object that snapshot_load() reads: the decision from it is the same. ERR_IO; ERR_BUG when not recording. */
int snapshot_write(const struct snapshot *s, FILE *to, struct error *err);

/* What was seen, for the tick's line. */
struct snapshot_counts {
        size_t nodes, ready, control_planes, pods, pending, servers, coming;   /* pending: pods without a node that a decision counts; coming: servers that boot */
};
void snapshot_counts(const struct snapshot *s, struct snapshot_counts *ret);
