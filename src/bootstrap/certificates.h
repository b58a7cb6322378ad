/* The checks before a serving certificate is approved; for gates and tests. */
#pragma once

#include "bootstrap/bootstrap.h"
#include "kube/csr.h"

/* Why this request must not be approved for this node, or NULL when it may: the CCM's own checks (user, organisation, usages, addresses). */
const char *serving_csr_refusal(const struct kube_csr *csr, const struct bootstrap_node *node);
