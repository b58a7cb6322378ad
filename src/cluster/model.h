/* The inside of struct cluster: what is wanted, what was seen, and what a run has made so far. Private to src/cluster.
 *
 * Node fields are written by the one step that works on the node, and read by steps that wait for it; what several steps share is
 * guarded by cluster.mutex and said so. */
#pragma once

#include <pthread.h>

#include <hcloud/hcloud.h>

#include "bootstrap/bootstrap.h"
#include "cluster/cluster.h"
#include "cluster/scale.h"
#include "image/build.h"
#include "image/images.h"
#include "kube/client.h"
#include "talos/kubeconfig.h"
#include "talos/talosconfig.h"

#define CLOCK_OFF_MS (60 * 1000)               /* a clock is wrong by more: the Date header has whole seconds and has travelled */
#define LABEL_CLUSTER "hcloud-v6/cluster"
#define LABEL_ROLE "hcloud-v6/role"
#define LABEL_POOL "hcloud-v6/pool"
#define LABEL_INDEX "hcloud-v6/index"
#define LABEL_UID "hcloud-v6/uid"
#define LABEL_TALOS "hcloud-v6/talos"
#define LABEL_PRIVATE "hcloud-v6/private"      /* on a Primary IP: the node's address in the private network */
#define LABEL_HOST "hcloud-v6/host"
#define LABEL_HOST_ID "hcloud-v6/host-id"
#define LABEL_RUN "hcloud-v6/run"
#define LABEL_EXPIRY "hcloud-v6/expiry"
#define LABEL_SCALED "hcloud-v6/scaled-"       /* + pool, on the firewall: "5-not-2", by hand 5 instead of the profile's 2 */
#define ROLE_CONTROL_PLANE "control-plane"
#define ROLE_WORKER "worker"
#define ROLE_LOCK "lock"

#define GROUP_MAX 10                           /* servers in a spread placement group */

/* One way to place a server: in order of preference. */
struct candidate {
        char *type, *location, *arch;
        int64_t image;
        struct money price;
        bool sold_out;                         /* the API's hint; tried after all others */
        bool failed;                           /* in this run; guarded by cluster.mutex */
};

struct pool_state {
        const struct spec_pool *spec;
        bool control_plane;
        bool lost;                             /* the profile has it no more: its nodes can only go (scale) */
        int64_t scaled;                        /* the count by hand that overrules the profile's, -1: none */
        struct candidate *candidates; size_t n_candidates;
};

struct node {
        struct cluster *c;
        char *name;
        struct pool_state *pool;
        char *pool_name;
        bool control_plane;
        int64_t index;
        int64_t ip_id;                         /* Primary IPv6, 0: none yet */
        struct ip6_prefix prefix;              /* len 0: none yet; guarded by cluster.mutex while servers are placed */
        struct ip6_addr addr;
        char *location;                        /* of the Primary IP */
        char *private_ip;                      /* or NULL */
        int64_t server_id;
        char *type;
        bool existed;                          /* the server was there when we looked */
        bool off, running;                     /* as seen */
        bool settling;                         /* its creation had not ended when we looked; it will be off */
        bool has_firewall, attached;
        size_t group;                          /* index into cluster.groups, SIZE_MAX: none (it exists already) */
        int64_t group_id;
        struct hcloud_ids actions;             /* of its creation */
        int64_t start_action;
        bool adopted;
        bool configured;                       /* its Node is registered: it has had its config */
        bool stale_node;                       /* Kubernetes still has the Node of a server of this name that is gone */
        bool has_cidr, labelled;               /* its Node has a pod CIDR, and the pool's labels */
        bool seen_node;                        /* scale: it has a Node */
        bool late;                             /* scale: its Node did not come in time */
        bool gone;                             /* scale: removed in this run; guarded by cluster.mutex */
};

struct group {
        char *name, *pool;
        int64_t id;
        size_t members;                        /* present and planned */
};

