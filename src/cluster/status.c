/* `status` and `smoke`: what is there, is it healthy, what does it cost. Nodes and Kubernetes are asked with short timeouts; their silence is
 * an answer. */
#include <stdio.h>

#include "base/file.h"
#include "base/secret.h"
#include "cluster/model.h"
#include "cluster/versions.h"

#define KUBE_MS 6000
#define TALOS_MS 3000

void cluster_status_done(struct cluster_status *s) {
        for (size_t i = 0; i < s->n; i++) {
                struct status_node *n = &s->nodes[i];
                char *texts[] = { n->name, n->role, n->pool, n->type, n->location, n->address, n->talos, n->kubernetes, n->pod_cidr, n->state, n->problem };
                for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
                        free(texts[j]);
        }
        free(s->nodes);
        char *texts[] = { s->name, s->uid, s->endpoint, s->firewall, s->network, s->talos, s->kubernetes, s->cilium, s->ccm, s->lock_holder };
        for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
                free(texts[j]);
        strv_done(&s->operators);
        strv_done(&s->problems);
        cost_done(&s->cost);
        *s = (struct cluster_status) { 0 };
}

struct talos_look { struct cluster *c; struct node *node; struct talos_view view; };

static int look_talos(struct plan_step *s, void *arg, struct error *err) {
        struct talos_look *l = arg;
        struct bootstrap b;
        cluster_bootstrap(l->c, NULL, &b);
        struct bootstrap_node ref = node_ref(l->node);
        return bootstrap_look_talos(&b, &ref, TALOS_MS, &l->view, err);
}

/* All nodes that Kubernetes cannot vouch for, at once. */
static int look_at_machines(struct cluster *c, struct talos_look *looks, struct error *err) {
        _cleanup_(plan_freep) struct plan *p = plan_new("look at machines");
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                looks[i] = (struct talos_look) { .c = c, .node = n };
                const struct node_view *v = c->seen == KUBE_SEEN ? kube_view_node(&c->kube_view, n->name) : NULL;
                if (n->running && n->prefix.len && !(v && v->ready))
                        plan_step_quiet(plan_add(p, "ask", "node", n->name, look_talos, &looks[i]));
        }
        struct plan_options o = { .clock = c->clock, .cancel = c->o.cancel };
        return plan_run(p, &o, err);
}

static char *talos_of_image(const char *os_image) {
        const char *open = os_image ? strchr(os_image, '(') : NULL, *close = open ? strchr(open, ')') : NULL;
        return close ? xstrndup(open + 1, (size_t) (close - open - 1)) : NULL;
}

static void fill_from_kube(struct status_node *ret, const struct node *n, const struct node_view *v) {
        ret->kubernetes = xstrdup(v->kubelet_version);
        ret->talos = talos_of_image(v->os_image);
        if (v->pod_cidr.len)
                ret->pod_cidr = ip6_prefix_str(&v->pod_cidr);
        ret->state = xstrdup(v->ready ? v->schedulable ? "Ready" : "Ready,cordoned" : "NotReady");
        _cleanup_str_ char *want = xasprintf("hcloud://%lld", (long long) n->server_id);
        if (!v->ready)
                ret->problem = xstrdup(v->ready_reason ? v->ready_reason : "not ready");
        else if (v->uninitialized)
                ret->problem = xstrdup("waits for the cloud controller manager");
        else if (!v->pod_cidr.len)
                ret->problem = xstrdup("has no pod CIDR");
        else if (ip6_prefix_has(&v->pod_cidr, &n->addr))
                ret->problem = xstrdup("its own address lies in its pod CIDR");
        else if (!ip6_prefix_covers(&n->prefix, &v->pod_cidr))
                ret->problem = xstrdup("its pod CIDR lies outside its /64");
        else if (v->provider_id && !str_eq(v->provider_id, want))
                ret->problem = xasprintf("provider id is %s, not %s", v->provider_id, want);
}

/* What the machine itself said, where Kubernetes could not vouch for it. */
static void fill_from_talos(struct status_node *ret, const struct node *n, struct talos_view *v, bool have_secrets) {
        static const char *const words[] = { [TALOS_UNREACHABLE] = "unreachable", [TALOS_MAINTENANCE] = "maintenance", [TALOS_FOREIGN] = "foreign",
                                             [TALOS_BOOTING] = "booting", [TALOS_RUNNING] = "running" };
        if (!ret->talos && v->version)
                ret->talos = xstrdup(v->version);
        if (!ret->state)
                ret->state = xstrdup(n->off ? "off" : !n->running ? "starting" : !have_secrets ? "running (not asked)" : words[v->condition]);
        if (!ret->problem && n->off)
                ret->problem = xstrdup("switched off");
        else if (!ret->problem && have_secrets && n->running)
                ret->problem = v->problem ? xstrdup(v->problem) : xstrdup("not registered in Kubernetes");
}

