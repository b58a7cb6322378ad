/* From cloud and Kubernetes to a snapshot: complete or not at all. */
#pragma once

#include "cluster/scale.h"
#include "scaler/snapshot.h"

struct observation {
        struct scale_view view;                /* borrowed from the cluster */
        struct snapshot *snapshot;
        int64_t time_ms;                       /* by the API server's clock, when its first answer came */
        size_t calls;                          /* to Kubernetes */
};
void observation_done(struct observation *o);

/* Reads all lists that a decision needs. view comes from cluster_scale_look(); each Node is also shown to the cluster (cluster_saw_node()). Lists are read at
 * once, each in pages; when a page's token has expired (410) everything is read again, at most three times. A refusal or a silence of Kubernetes is ERR_UNAVAILABLE: no
 * decision is made from a part. */
int observe(struct cluster *c, const struct scale_view *view, bool recording, struct observation *ret, struct error *err);