/* What the cloud holds, as listed. Lists of the whole project: names taken by others matter too. */
struct cloud {
        struct hcloud_server_list *servers;
        struct hcloud_primary_ip_list *primary_ips;
        struct hcloud_firewall_list *firewalls;
        struct hcloud_network_list *networks;
        struct hcloud_placement_group_list *groups;
        struct hcloud_image_list *images;              /* up only */
        struct hcloud_server_type_list *types;
        struct hcloud_volume_list *volumes;            /* destroy only, as the rest */
        struct hcloud_load_balancer_list *balancers;
        struct hcloud_ssh_key_list *keys;
        struct hcloud_floating_ip_list *floating_ips;
};

/* Groups of changes in the order of a run; before each the lock is read again. What begins a run comes right after the lock was made. */
enum lock_group { LOCK_BEGUN, LOCK_SERVERS, LOCK_AFTER };

struct cluster_lock {
        int fd;                                /* flock on the host, -1: none */
        int64_t id;                            /* placement group in the cloud, 0: none */
        char *run;                             /* random, of this run */
        int64_t expiry_ms, checked_ms;         /* by the API's clock; by ours */
        int64_t checked_wall_ms;               /* by this machine's time of day, which goes on while it is suspended */
        enum lock_group checked;               /* the last group before which it was read */
        pthread_mutex_t mutex;                 /* of checked and checked_ms */
        bool lost, left_looked;                /* taken by somebody else; a killed run's one was looked for */
        pthread_t renewer;
        bool renewing;
        struct cancel *stop;
};

struct release_state {                         /* one chart to be installed */
        struct cluster *c;
        const struct spec_addon *addon;
        struct chart chart;
        char *values;
        bool before_cni;
        bool current;                          /* installed as wanted already */
};

enum seen_kube { KUBE_NOT_ASKED, KUBE_SILENT, KUBE_SEEN };

struct cluster {
        struct cluster_options o;
        char *name, *token, *endpoint_api, *state_dir, *kubeconfig_path, *talosconfig_path, *user_agent;
        const struct cluster_spec *spec;
        struct clock *clock;
        struct http_engine *http;
        struct hcloud_client *hcloud;
        struct cancel *watch_stop;
        pthread_t watcher;
        bool watching;
        pthread_mutex_t mutex, notes_mutex;
        uint64_t base_requests;                /* of clients that are gone */

        struct vault *vault;
        struct secrets_job *secrets_job;       /* of a vault that is to be made, or NULL */
        char *uid;                             /* of the vault, or as labels say */
        struct talosconfig_context talos;      /* minted from the vault */
        bool has_talos;
        struct kube_client *kube;
        struct node_looks *looks;

        struct cloud cloud;
        int64_t observed_ms;
        struct node *nodes; size_t n_nodes;    /* wanted, control planes first */
        struct pool_state *pools; size_t n_pools;      /* [0] is the control planes */
        struct group *groups; size_t n_groups;
        int64_t firewall_id, network_id;
        char *network_zone;
        bool use_network;
        struct hcloud_firewall_rules seen_rules;       /* of the existing firewall */
        struct ip6_prefix operator_prefix;     /* len 0: not known */
        struct ip6_addr operator_addr;
        bool firewall_current, operator_allowed;
        enum seen_kube seen;
        struct kube_view kube_view;
        bool etcd_seen;
        struct strv build_archs;               /* architectures whose snapshot this run makes */
        struct image_job *images;              /* owned by the plan, or NULL */
        int image_lock;                        /* flock of this host's builds, -1: none */
        struct release_state *releases; size_t n_releases;
        enum pod_cidr_rule pod_rule;
        bool ccm_current;
        struct cluster_lock lock;
        bool work, destroying;
        bool scaling;                          /* pools are as they are: counts say nothing */
        bool keep_lock;                        /* several plans under one lock: cluster_scale_end() gives it back */
        struct spec_pool **lost_pools; size_t n_lost_pools;
        struct pool_state **chosen; size_t n_chosen;           /* pools with fewer candidates, for servers that a decision wants so */
        int64_t node_ms;                       /* scale: see struct scale_options */
        struct strv lost_nodes;                /* Nodes without a server of ours */
        int64_t looked_ms;                     /* guarded by mutex: when a wait of `up` last saw all servers that it found, 0: it does not look */
        bool servers_gone;                     /* guarded by mutex: some were missing */
        char *quota_text;                      /* guarded by mutex: the limit that was met; no further creates */
        struct cost cost_all, cost_new;
        struct hcloud_pricing *pricing;
        struct gate_list gates;
        struct strv notes;                     /* guarded by notes_mutex */
        struct destroy_options destroy_o;
        struct left_view left;
        bool left_known;
        struct hcloud_ids kept;                /* volumes and balancers that destroy leaves */
};

