/* What GET /state of the control interface says of a cluster and of a node. No secrets. */
#include "sim/kube/cluster.h"

json_t *kube_cluster_state(struct kube_cluster *c) {
        json_t *objects = json_object();
        for (size_t i = 0; i < c->types.n; i++) {
                const struct kube_type *t = c->types.items[i];
                if (t->n == 0)
                        continue;
                _cleanup_str_ char *key = *t->group ? xasprintf("%s.%s", t->plural, t->group) : xstrdup(t->plural);
                json_object_set_new(objects, key, json_integer((json_int_t) t->n));
        }
        return json_pack("{s:s, s:I, s:o}", "id", c->settings.cluster_id ? c->settings.cluster_id : "", "resourceVersion",
                         (json_int_t) c->rv, "objects", objects);
}

json_t *kube_node_state(struct kube_machine *m) {
        struct kube_cluster *c = m->cluster;
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name);
        json_t *out = json_pack("{s:s, s:b, s:b, s:b, s:b}", "name", m->settings.name, "up", m->up, "reachesApiServer",
                                m->reached, "registered", node != NULL, "ready",
                                meta_condition_is(node, "Ready", "True"));
        jset_str(out, "podCIDR", jget_text(node, "spec.podCIDR"));
        jset_str(out, "providerID", jget_text(node, "spec.providerID"));
        const json_t *taints = jget(node, "spec.taints"), *conditions = jget(node, "status.conditions");
        if (taints)
                json_object_set(out, "taints", (json_t *) taints);
        if (conditions)
                json_object_set(out, "conditions", (json_t *) conditions);
        return out;
}
