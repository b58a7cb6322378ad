/* What is done to nodes and to Kubernetes after the servers exist: configs pushed, etcd begun, CCM and charts installed, gates.
 *
 * Callers (src/cluster) hand in plain structs; nothing here knows of Hetzner, of plans or of profiles. Every function may be
 * called from any thread, blocks until its work is done, tells people what it waits for through bootstrap.note, ends soon with
 * ERR_CANCELLED once bootstrap.cancel is triggered, and sleeps only through bootstrap.clock. Timeouts are in milliseconds of that
 * clock; 0 means the function's own default, written at each. A wait that ends without success is ERR_TIMEOUT with the last state seen in its
 * message ("node 'demo-worker-1': Ready is False: cni plugin not initialized").
 *
 * Everything is idempotent: what is so already is left alone, and a second call after a crash goes on where the first one died. */
#pragma once

#include "base/clock.h"
#include "base/http.h"
#include "base/ip6.h"
#include "base/strbuf.h"

struct yaml_node;                        /* base/yaml.h */
struct kube_client;                      /* kube/client.h */
/* One list of Nodes for all threads that wait for theirs, instead of one question a thread. Shared by the calls of one run; freed after the last. */
struct node_looks;
struct node_looks *node_looks_new(void);
void node_looks_free(struct node_looks *l);

/* What every call needs. Borrowed for the time of the call. */
struct bootstrap {
        struct http_engine *http;
        struct clock *clock;             /* NULL: the system's */
        const struct cancel *cancel;     /* or NULL */
        struct http_tls talos;           /* the operator's Talos identity: CA, admin certificate, key */
        int (*still)(void *data, struct error *err);  /* asked in every wait: may this run go on? or NULL */
        void *still_data;
        struct kube_client *kube;        /* NULL is allowed where only Talos is spoken */
        struct node_looks *looks;        /* or NULL: each asks for itself */
        void (*note)(void *data, const char *text);   /* one line for the progress display, or NULL */
        void *note_data;
};

/* One node as the cloud knows it. */
struct bootstrap_node {
        const char *name;                /* server, host and Node name */
        struct ip6_addr addr;            /* <prefix>::1 */
        struct ip6_prefix prefix;        /* its /64 */
        int64_t server_id;               /* provider id is hcloud://<server_id> */
        bool control_plane;
};

/* ---- Talos ---------------------------------------------------------------------------------------------------------------- */

enum talos_condition {
        TALOS_UNREACHABLE,               /* nothing answers on port 50000 */
        TALOS_MAINTENANCE,               /* answers, waits for a config */
        TALOS_FOREIGN,                   /* answers with a certificate of another cluster's CA */
        TALOS_BOOTING,                   /* has our config, stage is not running yet (a control plane before etcd stands here) */
        TALOS_RUNNING,                   /* stage is running */
};

struct talos_view {
        enum talos_condition condition;
        bool ready;                      /* MachineStatus.status.ready */
        char *stage;                     /* "booting", "running", … or NULL */
        char *version;                   /* "v1.13.9" or NULL */
        char *problem;                   /* unmet condition or connection error in words, or NULL */
};
void talos_view_done(struct talos_view *v);

/* Asks one node once. 0 with condition TALOS_UNREACHABLE when nobody answers (that is no error here); errors only for cancellation.
 * timeout_ms: of the whole question, default 5 s. */
int bootstrap_look_talos(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms, struct talos_view *ret,
                         struct error *err);

/* Brings a machine config onto a node: asks securely first (a node that runs already with a config of our CA is left alone), then
 * waits for maintenance mode and applies it there, without verification of the node's self-signed certificate. An ambiguous answer (connection
 * lost after the config was sent) counts as sent: the secure API decides. Returns when the node answers with our CA's certificate. Default timeout
 * 5 min. ERR_REFUSED with the node's own words when it calls the config invalid; ERR_CONFLICT when it belongs to another CA. A node that answers from
 * nowhere for 30 s gets the hint that the operator's visible address may differ (VPN, NPTv6) and --operator PREFIX. */
int bootstrap_push_config(const struct bootstrap *b, const struct bootstrap_node *node, const char *config, size_t len,
                          int64_t timeout_ms, struct error *err);

