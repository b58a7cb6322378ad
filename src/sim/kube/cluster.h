/* One simulated Kubernetes cluster: its store, its machines, its controllers. Everything here is private to sim/kube.
 *
 * The core (store, REST, controllers) knows neither sockets nor the world: it reaches them through struct kube_env, so that tests
 * run it with a clock of their own. Objects are JSON and never changed in place once stored: copy, change, kube_write(). */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/ip6.h"
#include "base/strbuf.h"
#include "sim/kube/latency.h"
#include "sim/kube/meta.h"
#include "sim/kube/selector.h"
#include "sim/kube/types.h"
#include "sim/net/cert.h"

struct kube_machine;
struct kube_type;
struct kube_writer;
struct kube_delete;
struct kube_failure;
struct pod_run;
struct ccm;

#define KUBE_EVENT_RING 8192                     /* changes that are remembered for watches */

/* In whose name something is written while the store is only a copy. */
struct kube_identity {
        const char *name;                        /* for messages: "kubelet of worker-1" */
        bool administrator;                      /* of the cluster, as Talos is on control planes */
        const struct cert_pair *certificate;     /* of a client, or NULL */
        const char *token;                       /* of a ServiceAccount, or NULL */
        const struct kube_machine *at;           /* where it runs: its address is the source, its own API server is asked first */
};

/* --kubernetes real: the store is a copy of a real API server's, and who writes asks that server, in its own name. The doubles of API server,
 * scheduler and controllers do not run then. All of it blocks until the answer is there; what was refused is remembered for /state by
 * whoever implements this (sim/real). NULL in struct kube_env: the store is the truth. */
struct kube_remote {
        void *data;
        /* As kube_write(); the answer is in the store when it returns. */
        int (*write)(void *data, struct kube_type *t, const json_t *before, const json_t *value, const struct kube_writer *w, json_t **ret,
                     struct kube_failure *f);
        /* As kube_delete(). */
        int (*remove)(void *data, struct kube_type *t, const json_t *object, const struct kube_delete *how, struct kube_failure *f);
        /* Any other request; body may be NULL, ret may be NULL. */
        int (*call)(void *data, const char *method, const char *path, const json_t *body, json_t **ret, struct kube_failure *f);
        /* The kubelet's way to its client certificate; false: not yet, it calls kube_wake_at() or the watch of its request wakes. */
        bool (*join)(void *data, struct kube_machine *m);
        void (*forget)(void *data, struct kube_machine *m);      /* its certificates; before it is freed, or its disk is new */
        /* Runs the pod's only container; false while it runs. Afterwards run->failed, ->exit_code and ->message are set. */
        bool (*run)(void *data, struct kube_machine *m, const json_t *pod, struct pod_run *run);
        void (*stop)(void *data, const char *pod_uid);           /* ends what run began, if it runs */
        void (*serve)(void *data, struct kube_machine *m, const char *certificate_pem);  /* the kubelet's own API has a certificate now */
};

/* What the cluster needs of its surroundings. */
struct kube_env {
        const struct kube_remote *remote;
        void *data;
        int64_t (*now_ms)(void *data);
        /* How long something that takes real_ms really takes here (0: at once); machine may be NULL. */
        int64_t (*latency)(void *data, const struct kube_machine *m, int64_t real_ms);
        uint64_t (*random)(void *data);
        void (*wake)(void *data, int64_t in_ms);                 /* call kube_reconcile() after so long; a shorter wish wins */
        bool (*fault)(void *data, const char *name, const struct kube_machine *m);
        void (*changed)(void *data,
                        const struct kube_machine *m);       /* readiness or pod CIDR of a node changed; may be NULL */
};

/* What the machine config and the server say of one node. Strings are owned. */
struct kube_taint { char *key, *value, *effect; bool at_registration; /* by the kubelet, else by Talos */ };
struct kube_node_settings {
        char *name;
        int64_t server_id;
        char *location, *network_zone, *server_type, *arch, *talos_version, *kubernetes_version, *kubelet_image, *cluster_name,
             *bootstrap_token;
        struct ip6_addr addr;
        struct ip6_prefix prefix;
        unsigned cores, prism_port;      /* KubePrism's on loopback, 0: off */
        double memory_gib, disk_gb;
        bool control_plane, allow_scheduling, external_cloud_provider, rotate_certificates, has_node_ip;
        bool cni_built_in;               /* flannel: the network is there without an add-on */
        struct strv resolvers, mirrors;  /* mirrors: hosts of registries that another host answers for */
        struct kvs labels, annotations;
        struct kube_taint *taints;
        size_t n_taints;
};
void kube_node_settings_done(struct kube_node_settings *s);

