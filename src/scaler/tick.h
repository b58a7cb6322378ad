/* One tick of the scaler: locks, look, decide, act, one line. */
#pragma once

#include "scaler/decide.h"
#include "cluster/scale.h"

struct tick_options {
        bool dry_run;                          /* nothing is locked or written, but the record */
        const char *record;                    /* file for the snapshot, or NULL */
        int64_t drain_ms;                      /* how long one tick drains; what is left then is the next one's. 0: 5 min */
        const struct plan_observer *observer;  /* or NULL */
};

/* What a tick saw and did. Filled as far as it came also when it failed. */
struct tick_report {
        bool observed, decided;
        int64_t time_ms;                       /* the snapshot's, by the API server's clock */
        struct snapshot_counts seen;
        struct decision decision;
        bool pending;                          /* dry run: something would be done */
        struct strv did;                       /* "added 2 worker nodes: …", "removed demo-worker-3: …" */
        struct strv waits;                     /* what is not finished, and for what it waits */
        size_t added, removed, draining, repaired;
        size_t kube_calls;
        int64_t duration_ms;
};
void tick_report_done(struct tick_report *r);

/* ERR_LOCKED: this host's lock, the cloud's, or the Lease is somebody else's. ERR_UNAVAILABLE, ERR_REFUSED, ERR_INVALID: no decision could be made. Else what
 * acting met; what was begun is taken up by the next tick. */
int tick_run(struct cluster *c, const struct tick_options *o, struct tick_report *ret, struct error *err);
/* The decision from a recorded snapshot, without any network. */
int tick_replay(const char *file, struct tick_report *ret, struct error *err);

/* The line for the log; owned. cluster NULL: a replay. */
char *tick_line(const struct tick_report *r, const char *cluster, bool dry_run);
/* decision_json() and what was seen and done. New reference. */
json_t *tick_json(const struct tick_report *r, const char *cluster, bool dry_run);
