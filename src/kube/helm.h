/* Helm's release records: Secrets "sh.helm.release.v1.<release>.v<revision>" with the label owner=helm. Read, never written. */
#pragma once

#include "kube/client.h"

struct kube_helm_release {
        char *ns, *release, *secret;              /* secret: the Secret's name */
        int64_t revision;
        char *status;                             /* "deployed", "failed", "pending-install", "superseded" … */
        int64_t modified_ms;                      /* 0 when not said */
};
struct kube_helm_releases { struct kube_helm_release *items; size_t n; };     /* by release, then revision */
void kube_helm_releases_done(struct kube_helm_releases *r);
/* ns NULL: all namespaces; release NULL: all. */
int kube_helm_releases_list(struct kube_client *c, const char *ns, const char *release, struct kube_helm_releases *ret, struct error *err);
/* The newest revision of a release, or NULL. Borrowed. */
const struct kube_helm_release *kube_helm_newest(const struct kube_helm_releases *r, const char *release);
/* Helm refuses to run while the newest revision is pending-install, -upgrade or -rollback ("another operation is in progress"). */
bool kube_helm_is_pending(const struct kube_helm_release *r);
/* Deletes the record of a revision (of a run that was killed). Absence is success. */
int kube_helm_forget(struct kube_client *c, const struct kube_helm_release *r, struct error *err);