/* A container's fate in the kubelet double. */
enum pod_stage { POD_NEW, POD_PULLING, POD_WAITING, POD_STARTING, POD_RUNNING, POD_DONE, POD_STOPPING };
struct pod_run {
        char *uid;
        enum pod_stage stage;
        int64_t due_ms;
        unsigned attempts;
        bool acted, failed, seen;
        int exit_code;                   /* when failed; 0 stands for 1 */
        char *message;
};

/* A running node: its kubelet. Exists while the machine runs with an accepted config, and after that until its Node is deleted.
 * */
struct kube_machine {
        struct kube_cluster *cluster;
        struct kube_node_settings settings;
        void *owner;                     /* the glue's record */
        bool up;                         /* powered, kubelet runs */
        bool reached;                    /* its kubelet reaches an API server */
        bool registered;                 /* since it came up */
        int64_t kubelet_due_ms;          /* registers not before */
        int64_t down_since_ms;
        int64_t csr_due_ms;              /* next serving request not before; 0: none planned */
        char *csr_name;                  /* the serving request under way, or NULL */
        bool has_serving;                /* an issued serving certificate */
        char *serving_key;               /* of csr_name's request; PEM */
        struct kube_identity self;       /* its kubelet's, with struct kube_remote */
        void *credentials;               /* what kube_remote.join knows of it */
        bool applied;                    /* Talos has set labels and taints since it came up */
        int64_t lease_due_ms;            /* with struct kube_remote: renewed then */
        bool static_pods;                /* mirror pods were made since it came up */
        unsigned next_pod_address, boots;
        struct pod_run *runs;
        size_t n_runs;
};

struct kube_settings {                   /* of the control plane that was bootstrapped */
        char *cluster_id, *cluster_name, *dns_domain, *kubernetes_version, *coredns_image;
        struct cert_pair ca;
        struct strv pod_subnets;
        struct ip6_prefix service_subnet;
        bool coredns, talos_api_access, proxy;
        struct strv talos_api_namespaces;
        char *proxy_image;
};
void kube_settings_done(struct kube_settings *s);

struct kube_event { int64_t rv; struct kube_type *type; json_t *before, *after; };
struct kube_watch;

struct kube_cluster {
        struct kube_env env;
        struct kube_settings settings;
        struct kube_types types;
        int64_t rv;
        struct kube_event *events;       /* ring of the newest changes, for watches that start in the past */
        size_t n_events, first_event;
        int64_t compacted_rv;            /* changes up to here are forgotten */
        struct kube_watch *watches;      /* linked list */
        json_t *uids;                    /* uid -> true of all that exists */
        struct kube_machine **machines;
        size_t n_machines;
        bool dirty;                      /* something changed since the last pass */
        bool reconciling;
        bool collect;                    /* an owner went away: the garbage collector looks */
        int64_t bootstrap_due_ms;        /* Talos' bootstrap manifests are applied then; 0: done */
        int64_t next_due_ms;             /* earliest wish of the controllers in this pass; 0: none */
        struct ccm *ccm;                 /* ccm.c */
        const struct kube_identity *as;  /* who writes now, see struct kube_identity; NULL: the administrator */
        unsigned next_service_address;
};

struct kube_cluster *kube_cluster_new(const struct kube_env *env, struct kube_settings *settings /* taken */);
void kube_cluster_free(struct kube_cluster *c);
DEFINE_CLEANUP(struct kube_cluster *, kube_cluster_free)
int64_t kube_now(struct kube_cluster *c);
int64_t kube_latency(struct kube_cluster *c, const struct kube_machine *m, int64_t real_ms);
char *kube_uuid(struct kube_cluster *c);                         /* owned */
char *kube_suffix(struct kube_cluster *c, size_t n);             /* of the alphabet of generateName; owned */
void kube_wake_at(struct kube_cluster *c, int64_t due_ms);       /* a controller wants to look again then */
/* One pass of all controllers; called by the owner of env when wake() said so. */
void kube_reconcile(struct kube_cluster *c);
bool kube_fault(struct kube_cluster *c, const char *name, const struct kube_machine *m);