/* Waits until the node's stage is running (wanted_running) or it at least answers with our CA's certificate. Default 10 min. "Time is not
 * in sync" for 2 min puts resolvers and NTP into the note and into the timeout's hint. */
int bootstrap_wait_talos(const struct bootstrap *b, const struct bootstrap_node *node, bool wanted_running, int64_t timeout_ms,
                         struct error *err);

/* Begins etcd on exactly this control plane. Already bootstrapped is success. Retries what talos-api's table calls retryable ("time is not in sync",
 * connection refused, …). Default 5 min. Never called for a cluster in which any control plane has an etcd member list: the caller
 * asks bootstrap_has_etcd() first. */
int bootstrap_etcd(const struct bootstrap *b, const struct bootstrap_node *node, int64_t timeout_ms, struct error *err);
/* Does any of the control planes report etcd members? Unreachable ones do not count. One try each, default 5 s. */
int bootstrap_has_etcd(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms, bool *ret,
                       struct error *err);
/* Waits until each of the n control planes is a voting member. Default 5 min. */
int bootstrap_wait_etcd(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms, struct error *err);
/* After the attach of a private network: can the node still reach 169.254.169.254 (no route to it over another link than the public one)?
 * ERR_REFUSED with the route when not. Asked through Talos. */
int bootstrap_check_metadata_route(const struct bootstrap *b, const struct bootstrap_node *node, struct error *err);

/* ---- Kubernetes ------------------------------------------------------------------------------------------------------------ */

/* GET /readyz until 200. Default 10 min. */
int bootstrap_wait_api(const struct bootstrap *b, int64_t timeout_ms, struct error *err);

/* The state of the Kubernetes side, read with few calls; for observation, status and drift. */
struct node_view {
        char *name;
        bool ready;
        bool uninitialized;              /* still has node.cloudprovider.kubernetes.io/uninitialized */
        bool schedulable;
        bool control_plane;              /* has the role label */
        char *ready_reason;              /* message of the Ready condition when not ready, or NULL */
        char *kubelet_version;           /* "v1.36.3" */
        char *os_image;                  /* "Talos (v1.13.9)" */
        char *provider_id;               /* "hcloud://123" or NULL */
        struct ip6_addr internal_ip;     /* zero when none */
        struct ip6_prefix pod_cidr;      /* len 0 when none */
        struct kvs labels;
        struct strv taints;              /* "key=value:Effect", or "key:Effect" without a value */
};
struct release_view { char *name, *namespace_, *status, *chart_version; int64_t revision; };   /* newest Helm release record of each name */
struct kube_view {
        struct node_view *nodes; size_t n_nodes;
        struct release_view *releases; size_t n_releases;
        bool ccm_present;                /* a CCM exists, whoever made it */
        bool ccm_ours;                   /* … applied by us (no Helm release record of its own, our annotation) */
        char *ccm_version;               /* its image's tag, "v1.12.0", or NULL */
        char *ccm_spec_hash;             /* annotation hcloud-v6/spec of the DaemonSet, or NULL; compare with bootstrap_ccm_hash() */
        size_t pending_csrs;             /* kubelet-serving CSRs neither approved nor denied */
        struct kvs chart_hashes;         /* release name -> value of hcloud-v6/spec on our marker (see bootstrap_install_chart) */
};
void kube_view_done(struct kube_view *v);
const struct node_view *kube_view_node(const struct kube_view *v, const char *name);   /* borrowed or NULL */
int bootstrap_look_kube(const struct bootstrap *b, int64_t timeout_ms, struct kube_view *ret, struct error *err);   /* default 10 s */

/* Who gives nodes their pod CIDRs. */
enum pod_cidr_rule {
        POD_CIDR_CCM,                    /* the CCM's allocator */
        POD_CIDR_CLIENT,                 /* we, <prefix>:1::/80, as soon as the Node appears; the CCM's allocator is off */
};
/* `podCIDRs: auto`: the CCM only where that is sound, which no released CCM is yet: it hands out the /80 that holds the node's own address. */
enum pod_cidr_rule bootstrap_pod_cidr_auto(const char *talos_version, const char *ccm_version);

