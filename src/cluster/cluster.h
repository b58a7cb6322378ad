/* One cluster, from the outside: what src/cli (and the scaler) call. spec -> observe -> plan -> run.
 *
 * A struct cluster belongs to the thread that opened it; the plans it makes run many threads inside and must be run and freed before
 * cluster_close(). Nothing here prints or asks: texts come back as values, questions through callbacks. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/http.h"
#include "cluster/cost.h"
#include "cluster/spec.h"
#include "cluster/vault.h"
#include "plan/plan.h"

struct cluster;

/* One request to Hetzner's API, told to the observer after it ended (for --debug and tests); secrets are cut out. */
struct cluster_request { const char *method, *url; int status; int64_t duration_ms; const char *error; };

struct cluster_options {
        const char *name;                  /* the cluster's name; used when spec is NULL (destroy, status without a profile) */
        const struct cluster_spec *spec;   /* borrowed until close, or NULL */
        const char *token;                 /* required but for cluster_forget(), cluster_kubeconfig() and cluster_talosconfig() */
        const char *endpoint;              /* API base URL with /v1, or NULL for Hetzner's */
        const char *state_dir;             /* NULL: $XDG_STATE_HOME/hcloud-v6 */
        bool passphrase;                   /* a new vault gets a passphrase instead of a key file */
        vault_ask ask; void *ask_data;
        struct clock *clock;               /* NULL: the system's */
        const struct cancel *cancel;
        bool no_firewall_change;           /* never add the operator's own prefix */
        bool forget_operators;             /* up: drop other operators' prefixes */
        const char *kubeconfig;            /* file to merge into ($KUBECONFIG's first), or NULL */
        const char *talosconfig;           /* file to merge into ($TALOSCONFIG's first), or NULL */
        void (*warn)(void *data, const char *text); void *warn_data;      /* a sentence to show; from any thread */
        void (*request)(void *data, const struct cluster_request *r); void *request_data;
        const char *user_agent;            /* NULL: "hcloud-v6/<version>" */
};

/* Checks the options, makes HTTP engine and client; no request is sent. ERR_AUTH: no or malformed token. ERR_USAGE: name. */
int cluster_open(const struct cluster_options *o, struct cluster **ret, struct error *err);
void cluster_close(struct cluster *c);
DEFINE_CLEANUP(struct cluster *, cluster_close)
#define _cleanup_cluster_ _cleanup_(cluster_closep)

const char *cluster_name(const struct cluster *c);
struct clock *cluster_clock(const struct cluster *c);
const struct cancel *cluster_cancel(const struct cluster *c);              /* as given; may be NULL */
uint64_t cluster_call_count(const struct cluster *c);                      /* requests sent to Hetzner's API so far */
int64_t cluster_rate_remaining(const struct cluster *c);                   /* of the project's hourly budget, -1 when not known */
void cluster_http_stats(const struct cluster *c, struct http_engine_stats *ret);

/* ---- up ---- */
struct up_options {
        bool dry_run;                      /* nothing is locked or written, not even on this host; the plan must not be run */
        bool skip_preflight_network;       /* tests: no DNS64 and no TCP probes */
        bool smoke;                        /* the plan ends with the smoke test */
        bool no_image_build;               /* a snapshot that is missing is ERR_NOT_FOUND instead of being built */
};
/* Observes, runs the preflight and makes the plan. When plan_work(*ret) is 0 nothing has to be done, and running it only checks the gates.
 * Errors, all before anything billable exists: ERR_AUTH (token; wrong project), ERR_PROFILE (types, locations; lists what
 * exists), ERR_NOT_FOUND (snapshot), ERR_EXISTS (a name is taken by somebody else), ERR_REFUSED (fewer nodes than exist; secrets missing for a live cluster),
 * ERR_UNAVAILABLE (operator without IPv6), ERR_LOCKED (this host's flock), ERR_IO (state directory). */
int cluster_plan_up(struct cluster *c, const struct up_options *o, struct plan **ret, struct error *err);
/* After cluster_plan_up(): what the whole cluster will cost, and what of it is new. Owned by the caller (cost_done()). */
int cluster_cost(struct cluster *c, struct cost *ret_all, struct cost *ret_new, struct error *err);

/* ---- destroy ---- */
struct destroy_options {
        bool dry_run;
        bool volumes;                      /* also delete volumes that CSI made */
        bool load_balancers;               /* also delete load balancers that the CCM made */
};
/* What a destroy would find, for the question before it. */
struct destroy_item { char *kind, *name; int64_t id; char *detail; bool kept; };   /* kept: reported, not removed (volumes, load balancers) */
struct destroy_view { struct destroy_item *items; size_t n; size_t n_delete; struct cost cost; };
void destroy_view_done(struct destroy_view *v);
/* Lists everything with the cluster's label (and what the cluster itself made). With nothing there: a plan without work; the vault, if there is one
 * whose cluster was never seen gone, gives ERR_PARTIAL ("another project, or destroyed elsewhere; --forget drops the vault"). */
int cluster_plan_destroy(struct cluster *c, const struct destroy_options *o, struct destroy_view *ret_view, struct plan **ret, struct error *err);
/* After a destroy ran: how many objects of ours a last listing of every kind found (0: all gone), and which. */
struct left_view { struct strv items; size_t n; };
void left_view_done(struct left_view *v);
int cluster_left(struct cluster *c, struct left_view *ret, struct error *err);
/* Archives the vault without asking the cloud (`destroy --forget`), and takes the contexts out of kubeconfig and talosconfig. */
int cluster_forget(struct cluster *c, struct error *err);