static void fill_node(struct cluster *c, struct node *n, struct talos_view *talos, bool have_secrets, struct status_node *ret) {
        ret->name = xstrdup(n->name);
        ret->role = xstrdup(n->control_plane ? ROLE_CONTROL_PLANE : ROLE_WORKER);
        ret->pool = xstrdup(n->pool_name);
        ret->type = xstrdup(n->type);
        ret->location = xstrdup(n->location);
        ret->address = n->prefix.len ? ip6_str(&n->addr) : NULL;
        ret->server_id = n->server_id;
        const struct hcloud_server_type *t = hcloud_server_type_find(c->cloud.types, n->type);
        const struct hcloud_location_price *p = t ? hcloud_server_type_price(t, n->location) : NULL;
        if (p) {
                money_parse(p->hourly.net, &ret->cost.hour);
                money_parse(p->monthly.net, &ret->cost.month);
        }
        const struct node_view *v = c->seen == KUBE_SEEN ? kube_view_node(&c->kube_view, n->name) : NULL;
        if (v)
                fill_from_kube(ret, n, v);
        if (!v || !v->ready)
                fill_from_talos(ret, n, talos, have_secrets);
        if (!ret->problem && !n->has_firewall)
                ret->problem = xstrdup("the firewall is not applied to it");
}

static void fill_operators(const struct cluster *c, struct cluster_status *ret) {
        for (size_t i = 0; i < c->seen_rules.n; i++) {
                const struct hcloud_firewall_rule *r = &c->seen_rules.items[i];
                for (size_t j = 0; str_eq(r->port, "6443") && j < r->source_ips.n; j++)
                        if (!strv_has(&ret->operators, r->source_ips.items[j]))
                                strv_add(&ret->operators, r->source_ips.items[j]);
        }
}

static void fill_shared(struct cluster *c, struct cluster_status *ret) {
        size_t applied = 0;
        for (size_t i = 0; i < c->n_nodes; i++)
                applied += c->nodes[i].has_firewall;
        fill_operators(c, ret);
        _cleanup_str_ char *operators = strv_join(&ret->operators, ", ");
        if (c->firewall_id)
                ret->firewall = xasprintf("%zu rules, applied to %zu of %zu servers; operators %s", c->seen_rules.n, applied, c->n_nodes, operators);
        else if (c->n_nodes)
                strv_add(&ret->problems, "there is no firewall: everything is open to the world");
        for (size_t i = 0; i < c->cloud.networks->n; i++)
                if (c->cloud.networks->items[i].id == c->network_id)
                        ret->network = xasprintf("%s, %s", c->cloud.networks->items[i].name, c->cloud.networks->items[i].ip_range);
        for (size_t i = 0; i < c->cloud.groups->n; i++) {
                const struct hcloud_placement_group *g = &c->cloud.groups->items[i];
                if (is_ours(c, &g->labels) && str_eq(hcloud_labels_get(&g->labels, LABEL_ROLE), ROLE_LOCK))
                        ret->lock_holder = lock_describe(g);
        }
        for (size_t i = 0; i < c->cloud.servers->n && !ret->talos; i++)
                if (is_ours(c, &c->cloud.servers->items[i].labels))
                        ret->talos = xstrdup(hcloud_labels_get(&c->cloud.servers->items[i].labels, LABEL_TALOS));
        for (size_t i = 0; c->seen == KUBE_SEEN && i < c->kube_view.n_nodes && !ret->kubernetes; i++)
                ret->kubernetes = xstrdup(c->kube_view.nodes[i].kubelet_version);
        for (size_t i = 0; c->seen == KUBE_SEEN && i < c->kube_view.n_releases; i++) {
                const struct release_view *r = &c->kube_view.releases[i];
                if (str_eq(r->name, "cilium"))
                        ret->cilium = r->chart_version ? xstrdup(r->chart_version) : xstrdup(r->status);
        }
        if (c->seen == KUBE_SEEN && c->kube_view.ccm_present)
                ret->ccm = xasprintf("%s%s", c->kube_view.ccm_version ? c->kube_view.ccm_version : "present", c->kube_view.ccm_ours ? "" : " (not made by this program)");
}