struct kube_machine *kube_machine_add(struct kube_cluster *c, struct kube_node_settings *settings /* taken */);
struct kube_machine *kube_machine_find(const struct kube_cluster *c, const char *name);
void kube_machine_up(struct kube_machine *m);
void kube_machine_down(struct kube_machine *m);

/* store.c: types are borrowed, values borrowed until the next write. */
struct kube_type *kube_type(struct kube_cluster *c, const char *group, const char *plural);
const json_t *kube_get(struct kube_cluster *c, const struct kube_type *t, const char *name_space, const char *name);
const json_t *kube_find(struct kube_cluster *c, const char *group, const char *plural, const char *name_space, const char *name);
/* Puts (value taken, its resourceVersion is set) or removes; watchers hear of it. */
const json_t *kube_put(struct kube_cluster *c, struct kube_type *t, json_t *value);
void kube_drop(struct kube_cluster *c, struct kube_type *t, const char *name_space, const char *name);
/* For a store that is a copy: puts or removes what the API server said. What is older than the copy's own is ignored; false then. */
bool kube_copy_put(struct kube_cluster *c, struct kube_type *t, json_t *value /* taken */);
bool kube_copy_drop(struct kube_cluster *c, struct kube_type *t, const json_t *last);
size_t kube_lower_bound(const struct kube_type *t, const char *key);
/* A snapshot of all objects of a type, so that it may be written meanwhile; new reference (array). */
json_t *kube_all(struct kube_cluster *c, const char *group, const char *plural);
bool kube_uid_exists(const struct kube_cluster *c, const char *uid);

/* A watch hears changes of one type. fn gets "ADDED", "MODIFIED", "DELETED" or "BOOKMARK". */
typedef void (*kube_watch_fn)(void *data, const char *what, const json_t *object);
struct kube_watch {
        struct kube_watch *next;
        struct kube_cluster *cluster;
        struct kube_type *type;
        char *name_space;
        struct selector *labels;
        struct field_selector fields;
        kube_watch_fn fn;
        void (*ended)(void *data);       /* the type went away; the watch is freed by its owner */
        void *data;
        bool dead;
};
/* Starts with what happened after rv (0: nothing of the past). False when that is forgotten: 410. */
bool kube_watch_start(struct kube_cluster *c, struct kube_watch *w, int64_t rv);
void kube_watch_stop(struct kube_watch *w);                      /* NULL-safe; frees */

/* Why a request is refused: one Status. */
struct kube_failure { int code; char *reason, *message; json_t *details; int retry_after_s; };
void kube_failure_done(struct kube_failure *f);
#define _cleanup_kube_failure_ _cleanup_(kube_failure_done)
int kube_fail(struct kube_failure *f, int code, const char *reason, const char *fmt, ...) _printf_(4, 5);
int kube_fail_of(struct kube_failure *f, int code, const char *reason, const struct kube_type *t, const char *name,
                 const char *fmt, ...)
        _printf_(6, 7);                                          /* with details about the object */
void kube_fail_cause(struct kube_failure *f, const char *reason, const char *field, const char *message);
json_t *kube_failure_status(const struct kube_failure *f);      /* new reference */

/* write.c: the way every change takes, clients' and controllers' alike. */
struct kube_writer {
        const char *manager;             /* field manager */
        const char *subresource;         /* "" or "status" */
        const char *user;                /* who asks; for CSRs. May be NULL */
        const struct strv *groups;
        bool dry_run;
        bool tracked;                    /* managedFields are already right (server-side apply) */
        bool replace;                    /* PUT of the whole object rather than a patch; matters to kube_remote alone */
};
/* value is taken; *ret is a new reference. before NULL: create. */
int kube_write(struct kube_cluster *c, struct kube_type *t, const json_t *before, json_t *value, const struct kube_writer *w,
               json_t **ret,
               struct kube_failure *f);
