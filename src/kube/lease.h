/* Leases (coordination.k8s.io/v1): a lock that several machines can see. */
#pragma once

#include "kube/client.h"

struct kube_lease {
        char *ns, *name, *resource_version;
        char *holder;                             /* or NULL */
        int64_t duration_s, acquired_ms, renewed_ms, transitions;
        struct kvs annotations;
};
void kube_lease_done(struct kube_lease *l);
int kube_lease_get(struct kube_client *c, const char *ns, const char *name, struct kube_lease *ret, struct error *err);
/* Takes or renews it for holder: creates it, renews our own, takes over an expired or released one. Times are the API server's.
 * ERR_LOCKED when somebody else holds it (named in the message) or won the race. ret may be NULL. */
int kube_lease_acquire(struct kube_client *c, const char *ns, const char *name, const char *holder, int64_t duration_s,
                       struct kube_lease *ret, struct error *err);
/* Gives it back when it is ours; somebody else's and absence are success. */
int kube_lease_release(struct kube_client *c, const char *ns, const char *name, const char *holder, struct error *err);
