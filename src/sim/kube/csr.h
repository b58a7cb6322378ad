/* Certificate signing requests: the kubelet's side, and the signer of the controller manager. */
#pragma once

#include "sim/kube/cluster.h"

/* The kubelet asks for a serving certificate with its Node's name and addresses. */
void csr_request_serving(struct kube_cluster *c, struct kube_machine *m);
/* A PKCS#10 request with a new P-256 key; owned PEM. dns_name and address may be NULL: a client's. ret_key may be NULL. ERR_BUG. */
int csr_make(const char *common_name, const char *organization, const char *dns_name, const struct ip6_addr *address,
             char **ret_pem, char **ret_key, struct error *err);