/* ---- run ---- */
/* Runs a plan made by this cluster. Like plan_run(), and: a failure's hint says what exists now, what it costs and how to go on; for destroy ERR_PARTIAL when something
 * is left. The lock in the cloud is released in every case (for destroy: last). */
int cluster_run(struct cluster *c, struct plan *p, const struct plan_observer *observer, struct error *err);
/* The last run's gates and smoke test (borrowed, valid until the next run), and sentences for the summary (CSRs approved by us, supernets, …). */
const struct gate_list *cluster_gates(const struct cluster *c);
const struct strv *cluster_notes(const struct cluster *c);

/* ---- status ---- */
struct status_node {
        char *name, *role, *pool, *type, *location, *address;              /* role: "control-plane" or "worker" */
        int64_t server_id;
        char *talos, *kubernetes;                                          /* as running; NULL when not known */
        char *pod_cidr;                                                    /* or NULL */
        char *state;                                                       /* "Ready", "NotReady", "starting", "maintenance", "off", "unreachable", … */
        char *problem;                                                     /* one line, or NULL */
        struct money cost;
};
struct cluster_status {
        char *name, *uid, *endpoint;                                       /* endpoint "https://[…]:6443", NULL when no control plane */
        bool exists;                                                       /* any server, Primary IP, firewall or network of ours */
        bool healthy;                                                      /* every node Ready and no problem */
        bool have_secrets;                                                 /* the vault could be opened; without it only the cloud's part is filled */
        struct status_node *nodes; size_t n;
        char *firewall;                                                    /* "3 rules, applied to 3 of 3 servers; operators 2001:db8:ffff::/64" */
        struct strv operators;
        char *network;                                                     /* private network's name and range, or NULL */
        char *talos, *kubernetes, *cilium, *ccm;                           /* versions seen (labels, Nodes, Helm release), or NULL */
        struct cost cost;
        int64_t admin_certificate_expires_ms;                              /* of the written kubeconfig; 0 when not known */
        char *lock_holder;                                                 /* who holds the lock in the cloud, or NULL */
        struct strv problems;                                              /* of the cluster as a whole */
};
void cluster_status_done(struct cluster_status *s);
/* Reads cloud, nodes and Kubernetes; nodes and Kubernetes with short timeouts, their silence is a problem in the answer and no error. */
int cluster_status(struct cluster *c, struct cluster_status *ret, struct error *err);

/* ---- configs ---- */
struct config_wish {
        const char *merge_into;            /* a file into which the context is merged too, or NULL */
        const struct strv *endpoints;      /* NULL or empty: what up wrote; else newly made from the vault alone, with one URL, or with addresses for Talos */
};
/* The admin kubeconfig and talosconfig as text (owned, secret_free()). Of the files in the vault's directory one whose certificate ends within 30 days is made
 * anew there, which is said as a warning. ERR_NOT_FOUND when the cluster has no such file or no vault. */
int cluster_kubeconfig(struct cluster *c, const struct config_wish *wish, char **ret, struct error *err);
int cluster_talosconfig(struct cluster *c, const struct config_wish *wish, char **ret, struct error *err);

/* ---- images ---- */
struct image_build_options {
        const struct strv *archs;          /* "x86", "arm"; NULL or empty: both */
        bool force;                        /* even what is there already */
        const char *image_url;             /* a file or URL instead of the image factory; {arch} becomes amd64 or arm64 */
        const char *sha256;                /* of the packed or the raw image, or NULL */
        bool no_ipv4;                      /* the builder gets no IPv4: the image is read here and sent */
        bool dry_run;
};
/* Which snapshots of the profile's Talos version and extensions are missing, as a plan. ERR_LOCKED: somebody builds on this host. See image/build.h. */
int cluster_plan_image_build(struct cluster *c, const struct image_build_options *o, struct plan **ret, struct error *err);
/* After a build was planned or run, alone or as a part of `up`: what it costs, one sentence; owned, NULL when nothing is built. */
char *cluster_image_build_cost(struct cluster *c);
/* After a build was run: each architecture that was to be built, and its snapshot; 0: it was not made. The number of them; *ret is owned, its texts live as
 * long as the plan. */
struct image_outcome { const char *arch; int64_t image; };
size_t cluster_image_outcomes(const struct cluster *c, struct image_outcome **ret);

struct cluster_image {
        int64_t id, created;               /* seconds since 1970 are created / 1000 */
        char *talos, *arch, *schematic, *sha256;      /* the last two may be NULL; 63 digits of them */
        char *status;
        double size, disk;                 /* GB: billed, and the smallest disk it fits on */
        size_t servers;                    /* of the project that were made from it */
        bool ours;                         /* made by this program */
};
struct cluster_images { struct cluster_image *items; size_t n; };
void cluster_images_done(struct cluster_images *l);
int cluster_images(struct cluster *c, struct cluster_images *ret, struct error *err);
/* What builds left behind and what is superfluous, as a plan of removals. unused: also snapshots that no server was made from. */
int cluster_plan_image_prune(struct cluster *c, bool unused, struct plan **ret, struct error *err);

/* ---- smoke ---- */
/* The smoke test on a running cluster; results are appended. See bootstrap_smoke(). */
int cluster_smoke(struct cluster *c, struct gate_list *ret, struct error *err);
