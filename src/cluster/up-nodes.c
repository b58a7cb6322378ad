/* Steps of `up` that speak to nodes and to Kubernetes. */
#include <stdio.h>

#include "base/secret.h"
#include "cluster/model.h"
#include "cluster/versions.h"

int step_files(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        if (access_write_files(c, err) < 0)
                return -1;
        return access_kube(c, err);
}

/* A machine that does not answer may never have been switched on: the action says so better than the silence. Asked only when there was
 * silence for longer than a boot takes. 0: go on waiting. */
#define SILENCE_MS (30 * 1000)

static int power_failure(const struct node *n, struct error *err) {
        if (!err || err->kind != ERR_TIMEOUT)
                return -1;
        error_done(err);
        return n->start_action ? hcloud_actions_wait(n->c->hcloud, &n->start_action, 1, err) : 0;
}

int step_push(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        struct bootstrap_node ref = node_ref(n);
        char *text = NULL;
        if (render_config(c, n, &text, err) < 0)
                return -1;
        int rc = bootstrap_push_config(&b, &ref, text, strlen(text), SILENCE_MS, err);
        if (rc < 0 && power_failure(n, err) >= 0)
                rc = bootstrap_push_config(&b, &ref, text, strlen(text), 0, err);
        secret_free(text);
        return rc;
}

int step_wait_talos(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct bootstrap b;
        cluster_bootstrap(n->c, s, &b);
        struct bootstrap_node ref = node_ref(n);
        if (bootstrap_wait_talos(&b, &ref, false, SILENCE_MS, err) >= 0)
                return 0;
        return power_failure(n, err) < 0 ? -1 : bootstrap_wait_talos(&b, &ref, false, 0, err);
}

/* etcd is begun once in a cluster's life. Where a control plane that was there before does not answer, nobody knows whether it has been: a second
 * beginning would make a second, empty cluster. */
int step_etcd(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        size_t n = 0;
        struct bootstrap_node *refs = node_refs(c, true, &n);
        bool has = false;
        int rc = bootstrap_has_etcd(&b, refs, n, 0, &has, err);
        for (size_t i = 0; rc >= 0 && !has && i < c->n_nodes; i++) {
                struct node *k = &c->nodes[i];
                if (!k->control_plane || !k->existed || k->off)
                        continue;
                struct bootstrap_node ref = node_ref(k);
                struct talos_view v = { 0 };
                rc = bootstrap_look_talos(&b, &ref, 0, &v, err);
                if (rc >= 0 && v.condition == TALOS_UNREACHABLE)
                        rc = error_set(err, ERR_REFUSED, "control plane '%s' does not answer: whether etcd has begun cannot be known, and beginning it twice would lose "
                                                         "the cluster", k->name);
                talos_view_done(&v);
        }
        if (rc >= 0 && !has) {
                struct bootstrap_node ref = node_ref(first_control_plane(c));
                rc = bootstrap_etcd(&b, &ref, 0, err);
        }
        free(refs);
        return rc;
}

int step_etcd_members(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        size_t n = 0;
        struct bootstrap_node *refs = node_refs(c, true, &n);
        int rc = bootstrap_wait_etcd(&b, refs, n, 0, err);
        free(refs);
        return rc;
}

int step_api(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        if (access_kube(c, err) < 0)
                return -1;
        cluster_bootstrap(c, s, &b);
        return bootstrap_wait_api(&b, 0, err);
}

struct ccm_options ccm_options_of(const struct cluster *c) {
        return (struct ccm_options) { .version = c->spec->ccm_version, .pod_cidrs = c->pod_rule, .extra_args = &c->spec->ccm_extra_args,
                                      .controllers = &c->spec->ccm_controllers };
}

int step_ccm(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        struct ccm_options o = ccm_options_of(c);
        _cleanup_str_ char *foreign = NULL;
        if (bootstrap_apply_ccm(&b, &o, 0, &foreign, err) < 0)
                return -1;
        if (foreign)
                cluster_note(c, "the Talos CCM was left as it is: %s", foreign);
        return 0;
}

/* The Talos CCM never deletes Nodes; a new machine under the old Node would keep the old provider id, which nothing ever corrects. */
int step_forget_node(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        _cleanup_str_ char *path = kube_path("v1", "nodes", NULL, n->name, NULL);
        _cleanup_error_ struct error e = ERROR_INIT;
        if (kube_delete(n->c->kube, path, NULL, &e) < 0 && e.kind != ERR_NOT_FOUND)
                return error_move(err, &e);
        return 0;
}

int step_pod_cidr(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct bootstrap b;
        cluster_bootstrap(n->c, s, &b);
        struct bootstrap_node ref = node_ref(n);
        return bootstrap_pod_cidr(&b, &ref, n->c->pod_rule, 0, err);
}

int step_chart(struct plan_step *s, void *arg, struct error *err) {
        struct release_state *r = arg;
        struct cluster *c = r->c;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        _cleanup_str_ char *path = xasprintf("%s/%s/kubeconfig", c->state_dir, c->name);
        struct helm_release h = { .release = r->addon->name, .namespace_ = r->addon->namespace_, .chart = &r->chart, .values = r->values,
                                  .image = c->spec->helm_image, .mode = c->spec->helm_mode, .kubeconfig_path = path, .before_cni = r->before_cni };
        return bootstrap_install_chart(&b, &h, 0, err);
}

