/* Certificate signing requests: the kubelet's side, and the signer of the controller manager. */
#pragma once

#include "sim/kube/cluster.h"

/* The kubelet asks for a serving certificate with its Node's name and addresses. */
void csr_request_serving(struct kube_cluster *c, struct kube_machine *m);
/* A PKCS#10 request with a new P-256 key; owned PEM. ERR_INVALID. */
int csr_make(const char *common_name, const char *organization, const char *dns_name, const struct ip6_addr *address,
             char **ret_pem, struct error *err);