/* Opens the secrets if they are here and of this cluster, and asks Kubernetes. */
static void look_inside(struct cluster *c, struct cluster_status *ret) {
        struct vault_options o = vault_options_of(c);
        _cleanup_error_ struct error e = ERROR_INIT;
        const char *seen = cloud_uid(c, &c->cloud);
        ret->uid = xstrdup(seen);
        if (!vault_exists(&o)) {
                strv_add(&ret->problems, "the cluster's secrets are not on this machine: nodes and Kubernetes were not asked");
                return;
        }
        if (access_open(c, &e) < 0) {
                strv_take(&ret->problems, xstrdup(error_text(&e)));
                return;
        }
        if (seen && !str_eq(seen, c->vault->uid)) {
                strv_add(&ret->problems, "the secrets on this machine belong to another cluster of the same name");
                return;
        }
        ret->have_secrets = true;
        if (operator_find(c, &e) < 0) {
                strv_take(&ret->problems, xstrdup(error_text(&e)));
                return;
        }
        if (c->firewall_id && !firewall_allows_operator(&c->seen_rules, &c->operator_addr)) {
                _cleanup_str_ char *p = ip6_prefix_str(&c->operator_prefix);
                strv_take(&ret->problems, xasprintf("the firewall does not let this machine (%s) through; hcloud-v6 up adds it", p));
                return;
        }
        struct bootstrap b;
        if (!first_control_plane(c) || access_kube(c, &e) < 0)
                return;
        cluster_bootstrap(c, NULL, &b);
        c->seen = KUBE_SILENT;
        if (bootstrap_look_kube(&b, KUBE_MS, &c->kube_view, &e) >= 0)
                c->seen = KUBE_SEEN;
        else
                strv_take(&ret->problems, xasprintf("the Kubernetes API does not answer: %s", error_text(&e)));
}

static int64_t certificate_end(struct cluster *c) {
        _cleanup_str_ char *path = xasprintf("%s/%s/kubeconfig", c->state_dir, c->name);
        _cleanup_secret_ char *text = NULL;
        size_t len;
        struct talos_kubeconfig k;
        if (file_read(path, 1 << 20, &text, &len, NULL) < 0 || talos_kubeconfig_parse(path, text, len, NULL, &k, NULL) < 0)
                return 0;
        struct pki_info info = { 0 };
        int64_t end = pki_read(k.client.cert, &info, NULL) >= 0 ? info.not_after_ms : 0;
        pki_info_done(&info);
        talos_kubeconfig_done(&k);
        return end;
}

/* Control planes first, then by pool and number. */
static int compare_nodes(const void *a, const void *b) {
        const struct node *x = a, *y = b;
        if (x->control_plane != y->control_plane)
                return x->control_plane ? -1 : 1;
        int pools = strcmp(x->pool_name, y->pool_name);
        return pools ? pools : (x->index > y->index) - (x->index < y->index);
}

int cluster_status(struct cluster *c, struct cluster_status *ret, struct error *err) {
        cluster_forget_observations(c);
        if (cloud_observe(c, OBSERVE_STATUS, &c->cloud, err) < 0)
                return -1;
        struct cluster_status s = { .name = xstrdup(c->name) };
        nodes_from_cloud(c);
        if (c->n_nodes)
                qsort(c->nodes, c->n_nodes, sizeof(*c->nodes), compare_nodes);
        s.exists = cloud_has_ours(c, &c->cloud, NULL);
        if (s.exists) {
                look_inside(c, &s);
                s.endpoint = cluster_endpoint(c);
        }
        struct talos_look *looks = xcalloc(c->n_nodes + 1, sizeof(*looks));
        int rc = s.have_secrets ? look_at_machines(c, looks, err) : 0;
        s.healthy = s.exists && c->n_nodes > 0 && c->seen == KUBE_SEEN;
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct status_node n = { 0 };
                fill_node(c, &c->nodes[i], &looks[i].view, s.have_secrets, &n);
                s.healthy &= str_starts(n.state, "Ready") && !n.problem;
                ARRAY_APPEND(s.nodes, s.n, n);
                talos_view_done(&looks[i].view);
        }
        free(looks);
        fill_shared(c, &s);
        s.healthy &= s.problems.n == 0;
        s.admin_certificate_expires_ms = certificate_end(c);
        if (rc >= 0)
                rc = cost_build(c, err);
        if (rc < 0) {
                cluster_status_done(&s);
                return -1;
        }
        cost_copy(&s.cost, &c->cost_all);
        *ret = s;
        return 0;
}

int cluster_smoke(struct cluster *c, struct gate_list *ret, struct error *err) {
        cluster_forget_observations(c);
        if (cloud_observe(c, OBSERVE_STATUS, &c->cloud, err) < 0)
                return -1;
        nodes_from_cloud(c);
        if (!first_control_plane(c))
                return error_set(err, ERR_NOT_FOUND, "there is no cluster '%s' in this project", c->name);
        if (access_open(c, err) < 0 || operator_find(c, err) < 0 || firewall_admit(c, err) < 0 || access_kube(c, err) < 0)
                return -1;
        struct bootstrap b;
        cluster_bootstrap(c, NULL, &b);
        struct strv none = { 0 };
        size_t n = 0;
        struct bootstrap_node *refs = node_refs(c, false, &n);
        int rc = bootstrap_smoke(&b, refs, n, c->spec ? &c->spec->dns64 : &none, 0, ret, err);
        free(refs);
        return rc;
}
