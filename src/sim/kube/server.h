/* HTTPS in front of one control plane's API: TLS by the cluster's CA, identities, watches as streams. */
#pragma once

#include "sim/kube/cluster.h"
#include "sim/net/http1.h"
#include "sim/world/world.h"

struct kube_server;

struct kube_server_options {
        struct sim_world *world;         /* for the trace; may be NULL */
        struct sim_loop *loop;
        struct kube_cluster *cluster;    /* borrowed; outlives the server */
        struct ip6_addr addr;
        unsigned port;                   /* 0: any */
        const struct strv *dns_names;    /* SANs beyond the usual ones */
        const struct ip6_addr *addresses;
        size_t n_addresses;
};
/* ERR_IO when it cannot listen, ERR_INVALID when the cluster's CA cannot sign. */
int kube_server_new(const struct kube_server_options *o, struct kube_server **ret, struct error *err);
void kube_server_free(struct kube_server *s);            /* NULL-safe; ends all watches */
DEFINE_CLEANUP(struct kube_server *, kube_server_free)
unsigned kube_server_port(const struct kube_server *s);
