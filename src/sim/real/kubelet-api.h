/* The kubelet's own API on port 10250 of its node's address, as far as the API server asks for it here: logs of pods that really ran, and health. */
#pragma once

#include "sim/net/cert.h"
#include "sim/real/internal.h"

struct kubelet_api;

/* Serves with this certificate; clients need one of the Kubernetes CA, of a user who may: the API server's (group system:masters). ERR_IO. */
int kubelet_api_new(struct mirror *mirror, struct kube_machine *m, const struct cert_pair *serving, struct kubelet_api **ret, struct error *err);
void kubelet_api_free(struct kubelet_api *k);    /* NULL-safe */
DEFINE_CLEANUP(struct kubelet_api *, kubelet_api_free)
