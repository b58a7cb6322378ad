/* The look before nodes come or go: as much of up's preflight as that needs, and what Kubernetes says of each node. */
#include "cluster/model.h"
#include "kube/node.h"

char *cluster_holder(const struct cluster *c) {
        return lock_holder(c);
}

bool cluster_owns(const struct cluster *c, const struct hcloud_server *s) {
        return is_ours(c, &s->labels);
}

static bool has_pool(const struct cluster *c, const char *name) {
        for (size_t i = 0; i < c->n_pools; i++)
                if (str_eq(c->pools[i].spec->name, name))
                        return true;
        return false;
}

/* Their nodes are part of the cluster as long as they live: the firewall's rules name them. */
void scale_lost_pools(struct cluster *c) {
        for (size_t i = 0; i < c->cloud.servers->n; i++) {
                const struct hcloud_server *s = &c->cloud.servers->items[i];
                const char *name = hcloud_labels_get(&s->labels, LABEL_POOL);
                if (!is_ours(c, &s->labels) || !name || has_pool(c, name))
                        continue;
                struct spec_pool *p = xnew0(struct spec_pool);
                p->name = xstrdup(name);
                ARRAY_APPEND(c->lost_pools, c->n_lost_pools, p);
                ARRAY_APPEND(c->pools, c->n_pools, ((struct pool_state) { .spec = p, .lost = true }));
        }
}

/* The list of groups has told already whether another host works on the cluster: no call of its own for a tick that changes nothing. */
static int check_lock(struct cluster *c, struct error *err) {
        _cleanup_str_ char *who = NULL;
        if (!lock_seen(c, &who))
                return 0;
        error_set(err, ERR_LOCKED, "cluster '%s' is being worked on by %s", c->name, who);
        if (err)
                err->retryable = false;
        return -1;
}

static int check_exists(struct cluster *c, struct error *err) {
        struct node *first = first_control_plane(c);
        if (first && first->existed)
                return 0;
        error_set(err, ERR_NOT_FOUND, "cluster '%s' has no control plane in this project", c->name);
        return error_hint(err, "hcloud-v6 up makes the cluster");
}

static int reach(struct cluster *c, bool dry_run, struct error *err) {
        if (operator_find(c, err) < 0)
                return -1;
        c->operator_allowed = firewall_allows_operator(&c->seen_rules, &c->operator_addr);
        if (c->operator_allowed)
                return 0;
        if (!dry_run)
                return firewall_admit(c, err);
        _cleanup_str_ char *p = ip6_prefix_str(&c->operator_prefix);
        return error_set(err, ERR_REFUSED, "the cluster's firewall does not let this machine (%s) through, and a dry run does not add it", p);
}

int cluster_scale_look(struct cluster *c, bool dry_run, struct scale_view *ret, struct error *err) {
        if (!c->spec)
                return error_set(err, ERR_BUG, "scaling without a profile");
        cluster_forget_observations(c);
        c->scaling = c->keep_lock = true;
        if (!dry_run && preflight_state(c, err) < 0)
                return -1;
        if (cloud_observe(c, OBSERVE_UP, &c->cloud, err) < 0 || check_lock(c, err) < 0 || preflight_secrets(c, err) < 0)
                return -1;
        if (!c->pricing && hcloud_pricing_get(c->hcloud, &c->pricing, err) < 0)
                return -1;
        if (build_pools(c, err) < 0 || check_exists(c, err) < 0 || access_open(c, err) < 0 || reach(c, dry_run, err) < 0 || access_kube(c, err) < 0)
                return -1;
        choose_pod_rule(c);
        *ret = (struct scale_view) { .servers = c->cloud.servers, .types = c->cloud.types, .pricing = c->pricing, .kube = c->kube, .spec = c->spec, .uid = c->uid };
        return 0;
}

/* ---- what Kubernetes says ---- */

void cluster_saw_no_nodes(struct cluster *c) {
        strv_done(&c->lost_nodes);
        c->lost_nodes = (struct strv) { 0 };
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                n->seen_node = n->configured = n->has_cidr = n->labelled = n->stale_node = false;
        }
}

static bool has_taint(const struct kube_node *k, const char *text) {
        for (size_t i = 0; i < k->n_taints; i++) {
                const struct kube_taint *t = &k->taints[i];
                _cleanup_str_ char *have = str_empty(t->value) ? xasprintf("%s:%s", t->key, t->effect) : xasprintf("%s=%s:%s", t->key, t->value, t->effect);
                if (str_eq(have, text))
                        return true;
        }
        return false;
}

static bool is_labelled(const struct node *n, const struct kube_node *k) {
        struct kvs labels = { 0 };
        struct strv taints = { 0 };
        bool all = true;
        node_kube_labels(n, &labels, &taints);
        for (size_t i = 0; i < labels.n; i++)
                all &= str_eq(kvs_get(&k->labels, labels.items[i].key), labels.items[i].value);
        for (size_t i = 0; i < taints.n; i++)
                all &= has_taint(k, taints.items[i]);
        kvs_done(&labels);
        strv_done(&taints);
        return all;
}

void cluster_saw_node(struct cluster *c, const struct kube_node *k) {
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                if (!str_eq(n->name, k->name))
                        continue;
                _cleanup_str_ char *provider = xasprintf("hcloud://%lld", (long long) n->server_id);
                n->stale_node = k->provider_id && !str_eq(k->provider_id, provider);
                n->seen_node = n->configured = !n->stale_node;
                n->has_cidr = n->seen_node && k->pod_cidrs.n > 0;
                n->labelled = n->seen_node && is_labelled(n, k);
                return;
        }
        strv_add(&c->lost_nodes, k->name);
}

int64_t cluster_pool_size(const struct cluster *c, const char *pool) {
        int64_t count = -1;
        for (size_t i = 0; i < c->n_pools; i++)
                if (str_eq(c->pools[i].spec->name, pool))
                        count = 0;
        for (size_t i = 0; count >= 0 && i < c->n_nodes; i++)
                count += str_eq(c->nodes[i].pool_name, pool) && c->nodes[i].server_id && !c->nodes[i].gone;
        return count;
}

void cluster_scale_end(struct cluster *c) {
        c->keep_lock = false;
        lock_release(c);
}
