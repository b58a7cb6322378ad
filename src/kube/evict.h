/* Evicting one pod: the question, and the answers an API server really gives. policy/v1 Eviction. */
#pragma once

#include "kube/client.h"

enum kube_evict_result {
        KUBE_EVICTED,          /* accepted: deletion began; the pod is gone when GET says 404 or another uid */
        KUBE_EVICT_GONE,       /* there is no such pod (or one with another uid) */
        KUBE_EVICT_BLOCKED,    /* a disruption budget forbids it now: ask again later */
        KUBE_EVICT_WAIT,       /* the server is not ready to say (budget not processed, namespace terminating): ask again after retry_after_s */
};
struct kube_evict_answer {
        enum kube_evict_result result;
        int64_t retry_after_s; /* BLOCKED: 5 when the server said nothing */
        char *text;            /* the cause's message for people, or NULL */
};
void kube_evict_answer_done(struct kube_evict_answer *a);
/* POST …/pods/P/eviction. uid (or NULL) as precondition. grace_s negative: the pod's own. A pod that several budgets select is an
 * error (ERR_REFUSED, the server answers 500): it is never forced. */
int kube_evict(struct kube_client *c, const char *ns, const char *name, const char *uid, int64_t grace_s, bool dry_run,
               struct kube_evict_answer *ret, struct error *err);
