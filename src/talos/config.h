/* Machine configs: what a node is told when it boots. A plain struct of inputs becomes a tree of YAML documents; patches are
 * laid over it (talos/patch.h); then it is written as text and, for user_data, packed.
 *
 * With only the base inputs the result is what Talos' own generator writes for contracts 1.11 to 1.13 (config.c) and 1.14 (config-114.c, one document a
 * concern). Everything that an IPv6-only cluster adds stands in config-ipv6.c and config-114-ipv6.c, and is switched by the fields below. Nothing here
 * knows of clusters or clouds. */
#pragma once

#include "base/error.h"
#include "base/ip6.h"
#include "base/yaml.h"
#include "talos/contract.h"
#include "talos/secrets.h"

enum talos_machine_type { TALOS_CONTROL_PLANE, TALOS_WORKER };

/* Other places to ask for a registry's images (machine.registries.mirrors). A pull-through proxy that serves one registry is a
 * mirror of it; one that serves several by path (Harbor's proxy cache) is a mirror with a path and override_path. */
struct talos_mirror {
        char *registry;              /* "ghcr.io", or "*" for all */
        struct strv endpoints;       /* URLs, tried in order, then the registry itself */
        bool override_path;          /* the endpoint's path already ends in /v2/… */
        bool skip_fallback;          /* never ask the registry itself */
};
/* Credentials for a registry or a mirror's host (machine.registries.config). */
struct talos_registry_auth {
        char *registry;              /* host[:port] */
        char *username, *password;   /* both or none */
        char *token;                 /* identity token, or NULL */
};

/* All borrowed by the calls below; the caller owns and frees what it points to. Zero, NULL and empty mean "as Talos does by
 * default" unless said otherwise. */
struct talos_config_input {
        /* Base inputs: what Talos' generator takes. The first six are required. */
        struct talos_contract contract;
        enum talos_machine_type type;
        const struct talos_secrets *secrets;
        const char *cluster_name;
        const char *endpoint;                     /* "https://[2001:db8::1]:6443", IPv6 in brackets */
        const char *kubernetes_version;           /* "1.36.3", a leading v is dropped */
        const char *install_image;                /* installer used by upgrades, or NULL */
        const char *install_disk;                 /* not needed for a node that boots from an image, or NULL */
        const char *dns_domain;                   /* NULL: cluster.local */
        struct strv cert_sans;                    /* extra names of the node's Talos API and a control plane's Kubernetes API */
        struct strv pod_subnets, service_subnets; /* replace 10.244.0.0/16 and 10.96.0.0/12 when not empty */
        bool allow_scheduling_on_control_planes;
        unsigned pod_node_mask;                   /* size of a node's part of the IPv6 pod subnet; 0: Talos' default, 64 */

        /* What config-ipv6.c adds. */
        struct ip6_addr node_address;             /* pinned as the node's and etcd's address and added to both certSANs when … */
        bool has_node_address;                    /* … this is set */
        struct strv nameservers;                  /* DNS64 resolvers; also sets disableSearchDomain */
        struct strv ntp_servers;
        bool disable_discovery;
        bool cni_none;                            /* the cluster brings its own network (Cilium) */
        bool disable_proxy;                       /* no kube-proxy */
        bool external_cloud_provider;
        bool rotate_server_certificates;          /* kubelets ask for serving certificates */
        bool no_dns_forward;                      /* hostDNS.forwardKubeDNSToHost: false */
        bool talos_api_access;                    /* kube-system may read the Talos API (os:reader); ignored on workers */
        bool forward_ipv6;                        /* sysctl net.ipv6.conf.all.forwarding */
        bool private_interface;                   /* keep DHCP off the private interface eth1, also if it never appears (config-ipv6.c) */
        const char *private_address;              /* its static IPv4 without length, e.g. "10.0.0.5"; NULL: no address */
        const char *private_range;                /* routed through private_gateway, e.g. "10.0.0.0/16" */
        const char *private_gateway;              /* e.g. "10.0.0.1" */
        const struct talos_mirror *mirrors; size_t n_mirrors;
        const struct talos_registry_auth *auths; size_t n_auths;
        /* machine.nodeLabels. Talos sets them with the kubelet's own rights: on workers Kubernetes refuses labels such as
         * node-role.kubernetes.io/… and later changes of taints; those belong into a call to the Kubernetes API. */
        struct kvs node_labels;
        struct kvs node_taints;                   /* machine.nodeTaints: key -> "value:Effect" or "Effect" */
        struct kvs sysctls;
        struct kvs kubelet_extra_args;
        struct kvs controller_manager_extra_args; /* control planes only, like the next two */
        struct kvs scheduler_extra_args;
        struct kvs etcd_extra_args;
};

/* The machine config as documents. *ret is overwritten and belongs to the caller (talos_config_done()). ERR_INVALID: a required
 * input is missing, the endpoint is no https URL (IPv6 in brackets), a mirror has no endpoints, a private address is none. What
 * the values mean to a node is checked by talos_config_validate(), after the patches. */
int talos_config_generate(const struct talos_config_input *in, struct yaml_docs *ret_config, struct error *err);

/* Wipes and frees the documents. */
void talos_config_done(struct yaml_docs *config);
#define _cleanup_talos_config_ _cleanup_(talos_config_done)

/* Only what Talos' own generator writes (config.c); talos_config_generate() is this and then talos_config_add_ipv6(). */
int talos_config_generate_base(const struct talos_config_input *in, struct yaml_docs *ret_config, struct error *err);
int talos_config_add_ipv6(const struct talos_config_input *in, struct yaml_docs *config, struct error *err);

/* Rules of Talos' validation in cloud mode that a patch can break (talos: v1alpha1_validation.go), so that a wrong config is
 * seen before a server is paid for. ERR_PROFILE. */
int talos_config_validate(const struct yaml_docs *config, enum talos_machine_type type, struct error *err);

/* The first label or taint in a worker's config that Kubernetes will refuse to take from that worker ("label node-role.kubernetes.io/x"), and with it all
 * of its labels and taints; owned. NULL: there is none. */
char *talos_config_worker_refusal(const struct yaml_docs *config);

/* Does this release of Talos know every kind of document in the config? ERR_PROFILE. */
int talos_config_check_release(const struct yaml_docs *config, const struct talos_contract *release, struct error *err);

/* The text as Talos writes it; owned, holds secrets: secret_free(). */
char *talos_config_write(const struct yaml_docs *config);

/* Hetzner's limit for user_data, bytes. */
#define TALOS_USER_DATA_MAX 32768
/* base64(gzip(text)), which Talos' hcloud platform unpacks. ERR_PROFILE with the sizes when it is longer than
 * TALOS_USER_DATA_MAX. Owned, secret_free(). node is named in the message. */
int talos_user_data_encode(const char *node, const char *text, char **ret_user_data, struct error *err);
/* The reverse, also for plain YAML and base64 without gzip, as Talos reads it. ERR_INVALID. Owned, secret_free(). */
int talos_user_data_decode(const char *user_data, char **ret_text, struct error *err);
