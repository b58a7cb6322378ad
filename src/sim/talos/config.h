/* A Talos machine config as the simulated node reads it: parsed, validated as strictly as the facts known allow, and turned into
 * a plain struct.
 *
 * Written apart from src/talos, whose output it judges. The rules are those of Talos 1.13.9 (v1alpha1_validation.go), with
 * what 1.11, 1.12 and 1.14 do otherwise. Both forms are read: one v1alpha1 document (contracts 1.11 to 1.13) and the many
 * documents of contract 1.14. A sim_config is immutable and counted: sim_config_ref(). */
#pragma once

#include "base/ip6.h"
#include "base/yaml.h"
#include "sim/net/cert.h"

struct sim_taint { char *key, *value, *effect; };                /* value "" when the config gives only an effect */
struct sim_inline_manifest { char *name, *contents; };
struct sim_mirror { char *host; struct strv endpoints; bool skip_fallback; };

struct sim_config {
        unsigned references;
        char *text;                      /* as accepted */
        bool control_plane;
        char *kubernetes_version;        /* "v1.36.3", of the kubelet's image */

        /* machine */
        char *token;                     /* machine.token, for trustd */
        struct cert_pair os_ca;          /* key NULL on workers */
        struct strv accepted_ca;         /* PEM; machine.acceptedCAs */
        struct strv cert_sans;           /* machine.certSANs */
        char *hostname;                  /* static one, or NULL: the name from metadata */
        char *kubelet_image;
        struct kvs kubelet_args;         /* a list of values is joined with "," */
        json_t *kubelet_extra_config;    /* object, or NULL */
        struct strv node_ip_subnets;     /* kubelet.nodeIP.validSubnets */
        struct kvs node_labels, node_annotations;
        struct sim_taint *node_taints;
        size_t n_node_taints;
        struct strv nameservers, ntp_servers;
        struct kvs sysctls;
        struct sim_mirror *mirrors;
        size_t n_mirrors;
        struct strv registry_auth_hosts; /* registries with credentials */
        bool metadata_route_guarded;     /* DHCP of a private interface cannot take 169.254.169.254 */
        bool talos_api_access;           /* features.kubernetesTalosAPIAccess, control planes only */
        struct strv talos_api_roles, talos_api_namespaces;
        bool kube_prism;
        unsigned kube_prism_port;

        /* cluster */
        char *cluster_id, *cluster_secret, *cluster_name;
        char *endpoint;                  /* "https://[2001:db8::1]:6443" */
        char *endpoint_host;             /* without brackets */
        unsigned endpoint_port;
        unsigned api_port;               /* localAPIServerPort, 6443 by default */
        char *dns_domain;                /* "cluster.local" */
        struct strv pod_subnets, service_subnets;
        char *cni;                       /* "none", "flannel" or "custom" */
        bool proxy_disabled;
        bool coredns_disabled;
        bool external_cloud_provider;
        bool discovery;
        char *bootstrap_token;           /* cluster.token */
        struct cert_pair k8s_ca;         /* key NULL on workers */
        struct strv accepted_k8s_ca;     /* PEM */
        /* control planes only */
        struct cert_pair aggregator_ca, etcd_ca;
        char *service_account_key;       /* PEM */
        char *secretbox_secret, *aescbc_secret;
        char *api_server_image, *controller_manager_image, *scheduler_image, *proxy_image;
        struct strv api_server_cert_sans;
        struct kvs api_server_args, controller_manager_args, scheduler_args, etcd_args;
        struct strv etcd_advertised_subnets;
        char *etcd_image;                /* or NULL */
        json_t *admission_control;       /* array of {name, configuration}, or NULL */
        json_t *audit_policy;            /* object, or NULL: Talos' own */
        bool allow_scheduling;           /* allowSchedulingOnControlPlanes */
        int64_t admin_kubeconfig_ms;     /* life of an admin certificate; 8760 h by default */
        struct sim_inline_manifest *inline_manifests;
        size_t n_inline_manifests;

        struct strv warnings;            /* accepted, but worth a word: Talos' own warnings */
};

/* Reads and validates a config for a node that runs talos_version ("v1.13.9") on platform hcloud. ERR_INVALID with Talos' kind of
 * message
 * ("1 error occurred: …", several lines); *ret is a new reference. */
int sim_config_load(const char *text, size_t len, const char *talos_version, struct sim_config **ret, struct error *err);
/* *ret: the text holds documents, but not the v1alpha1 one, so that the node waits in maintenance for the rest. ERR_INVALID as
 * above. */
int sim_config_is_partial(const char *text, size_t len, const char *talos_version, bool *ret, struct error *err);
struct sim_config *sim_config_ref(const struct sim_config *c);
void sim_config_unref(const struct sim_config *c);
static inline void sim_config_unrefp_(struct sim_config **c) { if (*c) sim_config_unref(*c); }
#define _cleanup_sim_config_ _cleanup_(sim_config_unrefp_)

/* user_data as Talos takes it: plain YAML, base64 of it, base64 of its gzip. *ret is owned, *ret_len its length; empty means that
 * there is no config. ERR_INVALID. */
int sim_user_data_decode(const char *user_data, char **ret, size_t *ret_len, struct error *err);

/* May the node start without a reboot when its config changes from old to new? (ApplyConfiguration's NO_REBOOT and AUTO.)
 * *ret_why is borrowed. */
bool sim_config_needs_reboot(const struct sim_config *old, const struct sim_config *new_config, const char **ret_why);