/* Talos Cloud Controller Manager, applied natively. Strings borrowed. */
struct ccm_options {
        const char *version;             /* image tag "v1.12.0" */
        const char *image;               /* without tag, or NULL for ghcr.io/siderolabs/talos-cloud-controller-manager */
        enum pod_cidr_rule pod_cidrs;    /* decides node-ipam-controller and --allocate-node-cidrs */
        const struct strv *extra_args;   /* from the profile, or NULL */
        const struct strv *controllers;  /* in addition to cloud-node, node-csr-approval (and node-ipam-controller by the rule), or NULL */
        int64_t log_level;               /* 0: the default, 2 */
};
/* A digest of what would be applied; the same text is put on the DaemonSet as annotation hcloud-v6/spec. Owned. */
char *bootstrap_ccm_hash(const struct ccm_options *o);
/* Waits for talos.dev/v1alpha1 to be served, then applies the objects server-side as fieldManager "helm" with Helm's ownership metadata; never
 * over a CCM of the user's own (a release record named talos-cloud-controller-manager, or a DaemonSet without our annotation): then nothing is done and
 * *ret_foreign says why; else it is NULL. Owned. */
int bootstrap_apply_ccm(const struct bootstrap *b, const struct ccm_options *o, int64_t timeout_ms, char **ret_foreign, struct error *err);

/* Waits for the Node to register (default 10 min), then, under POD_CIDR_CLIENT and only when it has none, gives it <prefix>:1::/80; under
 * POD_CIDR_CCM waits until it has one. A CIDR outside its own /64 or holding its address is ERR_REFUSED. */
int bootstrap_pod_cidr(const struct bootstrap *b, const struct bootstrap_node *node, enum pod_cidr_rule rule, int64_t timeout_ms,
                       struct error *err);
/* Kubernetes labels and taints of the profile's pools, and the role label of workers: a kubelet may not set them itself (NodeRestriction). Patch with
 * field manager hcloud-v6; the Node must exist. taints: "key=value:Effect" or "key:Effect". */
int bootstrap_label_node(const struct bootstrap *b, const char *node, const struct kvs *labels, const struct strv *taints, struct error *err);

int bootstrap_wait_node_ready(const struct bootstrap *b, const char *node, int64_t timeout_ms, struct error *err);   /* default 10 min */
/* Until it is Available, default 10 min. An ImagePullBackOff of one of its pods is shown in the note within 15 s and becomes the error's text. */
int bootstrap_wait_deployment(const struct bootstrap *b, const char *ns, const char *name, int64_t timeout_ms, struct error *err);
/* Why pods in ns (NULL: kube-system) do not start: image, host and what the registry or resolver said, in one line; NULL when nothing is wrong. */
int bootstrap_diagnose_pulls(const struct bootstrap *b, const char *ns, char **ret, struct error *err);

/* kubelet-serving CSRs of our nodes that pend longer than 20 s are approved after the CCM's own checks (user, organisation, usages, addresses
 * equal to that node's). Waits until every node has one issued certificate (default 3 min). *ret_approved counts those approved by us. */
int bootstrap_serving_certificates(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms,
                                   size_t *ret_approved, struct error *err);

/* ---- charts ---------------------------------------------------------------------------------------------------------------- */

struct chart_ref {
        const char *repository;          /* https URL with an index.yaml; HCLOUD_V6_CHART_REPOSITORY replaces that of a built-in pin */
        const char *name;                /* "cilium" */
        const char *version;             /* "1.19.6" */
        const char *digest;              /* sha256 hex of the archive, or NULL: then the index's digest is used and returned */
        int64_t timeout_ms;              /* of one question; 0: 2 min */
        bool pinned;                     /* repository and digest come from the built-in table: the environment may replace both */
};
struct chart {
        char *name, *version, *digest, *repository;   /* as fetched */
        uint8_t *data; size_t len;                     /* the .tgz */
        bool from_cache;
        bool digest_from_index;                        /* no digest was pinned: say so on screen */
};
void chart_done(struct chart *c);
/* From the XDG cache (…/charts/<name>-<version>-<digest>.tgz) or from the repository, checked against the digest. ERR_INVALID when the digest
 * differs; max 8 MiB. */