/* What the Node shall carry: the pool's labels and taints, the role of workers, and the pool's name. */
void node_kube_labels(const struct node *n, struct kvs *labels, struct strv *taints) {
        const struct spec_pool *p = n->pool->spec;
        kvs_set(labels, LABEL_POOL, n->pool_name);
        if (!n->control_plane)
                kvs_set(labels, "node-role.kubernetes.io/worker", "");
        for (size_t i = 0; i < p->labels.n; i++)
                kvs_set(labels, p->labels.items[i].key, p->labels.items[i].value);
        for (size_t i = 0; i < p->n_taints; i++) {
                const struct spec_taint *t = &p->taints[i];
                strv_take(taints, *t->value ? xasprintf("%s=%s:%s", t->key, t->value, t->effect) : xasprintf("%s:%s", t->key, t->effect));
        }
}

int step_labels(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct bootstrap b;
        cluster_bootstrap(n->c, s, &b);
        struct kvs labels = { 0 };
        struct strv taints = { 0 };
        node_kube_labels(n, &labels, &taints);
        int rc = bootstrap_label_node(&b, n->name, &labels, taints.n ? &taints : NULL, err);
        kvs_done(&labels);
        strv_done(&taints);
        return rc;
}

int step_ready(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct bootstrap b;
        cluster_bootstrap(n->c, s, &b);
        return bootstrap_wait_node_ready(&b, n->name, 0, err);
}

int step_certificates(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        size_t n = 0, approved = 0;
        struct bootstrap_node *refs = node_refs(c, false, &n);
        int rc = bootstrap_serving_certificates(&b, refs, n, 0, &approved, err);
        free(refs);
        if (rc >= 0 && approved)
                cluster_note(c, "%zu serving certificate%s the CCM had passed over %s approved by this command after the CCM's own checks", approved,
                             approved == 1 ? "" : "s", approved == 1 ? "was" : "were");
        return rc;
}

/* One list of servers for all nodes: the firewall is where it was planned. */
static int gate_firewall(struct cluster *c, struct error *err) {
        struct hcloud_firewall *f = NULL;
        struct hcloud_firewall_rules want = { 0 };
        if (hcloud_firewall_get(c->hcloud, c->firewall_id, &f, err) < 0)
                return -1;
        size_t missing = 0;
        for (size_t i = 0; i < c->n_nodes; i++)
                missing += !hcloud_firewall_is_applied_to(f, c->nodes[i].server_id);
        pthread_mutex_lock(&c->mutex);
        hcloud_firewall_rules_done(&c->seen_rules);
        hcloud_firewall_rules_copy(&c->seen_rules, &f->rules);
        int rc = firewall_wish_rules(c, &want, err);
        pthread_mutex_unlock(&c->mutex);
        bool equal = rc >= 0 && hcloud_firewall_rules_equal(&want, &f->rules, false);
        bool ok = equal && !missing;
        if (rc >= 0)
                gate_list_add(&c->gates, "firewall", f->name, ok, ok ? "%zu rules, on %zu servers" : "%zu rules, on %zu servers; not as planned", f->rules.n,
                              c->n_nodes - missing);
        if (rc >= 0 && !ok)
                rc = error_set(err, ERR_REFUSED, "firewall '%s': %s", f->name, missing ? "not applied to every server" : "its rules are not as planned");
        hcloud_firewall_rules_done(&want);
        hcloud_firewall_free(f);
        return rc;
}

static int gate_metadata(struct cluster *c, const struct bootstrap *b, struct error *err) {
        for (size_t i = 0; c->use_network && i < c->n_nodes; i++) {
                struct bootstrap_node ref = node_ref(&c->nodes[i]);
                _cleanup_error_ struct error e = ERROR_INIT;
                int rc = bootstrap_check_metadata_route(b, &ref, &e);
                gate_list_add(&c->gates, "metadata service", ref.name, rc >= 0, "%s", rc >= 0 ? "reachable beside the private network" : error_text(&e));
                if (rc < 0)
                        return error_move(err, &e);
        }
        return 0;
}

int step_gates(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        size_t n = 0;
        struct bootstrap_node *refs = node_refs(c, false, &n);
        gate_list_done(&c->gates);
        c->gates = (struct gate_list) { 0 };
        int rc = bootstrap_gates(&b, refs, n, 0, &c->gates, err);
        free(refs);
        if (rc >= 0)
                rc = gate_metadata(c, &b, err);
        if (rc >= 0)
                rc = gate_firewall(c, err);
        return rc;
}

int step_smoke(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        cluster_bootstrap(c, s, &b);
        size_t n = 0;
        struct bootstrap_node *refs = node_refs(c, false, &n);
        int rc = bootstrap_smoke(&b, refs, n, &c->spec->dns64, 0, &c->gates, err);
        free(refs);
        return rc;
}