struct kube_delete { bool dry_run, orphan; int64_t grace; /* -1: the object's own */ const char *uid, *resource_version; };
int kube_delete(struct kube_cluster *c, struct kube_type *t, const json_t *object, const struct kube_delete *how, json_t **ret,
                struct kube_failure *f);
/* For controllers: creates or updates as manager; failures are dropped (the next pass sees the state). True when something was
 * written. */
bool kube_save(struct kube_cluster *c, const char *manager, const char *subresource, json_t *value /* taken */);
/* The same for those that update whole objects where others patch: RBAC knows them as different verbs. */
bool kube_replace(struct kube_cluster *c, const char *manager, const char *subresource, json_t *value /* taken */);
void kube_remove(struct kube_cluster *c, const json_t *object);          /* grace 0 */
/* Is the store a copy of a real API server's? */
static inline bool kube_is_copy(const struct kube_cluster *c) { return c->env.remote != NULL; }
/* One Event about an object. */
void kube_say(struct kube_cluster *c, const json_t *about, const char *component, const char *type, const char *reason,
              const char *fmt, ...)
        _printf_(6, 7);

/* admit.c: defaults, and what the real API server refuses. */
void admit_defaults(struct kube_cluster *c, const struct kube_type *t, json_t *value, const json_t *before);
int admit_validate(struct kube_cluster *c, const struct kube_type *t, const json_t *before, const json_t *value,
                   struct kube_failure *f);
int admit_immutable(const struct kube_type *t, const json_t *before, const json_t *value, struct kube_failure *f);

void bootstrap_start(struct kube_cluster *c);                    /* what an API server makes by itself */

/* The controllers; each does what there is to do now and calls kube_wake_at() for later. */
void bootstrap_pass(struct kube_cluster *c);
void node_pass(struct kube_cluster *c);
void kubelet_pass(struct kube_cluster *c);
void scheduler_pass(struct kube_cluster *c);
void daemonset_pass(struct kube_cluster *c);
void deployment_pass(struct kube_cluster *c);
void job_pass(struct kube_cluster *c);
void disruption_pass(struct kube_cluster *c);
void garbage_pass(struct kube_cluster *c);
void ccm_pass(struct kube_cluster *c);
void ccm_free(struct ccm *ccm);
char *ccm_exit_message(struct kube_cluster *c, const json_t *pod);       /* why this CCM ends at once, owned; NULL: it runs, or is no CCM */
void csr_pass(struct kube_cluster *c);
void talos_pass(struct kube_cluster *c);                         /* talos.dev ServiceAccounts become Secrets */
void crd_pass(struct kube_cluster *c);
void cilium_pass(struct kube_cluster *c);

/* Shared between controllers. */
char *image_problem(struct kube_cluster *c, const struct kube_machine *m,
                    const char *image);    /* why it cannot be pulled, owned, or NULL */
bool pod_finished(const json_t *pod);
bool pod_ready(const json_t *pod);
bool taints_tolerated(const json_t *taints, const json_t *tolerations, bool execute_only, const json_t **ret_untolerated);
bool node_matches_pod(const json_t *node, const json_t *pod);    /* nodeSelector, required node affinity, nodeName */
json_t *pod_from_template(struct kube_cluster *c, const json_t *owner, const json_t *pod_template, const char *name,
                          const char *hash_label, const char *hash);
char *template_hash(const json_t *pod_template);                 /* owned */
bool scheduler_fits(struct kube_cluster *c, const json_t *node, const json_t *pod);
void job_pod_action(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run);
bool node_network_ready(struct kube_cluster *c, const struct kube_machine *m);
void talos_apply_node(struct kube_cluster *c, struct kube_machine *m);           /* node-apply.c: the config's labels and taints */
/* Will NodeRestriction refuse what Talos wants to write to this node with its kubelet's identity? All of it is refused then. */
bool node_restriction_refuses(const struct kube_node_settings *s);
json_t *node_taint(const char *key, const char *value, const char *effect);      /* new reference */

/* For GET /state; new references. */
json_t *kube_cluster_state(struct kube_cluster *c);
json_t *kube_node_state(struct kube_machine *m);
