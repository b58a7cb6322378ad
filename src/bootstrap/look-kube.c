/* The Kubernetes side in few reads: nodes, CSRs, Helm's records, the CCM, our markers. */
#include "bootstrap/ccm.h"
#include "bootstrap/private.h"
#include "kube/csr.h"
#include "kube/helm.h"
#include "kube/node.h"

#define LOOK_DEFAULT_MS (10 * SECOND_MS)
#define LOOK_TRIES 2                       /* the time is shared among them: a cluster that is dead is not waited for */

static void node_view_done(struct node_view *v) {
        free(v->name);
        free(v->ready_reason);
        free(v->kubelet_version);
        free(v->os_image);
        free(v->provider_id);
        kvs_done(&v->labels);
        strv_done(&v->taints);
}

void kube_view_done(struct kube_view *v) {
        for (size_t i = 0; i < v->n_nodes; i++)
                node_view_done(&v->nodes[i]);
        for (size_t i = 0; i < v->n_releases; i++) {
                free(v->releases[i].name);
                free(v->releases[i].namespace_);
                free(v->releases[i].status);
                free(v->releases[i].chart_version);
        }
        free(v->nodes);
        free(v->releases);
        free(v->ccm_version);
        free(v->ccm_spec_hash);
        kvs_done(&v->chart_hashes);
        *v = (struct kube_view) { 0 };
}

const struct node_view *kube_view_node(const struct kube_view *v, const char *name) {
        for (size_t i = 0; i < v->n_nodes; i++)
                if (str_eq(v->nodes[i].name, name))
                        return &v->nodes[i];
        return NULL;
}

static struct node_view node_view_of(const struct kube_node *n) {
        const struct kube_condition *ready = kube_condition_find(&n->conditions, "Ready");
        struct node_view v = {
                .name = xstrdup(n->name), .ready = kube_node_is_ready(n), .schedulable = !n->unschedulable,
                .uninitialized = kube_node_taint(n, "node.cloudprovider.kubernetes.io/uninitialized") != NULL,
                .control_plane = kvs_get(&n->labels, "node-role.kubernetes.io/control-plane") != NULL,
                .kubelet_version = xstrdup(n->kubelet_version), .os_image = xstrdup(n->os_image), .provider_id = xstrdup(n->provider_id),
        };
        const char *address = kube_node_address(n, "InternalIP");

        kvs_copy(&v.labels, &n->labels);
        for (size_t i = 0; i < n->n_taints; i++) {
                const struct kube_taint *t = &n->taints[i];
                strv_take(&v.taints, str_empty(t->value) ? xasprintf("%s:%s", t->key, t->effect) : xasprintf("%s=%s:%s", t->key, t->value, t->effect));
        }
        if (!v.ready)
                v.ready_reason = xstrdup(ready && !str_empty(ready->message) ? ready->message : "the kubelet has not reported yet");
        if (address)
                ip6_parse(address, &v.internal_ip);
        for (size_t i = 0; i < n->pod_cidrs.n && v.pod_cidr.len == 0; i++)
                ip6_prefix_parse(n->pod_cidrs.items[i], &v.pod_cidr, NULL);
        return v;
}

static int look_nodes(struct kube_client *k, struct kube_view *v, struct error *err) {
        _cleanup_(kube_nodes_done) struct kube_nodes nodes = { 0 };
        int r = kube_nodes_list(k, &nodes, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < nodes.n; i++) {
                struct node_view n = node_view_of(&nodes.items[i]);
                ARRAY_APPEND(v->nodes, v->n_nodes, n);
        }
        return 0;
}

static int look_csrs(struct kube_client *k, struct kube_view *v, struct error *err) {
        _cleanup_(kube_csrs_done) struct kube_csrs csrs = { 0 };
        int r = kube_csrs_list(k, &csrs, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < csrs.n; i++)
                v->pending_csrs += csrs.items[i].state == KUBE_CSR_PENDING && str_eq(csrs.items[i].signer, "kubernetes.io/kubelet-serving");
        return 0;
}