/* ---- names (names.c) ---- */
char *name_node(const char *cluster, const char *pool, int64_t index);
char *name_lock(const char *cluster);
char *name_firewall(const char *cluster);
char *name_network(const char *cluster);
char *name_group(const char *cluster, const char *pool, size_t number);
/* Labels of everything of ours; role, pool and index may be NULL or 0. */
void cluster_labels(const struct cluster *c, const char *role, const char *pool, int64_t index, struct hcloud_labels *ret);
bool is_ours(const struct cluster *c, const struct hcloud_labels *labels);
char *cluster_selector(const struct cluster *c);               /* "hcloud-v6/cluster=<name>"; owned */
/* A text as a label value: at most 63 of [A-Za-z0-9._-], alphanumeric ends. Owned. */
char *label_value(const char *text);
/* The network zone of Hetzner's known locations, or NULL. */
const char *location_zone(const char *location);

/* ---- observe.c ---- */
enum observe_what { OBSERVE_UP = 1, OBSERVE_DESTROY = 2, OBSERVE_STATUS = 4 };
int cloud_observe(struct cluster *c, unsigned what, struct cloud *ret, struct error *err);
void cloud_done(struct cloud *v);
/* Anything of ours besides a lock? And any of it with this uid (NULL: of any)? */
bool cloud_has_ours(const struct cluster *c, const struct cloud *v, const char *uid);
/* The uid that labels carry, borrowed, or NULL. */
const char *cloud_uid(const struct cluster *c, const struct cloud *v);

/* ---- images.c ---- */
/* Adds to the plan what makes the snapshots of archs, and keeps the job in c->images. */
struct image_build_options;
int images_plan(struct cluster *c, const struct image_build_options *o, const struct strv *archs, struct plan *p, struct plan_step *after, struct error *err);
/* Adds what removes the builders and keys that killed builds of this host left; nothing while one is running here. For plans that build nothing: a build begins with it. */
int images_plan_leftovers(struct cluster *c, struct plan *p, struct error *err);
/* Does the list of servers show a builder of this host? */
bool images_left_builder(const struct cluster *c);
/* The step after which a snapshot of the architecture can be used, or NULL when none is being made. */
struct plan_step *images_ready(const struct cluster *c, const char *arch);
/* The snapshot of a way to place a server: as seen, or as just made. */
int64_t images_of(const struct cluster *c, const struct candidate *k);
void images_unlock(struct cluster *c);
char *cluster_host_id(const struct cluster *c);                /* owned */

/* ---- nodes.c: what exists and what is wanted, as one list of nodes ---- */
int nodes_build(struct cluster *c, struct error *err);         /* ERR_EXISTS, ERR_REFUSED */
int nodes_add(struct cluster *c, struct pool_state *p, int64_t count, struct error *err);      /* new ones, with the lowest free numbers */
int nodes_settle(struct cluster *c, struct error *err);        /* private addresses and placement groups of what is new */
void nodes_from_cloud(struct cluster *c);                       /* without a profile: what exists, for status and smoke */
void nodes_done(struct cluster *c);
struct bootstrap_node node_ref(const struct node *n);
struct node *first_control_plane(struct cluster *c);
char *cluster_endpoint(struct cluster *c);                     /* "https://[…]:6443"; owned, NULL before control plane 1 has an address */
struct bootstrap_node *node_refs(struct cluster *c, bool control_planes_only, size_t *ret_n);

/* ---- placement.c ---- */
int placement_build(struct cluster *c, bool may_build_images, struct error *err);     /* ERR_PROFILE, ERR_NOT_FOUND */
int placement_pool(struct cluster *c, struct pool_state *p, struct error *err);        /* one pool's candidates, with the snapshots there are */
void pool_state_done(struct pool_state *p);
int cost_build(struct cluster *c, struct error *err);
int place_server(struct node *n, struct plan_step *step, struct error *err);   /* creates the server by the candidates */
int place_ip(struct node *n, const char *location, struct error *err);         /* creates (or moves) its Primary IPv6 */

