/* What a cluster should be: the profile (one YAML file) and the flags that override it, as one plain struct. One table of keys
 * (spec-keys.c) drives parsing, suggestions for unknown keys, type errors and docs/profile.md.
 *
 * A spec owns all its strings; the holder frees it with cluster_spec_free(). */
#pragma once

#include "base/error.h"
#include "base/ip6.h"
#include "base/strbuf.h"
#include "base/yaml.h"
#include "bootstrap/bootstrap.h"
#include "image/schematic.h"
#include "talos/contract.h"

#define SPEC_FILE_MAX (1024 * 1024)        /* bytes of a profile, and of each file it names */
#define SPEC_NAME_MAX 32                   /* Cilium's rule for cluster names */
#define SPEC_NODES_MAX 5000                /* more is taken for a slip */
#define SPEC_CONTROL_PLANES_MAX 9
#define SPEC_PRIVATE_NODES_MAX 100         /* servers in one Hetzner network */

enum spec_delivery { DELIVERY_AUTO, DELIVERY_USER_DATA, DELIVERY_PUSH };  /* AUTO: control planes push, workers user_data */
enum spec_pod_cidrs { POD_CIDRS_AUTO, POD_CIDRS_CCM, POD_CIDRS_CLIENT };
enum spec_network { NETWORK_PRIVATE, NETWORK_NONE };
enum spec_large { LARGE_SUPERNETS, LARGE_REFUSE };                        /* node rules above 150 nodes */
enum spec_discovery { DISCOVERY_AUTO, DISCOVERY_ON, DISCOVERY_OFF };      /* AUTO: off with one control plane */

struct spec_taint { char *key, *value, *effect; };

struct spec_pool {
        char *name;                        /* "worker"; "control-plane" for the control planes */
        int64_t count;
        bool count_given;                  /* by --nodes, not by the profile */
        struct strv types;                 /* server types in order of preference; empty: the cluster's default list */
        struct strv locations;             /* empty: the cluster's */
        struct kvs labels;
        struct spec_taint *taints; size_t n_taints;
        bool autoscale;
        int64_t min, max;                  /* with autoscale */
};

struct spec_mirror { char *registry; struct strv endpoints; bool override_path, skip_fallback; };
struct spec_auth { char *registry, *username, *password, *token; };
struct spec_patch { char *name; struct yaml_node *tree; char *text; };    /* inline (tree) or from a file (text); name: where it stands */
struct spec_addon {
        char *name;                        /* release name; "cilium" and "talos-cloud-controller-manager" change the built-in two */
        char *repository, *chart, *version, *digest, *namespace_;
        struct yaml_node *values;          /* a map, or NULL */
        char *values_source;               /* the file that they stand in, or NULL */
        unsigned values_line;              /* of a block text: its lines are counted from here, and its columns are not known; else 0 */
        bool pinned;                       /* repository, version and digest are those of versions.h */
};
struct spec_open { char *description, *protocol, *port; struct strv sources; };  /* a firewall rule of the user's own */


/* When nodes are made and taken away by `hcloud-v6 scale --auto`; times in milliseconds. */
struct spec_scaler {
        double threshold;                  /* of cpu and memory asked for, 0 to 1 */
        int64_t unneeded_ms, tick_gap_ms, pending_ms, boot_ms;
        int64_t max_nodes;                 /* servers of the cluster, 0: no cap */
        char *max_cost;                    /* a month, a decimal, or NULL */
        int64_t empty_at_once;
        bool evict_local_storage;
        char *reserved_cpu, *reserved_memory;      /* quantities */
};
void spec_scaler_defaults(struct spec_scaler *ret);
void spec_scaler_done(struct spec_scaler *s);
/* The profile's form of a time span: seconds, or digits with s, m, h or d. False when it is none. */
bool spec_span_parse(const char *text, int64_t *ret_ms);