static int look_markers(struct kube_client *k, struct kube_view *v, struct kvs *charts, struct error *err) {
        _cleanup_json_ json_t *items = NULL;
        json_t *item;
        size_t i;
        int r = kube_list(k, "/api/v1/configmaps", "labelSelector=hcloud-v6%2Frelease", &items, err);

        if (r < 0)
                return r;
        json_array_foreach(items, i, item) {
                const json_t *annotations = jget(item, "metadata.annotations"), *labels = jget(item, "metadata.labels");
                const char *release = json_string_value(json_object_get(labels, RELEASE_LABEL));
                const char *spec = json_string_value(json_object_get(annotations, SPEC_ANNOTATION));
                const char *chart = json_string_value(json_object_get(annotations, CHART_ANNOTATION));

                if (!release || !spec)
                        continue;
                kvs_set(&v->chart_hashes, release, spec);
                if (chart)
                        kvs_set(charts, release, chart);
        }
        return 0;
}

static int look_releases(struct kube_client *k, struct kube_view *v, const struct kvs *charts, struct error *err) {
        _cleanup_(kube_helm_releases_done) struct kube_helm_releases all = { 0 };
        int r = kube_helm_releases_list(k, NULL, NULL, &all, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < all.n; i++) {
                const struct kube_helm_release *e = &all.items[i];
                struct release_view n = { 0 };

                /* Sorted by release and revision: only the newest of each counts. */
                if (i + 1 < all.n && str_eq(all.items[i + 1].release, e->release) && str_eq(all.items[i + 1].ns, e->ns))
                        continue;
                n = (struct release_view) { .name = xstrdup(e->release), .namespace_ = xstrdup(e->ns), .status = xstrdup(e->status),
                                            .chart_version = xstrdup(kvs_get(charts, e->release)), .revision = e->revision };
                ARRAY_APPEND(v->releases, v->n_releases, n);
        }
        return 0;
}

/* A CCM of somebody else's counts before ours: two of them would be seen as his. */
static int look_ccm(struct kube_client *k, struct kube_view *v, struct error *err) {
        _cleanup_json_ json_t *all = NULL;
        const json_t *found = NULL;
        json_t *one;
        size_t i;

        if (ccm_workloads(k, &all, err) < 0)
                return -1;
        json_array_foreach(all, i, one)
                if (!found || (ccm_workload_hash(found) && !ccm_workload_hash(one)))
                        found = one;
        if (!found)
                return 0;
        const char *image = jget_text(found, "spec.template.spec.containers.0.image"), *tag = image ? strrchr(image, ':') : NULL;
        v->ccm_version = tag ? xstrdup(tag + 1) : NULL;
        v->ccm_present = true;
        v->ccm_spec_hash = xstrdup(ccm_workload_hash(found));
        v->ccm_ours = v->ccm_spec_hash != NULL;
        for (i = 0; i < v->n_releases; i++)
                v->ccm_ours = v->ccm_ours && (!str_eq(v->releases[i].name, CCM) || str_eq(v->releases[i].status, "uninstalled"));
        return 0;
}

int bootstrap_look_kube(const struct bootstrap *b, int64_t timeout_ms, struct kube_view *ret, struct error *err) {
        _cleanup_(kube_client_freep) struct kube_client *k = kube_client_hurried(b->kube, (timeout_ms > 0 ? timeout_ms : LOOK_DEFAULT_MS) / LOOK_TRIES, LOOK_TRIES);
        _cleanup_(kube_view_done) struct kube_view v = { 0 };
        _cleanup_kvs_ struct kvs charts = { 0 };
        int r;

        r = look_nodes(k, &v, err);
        r = r < 0 ? r : look_csrs(k, &v, err);
        r = r < 0 ? r : look_markers(k, &v, &charts, err);
        r = r < 0 ? r : look_releases(k, &v, &charts, err);
        r = r < 0 ? r : look_ccm(k, &v, err);
        if (r < 0)
                return error_wrap(err, "reading the cluster");
        *ret = v;
        v = (struct kube_view) { 0 };
        return 0;
}

int bootstrap_wait_api(const struct bootstrap *b, int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 10 * MINUTE_MS);

        for (;;) {
                _cleanup_error_ struct error why = ERROR_INIT;
                int r;

                if (kube_readyz(b->kube, &why) >= 0)
                        return 0;
                if (why.kind == ERR_CANCELLED)
                        return error_move(err, &why);
                bootstrap_note(b, "waiting for the Kubernetes API");
                r = wait_pause(&w, err, "the Kubernetes API is not ready: %s", error_text(&why));
                if (r < 0)
                        return r;
        }
}
