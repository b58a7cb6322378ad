/* Is a workload ready, and if not, what is missing? For people and for gates. */
#pragma once

#include "kube/pod.h"

enum kube_workload { KUBE_DAEMON_SET, KUBE_DEPLOYMENT, KUBE_STATEFUL_SET, KUBE_JOB };

struct kube_ready {
        bool exists;
        bool ready;                               /* Job: complete */
        bool failed;                              /* it will not get ready by itself: Job failed */
        int64_t wanted, updated, ready_count;     /* Job: completions, succeeded, succeeded */
        char *text;                               /* "2 of 3 pods ready", "not seen by its controller yet"; never NULL */
        struct kvs selector;                      /* the pods' labels */
        char *uid;                                /* or NULL */
};
void kube_ready_done(struct kube_ready *r);
/* Rules of kubectl rollout status: the controller has seen the generation (observedGeneration >= generation), all pods are of the new
 * template and ready. An absent object is no error: exists is false. min_wanted: fewer wanted pods are not ready either (a
 * DaemonSet in a cluster whose nodes have not come yet wants none). */
int kube_ready_check(struct kube_client *c, enum kube_workload kind, const char *ns, const char *name, int64_t min_wanted,
                     struct kube_ready *ret, struct error *err);
int kube_ready_parse(enum kube_workload kind, const json_t *o, int64_t min_wanted, struct kube_ready *ret, struct error *err);
/* The pods of a workload that have trouble, one line each; "" when none. Owned. A DaemonSet, Deployment or StatefulSet by its selector,
 * a Job by its own. */
int kube_ready_troubles(struct kube_client *c, const char *ns, const struct kube_ready *r, char **ret, struct error *err);
