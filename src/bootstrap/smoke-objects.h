/* The objects of the smoke test: the Star Wars demo of Cilium's documentation, as Jobs whose exit codes and termination messages are the results. */
#pragma once

#include <jansson.h>

#include "bootstrap/bootstrap.h"

#define SMOKE_NAMESPACE "hcloud-v6-smoke"

json_t *smoke_namespace(void);
/* Service and Deployment of the deathstar, one pod a node at most. */
json_t *smoke_deathstar(size_t replicas);
/* CiliumNetworkPolicy: only org=empire may reach the deathstar. */
json_t *smoke_policy(void);
/* A Job with one pod on that node (NULL: any) that runs `curl` with these arguments, org label as given. */
json_t *smoke_job(const char *name, const char *node, const char *org, const char *const *curl_arguments);