/* ---- firewall.c ---- */
struct firewall_wish {
        const struct ip6_prefix *nodes; size_t n_nodes;
        const struct strv *operators;          /* prefixes as text, of the profile and this machine's */
        const char *host;                      /* for descriptions */
        const char *date;
        const struct spec_open *open; size_t n_open;
        const struct hcloud_firewall_rules *old;       /* rules to merge into, or NULL */
        bool forget_operators;
        bool refuse_large;
        bool ipv4;
};
/* The whole set of rules. ERR_QUOTA when it would break Hetzner's limits. *ret_supernets: how many prefixes stand for the nodes' /64s (0: each for itself). */
int firewall_rules(const struct firewall_wish *w, struct hcloud_firewall_rules *ret, size_t *ret_supernets, struct error *err);
/* Fewest-widening cover of n prefixes by at most max. *ret owned. */
size_t prefixes_cover(const struct ip6_prefix *in, size_t n, size_t max, struct ip6_prefix **ret);
bool firewall_allows_operator(const struct hcloud_firewall_rules *rules, const struct ip6_addr *a);
int firewall_wish_rules(struct cluster *c, struct hcloud_firewall_rules *ret, struct error *err);
/* The profile's operators, and this machine when `auto` is among them or none of them covers it: the command must reach the nodes. */
void firewall_operators(const struct cluster *c, struct strv *ret);
/* Reads, merges, writes and waits; creates it when missing. Serialised. */
int firewall_write(struct cluster *c, struct error *err);
/* For commands that must reach nodes: sees that this machine is let through, and if not adds it under the lock. ERR_REFUSED with no_firewall_change. */
int firewall_admit(struct cluster *c, struct error *err);

/* ---- lock.c ---- */
int lock_host(struct cluster *c, struct error *err);
int lock_cloud(struct cluster *c, struct error *err);          /* ERR_LOCKED, ERR_AUTH (read-only token) */
int cluster_still_ours(void *cluster, struct error *err);     /* lock_check() before every single change: a run may have stood still for an hour */
int lock_check(struct cluster *c, enum lock_group group, struct error *err);   /* is it still ours? reads it once a group, and when a minute has passed */
void lock_release(struct cluster *c);
/* Whether somebody else holds the lock, by the list of groups that was read; a stranger's is described in *ret (owned). */
bool lock_seen(struct cluster *c, char **ret);
char *lock_holder(const struct cluster *c);    /* "host_0123456789abcdef": this host and state directory; owned */
char *lock_describe(const struct hcloud_placement_group *g);   /* "host x, until …"; owned */

/* ---- render.c ---- */
int render_config(struct cluster *c, const struct node *n, char **ret, struct error *err);   /* secret */
/* The same for a given endpoint. A node without a prefix gets a config without an address of its own. */
int render_config_at(struct cluster *c, const struct node *n, const char *endpoint, char **ret, struct error *err);
int render_check(struct cluster *c, struct error *err);        /* sizes and rules of one config per pool, before anything is made */
bool node_gets_push(const struct cluster *c, const struct node *n);
char *cilium_values(const struct cluster *c);

/* ---- access.c: secrets, identities, files ---- */
struct vault_options vault_options_of(const struct cluster *c);
int access_open(struct cluster *c, struct error *err);         /* opens the vault and mints identities */
/* Begins to make the secrets of a new vault in a thread of their own: an RSA-4096 key takes a second, and the network is asked meanwhile. */
void access_prepare(struct cluster *c);
void access_drop_prepared(struct cluster *c);                  /* waits for the thread */
int access_create(struct cluster *c, struct error *err);
int access_write_files(struct cluster *c, struct error *err);  /* kubeconfig, talosconfig; merges */
int access_check_files(struct cluster *c, struct error *err);     /* can the contexts be merged into the user's files? */
void access_remove_contexts(struct cluster *c);
int access_no_vault(const struct cluster *c, struct error *err);   /* says that there are no secrets, and how to get some */
char *access_own_file(const struct cluster *c, const char *name);  /* its path below the vault's directory; owned */
int access_kube(struct cluster *c, struct error *err);         /* makes c->kube */
void cluster_bootstrap(struct cluster *c, struct plan_step *step, struct bootstrap *ret);
void mark_used(struct cluster *c);                             /* the vault's cluster has been in the cloud */
bool was_used(struct cluster *c);

