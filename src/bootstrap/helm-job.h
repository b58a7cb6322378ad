/* The Job that runs Helm inside the cluster, as objects; and the same by the operator's own helm. */
#pragma once

#include <jansson.h>

#include "bootstrap/bootstrap.h"

/* "hcloud-v6-helm-cilium-1a2b3c4d": a Job's template cannot be changed, so another chart or other values make another name. Owned. */
char *helm_job_name(const struct helm_release *r, const char *hash);
/* ServiceAccount, ClusterRoleBinding, ConfigMap with the chart, Secret with the values, Job; in kube-system. The release's
 * namespace itself is not among those that are removed afterwards: it is made by Helm (--create-namespace). New reference. */
json_t *helm_job_objects(const struct helm_release *r, const char *hash);
/* Runs `helm upgrade --install` of this machine. ERR_NOT_FOUND without a helm in PATH; ERR_REFUSED with its last lines. */
int helm_local(const struct bootstrap *b, const struct helm_release *r, struct error *err);