int bootstrap_fetch_chart(const struct bootstrap *b, const struct chart_ref *ref, struct chart *ret, struct error *err);
/* An archive that the operator has. Its name and version are those of its Chart.yaml. ERR_INVALID, ERR_IO. */
int bootstrap_chart_from_file(const char *path, struct chart *ret, struct error *err);

/* A value that a chart has no use for: Helm ignores it without a word. */
struct unknown_value {
        char *path;                      /* "hubble.redact.http.allow" */
        unsigned line, column;           /* of its key, as the values' tree has them */
        char *nearest;                   /* what was meant, if that can be guessed; or NULL */
};
struct unknown_values { struct unknown_value *items; size_t n; };
void unknown_values_done(struct unknown_values *u);
/* Compares values (a map) with what the chart knows: its values.yaml (keys that stand there commented out too), values.schema.json, what its templates ask
 * for, and its subcharts. Below maps that templates write out as they are (annotations, resources, …) everything goes. When in doubt a value counts as known.
 * ERR_INVALID: the chart cannot be read. */
int bootstrap_check_values(const struct chart *chart, const struct yaml_node *values, struct unknown_values *ret, struct error *err);

enum helm_mode { HELM_JOB, HELM_LOCAL };
struct helm_release {
        const char *release;             /* "cilium" */
        const char *namespace_;          /* "kube-system" */
        const struct chart *chart;
        const char *values;              /* YAML text */
        const char *image;               /* Helm's image by digest (HELM_JOB) */
        enum helm_mode mode;
        const char *kubeconfig_path;     /* HELM_LOCAL */
        bool before_cni;                 /* the Job runs on the host network of a control plane and talks to KubePrism */
};
/* A digest of chart and values, e.g. for the Job's name and for the marker ConfigMap hcloud-v6-<release> in the release's namespace (annotation
 * hcloud-v6/spec) that bootstrap_look_kube() reports. Owned. */
char *bootstrap_release_hash(const struct helm_release *r);
/* Is there a helm in PATH, for HELM_LOCAL, and none of those that cannot be used? ERR_NOT_FOUND, ERR_REFUSED. */
int bootstrap_check_helm(struct error *err);

/* `helm upgrade --install` by a Job in the cluster or by the operator's helm. A left-over pending-install record is cleared first. Returns when Helm
 * has ended well (default 15 min); the Job's objects and its ServiceAccount are removed. A failed Job's last log lines are in the error. */
int bootstrap_install_chart(const struct bootstrap *b, const struct helm_release *r, int64_t timeout_ms, struct error *err);

/* ---- gates ----------------------------------------------------------------------------------------------------------------- */

struct gate_result {
        char *gate;                      /* "node ready", "pod CIDR", "serving certificate", "CoreDNS", … */
        char *object;                    /* "node demo-worker-1" */
        bool passed;
        char *text;                      /* what was seen */
};
struct gate_list { struct gate_result *items; size_t n; };
void gate_list_done(struct gate_list *g);
void gate_list_add(struct gate_list *g, const char *gate, const char *object, bool passed, const char *fmt, ...) _printf_(5, 6);
/* Every Node Ready, without the uninitialized taint, with provider id hcloud://<server id> and InternalIP = the node's address; pod CIDR inside
 * its own /64, without the node's address, pairwise distinct; one issued serving certificate each; CoreDNS available. Waits for what only needs time
 * (default 5 min). All results are appended to ret, also the failed ones; the first failure is the error (ERR_REFUSED, names object and condition). */
int bootstrap_gates(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms, struct gate_list *ret,
                    struct error *err);

/* ---- smoke test ------------------------------------------------------------------------------------------------------------ */

/* The blog's Star Wars demo in a namespace of its own. Results are appended to ret; passed false with text "not possible here: …" never counts as a failure when
 * the check needs containers and none run (the simulated cloud). ERR_REFUSED when a check that ran failed; everything is removed in the end. */
int bootstrap_smoke(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, const struct strv *dns64, int64_t timeout_ms,
                    struct gate_list *ret, struct error *err);