/* ---- preflight.c ---- */
char *host_name(void);                         /* of this machine; owned */
int preflight_up(struct cluster *c, const struct up_options *o, struct error *err);
int preflight_secrets(struct cluster *c, struct error *err);   /* the vault against what the cloud shows */
int preflight_state(struct cluster *c, struct error *err);     /* the state directory, and this host's lock */
int preflight_dns64(struct cluster *c, struct error *err);
int build_pools(struct cluster *c, struct error *err);
void choose_pod_rule(struct cluster *c);
void scale_lost_pools(struct cluster *c);                      /* scale.c: pools of servers that the profile does not have */
int operator_find(struct cluster *c, struct error *err);
void cluster_warn(struct cluster *c, const char *fmt, ...) _printf_(2, 3);
void cluster_note(struct cluster *c, const char *fmt, ...) _printf_(2, 3);

void cluster_forget_observations(struct cluster *c);
/* Before every group of changes: nobody has taken the lock, and no limit of the project has stopped this run. */
int may_change(struct cluster *c, enum lock_group group, struct error *err);
int server_delete(struct cluster *c, int64_t id, struct error *err);           /* and waits */

/* ---- steps (up-cloud.c, up-nodes.c): functions for plans; arg is a node, a group, a release or the cluster ---- */
int cluster_may_wait(void *cluster, struct error *err);        /* is it still ours, and are the servers that `up` found there still there? */
int step_lock(struct plan_step *s, void *arg, struct error *err);
int step_secrets(struct plan_step *s, void *arg, struct error *err);
int step_group(struct plan_step *s, void *arg, struct error *err);
int step_network(struct plan_step *s, void *arg, struct error *err);
int step_ip(struct plan_step *s, void *arg, struct error *err);
int step_firewall(struct plan_step *s, void *arg, struct error *err);
int step_apply_firewall(struct plan_step *s, void *arg, struct error *err);
int step_server(struct plan_step *s, void *arg, struct error *err);
int step_created(struct plan_step *s, void *arg, struct error *err);
int step_applied_control_planes(struct plan_step *s, void *arg, struct error *err);
int step_applied_workers(struct plan_step *s, void *arg, struct error *err);
int step_start(struct plan_step *s, void *arg, struct error *err);
int step_started(struct plan_step *s, void *arg, struct error *err);
int step_attach(struct plan_step *s, void *arg, struct error *err);
int step_attached(struct plan_step *s, void *arg, struct error *err);
int step_files(struct plan_step *s, void *arg, struct error *err);
int step_push(struct plan_step *s, void *arg, struct error *err);
int step_wait_talos(struct plan_step *s, void *arg, struct error *err);
int step_etcd(struct plan_step *s, void *arg, struct error *err);
int step_etcd_members(struct plan_step *s, void *arg, struct error *err);
int step_api(struct plan_step *s, void *arg, struct error *err);
int step_ccm(struct plan_step *s, void *arg, struct error *err);
int step_forget_node(struct plan_step *s, void *arg, struct error *err);
int step_pod_cidr(struct plan_step *s, void *arg, struct error *err);
int step_chart(struct plan_step *s, void *arg, struct error *err);
int step_labels(struct plan_step *s, void *arg, struct error *err);
int step_ready(struct plan_step *s, void *arg, struct error *err);
int step_certificates(struct plan_step *s, void *arg, struct error *err);
int step_gates(struct plan_step *s, void *arg, struct error *err);
int step_smoke(struct plan_step *s, void *arg, struct error *err);
struct ccm_options ccm_options_of(const struct cluster *c);
void node_kube_labels(const struct node *n, struct kvs *labels, struct strv *taints);
