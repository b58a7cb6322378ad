/* The CCM's objects as they are applied; for tests, which compare them with what Helm renders; and whose CCM runs. */
#pragma once

#include <jansson.h>

#include "bootstrap/bootstrap.h"

#define CCM "talos-cloud-controller-manager"

struct kube_client;
/* Every workload labelled as a Talos CCM, whoever made it, as an array. New reference. */
int ccm_workloads(struct kube_client *k, json_t **ret, struct error *err);
/* Our annotation on one: what it was made of; NULL when somebody else made it. Borrowed. */
const char *ccm_workload_hash(const json_t *object);
/* The objects as one YAML stream, without Helm's ownership annotations. Owned. */
char *ccm_text(const struct ccm_options *o);
/* The objects with them, as an array. New reference. */
int ccm_objects(const struct ccm_options *o, json_t **ret, struct error *err);
