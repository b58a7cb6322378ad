/* Tokens of ServiceAccounts, as kubelets and controllers ask a real API server for them (--kubernetes real). */
#pragma once

#include "sim/kube/cluster.h"

/* The token that the kubelet mounts into this pod, bound to it; asked for in the kubelet's name. Owned, NULL when it was refused. */
char *token_of_pod(struct kube_cluster *c, const struct kube_identity *kubelet, const json_t *pod);
/* A token of another account, asked for in the name of c->as; the account is made when it is not there (kubernetes:
 * staging/src/k8s.io/controller-manager/pkg/clientbuilder, --use-service-account-credentials). Owned, NULL when it was refused. */
char *token_of_account(struct kube_cluster *c, const char *name_space, const char *account);