struct cluster_spec {
        char *source;                      /* file name or "profile 'default'", for messages */
        char *name;                        /* never NULL */
        char *talos, *kubernetes;          /* "v1.13.9", "v1.36.3" */
        char *contract_text;               /* as given, or NULL */
        struct talos_contract contract;    /* the form of the machine configs; that of the Talos version, at most 1.13, unless the profile says more */
        struct schematic schematic;        /* of the image that the nodes boot */
        struct strv locations;
        struct spec_pool control_planes;
        bool control_planes_schedulable;
        struct spec_pool *pools; size_t n_pools;
        enum spec_network network;
        char *network_range;               /* "10.0.0.0/16" */
        struct strv operators;             /* "auto" and prefixes */
        enum spec_large firewall_large;
        struct spec_open *open; size_t n_open;
        struct strv dns64;                 /* resolvers; empty: Hetzner's, which synthesize nothing */
        struct strv ntp;
        enum spec_discovery discovery;
        struct spec_mirror *mirrors; size_t n_mirrors;
        struct spec_auth *auths; size_t n_auths;
        struct spec_patch *patches_all, *patches_control_plane, *patches_worker;
        size_t n_patches_all, n_patches_control_plane, n_patches_worker;
        struct spec_addon cilium;
        char *ccm_version;
        struct strv ccm_controllers, ccm_extra_args;
        struct spec_addon *addons; size_t n_addons;      /* besides those two, in order */
        enum spec_delivery delivery;
        enum spec_pod_cidrs pod_cidrs;
        bool ipv4;
        enum helm_mode helm_mode;
        char *helm_image;
        char *pod_subnet, *service_subnet; /* "fd40:10::/96", "fd40:10:100::/112" */
        struct spec_scaler scaler;
        struct strv warnings;              /* things to say once: unknown version combinations, somebody's free resolvers */
};
void cluster_spec_free(struct cluster_spec *s);
DEFINE_CLEANUP(struct cluster_spec *, cluster_spec_free)
#define _cleanup_cluster_spec_ _cleanup_(cluster_spec_freep)

/* Flags. NULL, empty and 0 mean "not given". Borrowed. */
struct cluster_overrides {
        const char *name;                  /* --cluster */
        const char *nodes;                 /* --nodes as typed, so that "-1" and "1e9" get the rule as answer */
        const char *control_planes;        /* --control-planes as typed */
        const char *talos, *kubernetes;
        const struct strv *locations;      /* --location, in order */
        const struct strv *types;          /* --type, in order; for every pool */
        const struct strv *operators;      /* --operator PREFIX: added to the profile's */
        const char *delivery;              /* "user-data", "push" */
        const char *network;               /* "none", "private" */
        const char *helm;                  /* "job", "local" */
        bool ipv4;
};

/* profile: NULL (the built-in "default"), a built-in's name, or a file if it has a '/' or ends in .yaml or .yml. Reads it, lays the flags over it
 * and checks everything that can be checked without the cloud. ERR_PROFILE "file:line:column: …" for the profile,
 * ERR_USAGE for flags, ERR_NOT_FOUND (file) is given as ERR_PROFILE too. */
int cluster_spec_load(const char *profile, const struct cluster_overrides *o, struct cluster_spec **ret, struct error *err);
/* The same from text; dir: against which file references are resolved (NULL: none allowed). */
int cluster_spec_parse(const char *name, const char *text, size_t len, const char *dir, const struct cluster_overrides *o,
                       struct cluster_spec **ret, struct error *err);

/* The cluster's rule: 1..32 of [a-z0-9-], beginning and ending with a letter or digit. ERR_USAGE with the rule. */
int cluster_name_check(const char *name, struct error *err);

/* Built-in profiles: names (NULL-terminated, borrowed) and text (borrowed, NULL when there is none of that name). */
const char *const *profile_names(void);
const char *profile_text(const char *name);

/* docs/profile.md: every key with its type, default and meaning, from the one table. Owned. */
char *cluster_spec_reference(void);
/* Nodes in all pools plus control planes. */
int64_t cluster_spec_nodes(const struct cluster_spec *s);
