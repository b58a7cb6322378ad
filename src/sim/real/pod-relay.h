/* The network of a pod that really runs: a namespace with nothing in it but two ways to the API server, which a helper process in the world's own
 * namespace relays from the node's address: KubePrism on IPv4 loopback (talos: internal/app/machined/pkg/controllers/k8s/kubeprism.go) and the address
 * of the Service kubernetes, as a kube-proxy or Cilium on the node would make it reachable. */
#pragma once

#include <sys/types.h>

#include "base/ip6.h"

struct relay {
        struct ip6_addr source, server;
        unsigned server_port;
        unsigned prism_port;             /* 0: none */
        bool service;                    /* its address is reachable */
        struct ip6_addr service_addr;
        int listeners[2];                /* -1: none */
};

/* In the pod's new network namespace: loopback up, the listeners made. Negative with errno. */
int relay_listen(struct relay *r);
/* In the world's: carries connections until the child ends; its wait status. */
int relay_run(struct relay *r, pid_t child);
