/* What Talos writes on a control plane for etcd and its static pods: certificates, kubeconfigs, configuration files and arguments, made of the
 * pushed config. Sources: talos internal/pkg/etcd/certs.go, controllers/secrets/kubernetes*.go, controllers/k8s/control_plane_static_pod.go,
 * system/services/etcd.go.
 *
 * All machines of a world share one network namespace. Where Talos binds a wildcard, programs here bind the machine's own address; where it
 * binds 127.0.0.1, an address in 127.1.0.0/16 that stands for this machine's loopback. That, an HTTP proxy in their environment (relay.c)
 * and etcd's --unsafe-no-fsync is all that is otherwise. */
#pragma once

#include "sim/talos/config.h"

enum real_program { REAL_ETCD, REAL_API_SERVER, REAL_CONTROLLER_MANAGER, REAL_SCHEDULER, REAL_PROGRAMS };

struct real_place {
        const char *folder;              /* of this machine; exists */
        const char *hostname;
        struct ip6_addr addr;
        uint8_t loopback[4];             /* 127.1.x.y */
        int64_t now_ms;
};

/* Writes all files below place->folder but etcd's data. ERR_INVALID when the config's authorities cannot be used. */
int real_layout_write(const struct sim_config *c, const struct real_place *place, struct error *err);

/* How etcd begins: alone, as a further member, or with the data it has. */
struct real_etcd_start {
        const char *initial_cluster;     /* "a=https://[…]:2380,…"; NULL: it has data */
        bool existing;
};
/* Arguments without the program's own name; etcd may be NULL for the other programs. ERR_INVALID when the config's extraArgs set what Talos
 * does not let them. */
int real_layout_arguments(enum real_program which, const struct sim_config *c, const struct real_place *place, const struct real_etcd_start *etcd,
                          struct strv *ret, struct error *err);

/* "https://[2001:db8::1]:2380" and the like; owned. */
char *real_peer_url(const struct ip6_addr *a);
/* A client certificate of the etcd CA, as Talos' own calls and the API server have one. */
int real_mint_etcd_client(const struct sim_config *c, const char *name, int64_t now_ms, struct cert_pair *ret, struct error *err);
/* A client certificate of the Kubernetes CA. */
int real_mint_kubernetes_client(const struct sim_config *c, const char *user, const char *const *groups, int64_t now_ms, struct cert_pair *ret,
                                struct error *err);
unsigned real_api_port(const struct sim_config *c);
