/* What Talos itself writes to a Node when a real API server judges it: labels, annotations and taints of the machine config. Control planes use
 * the administrator's identity, workers their kubelet's, in one update of the whole Node: where NodeRestriction refuses a taint or a label, all of
 * it is refused (talos: internal/app/machined/pkg/controllers/k8s/node_apply.go; siderolabs/talos#8193). */
#include "sim/kube/cluster.h"

/* kubernetes: plugin/pkg/admission/noderestriction, pkg/kubelet/apis/well_known_labels.go. */
static bool is_restricted(const char *label) {
        static const char *const allowed[] = { "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "topology.kubernetes.io/zone",
                                               "topology.kubernetes.io/region", "node.kubernetes.io/instance-type", "beta.kubernetes.io/os",
                                               "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/zone",
                                               "failure-domain.beta.kubernetes.io/region", "failure-domain.kubernetes.io/zone",
                                               "failure-domain.kubernetes.io/region" };
        static const char *const free_domains[] = { "kubelet.kubernetes.io", "node.kubernetes.io" };
        static const char *const ours[] = { "kubernetes.io", "k8s.io" };
        _cleanup_str_ char *domain = strchr(label, '/') ? xstrndup(label, strcspn(label, "/")) : xstrdup("");
        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
                if (str_eq(label, allowed[i]))
                        return false;
        for (size_t i = 0; i < ARRAY_SIZE(free_domains); i++) {
                _cleanup_str_ char *below = xasprintf(".%s", free_domains[i]);
                if (str_eq(domain, free_domains[i]) || str_ends(domain, below))
                        return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
                _cleanup_str_ char *below = xasprintf(".%s", ours[i]);
                if (str_eq(domain, ours[i]) || str_ends(domain, below))
                        return true;
        }
        return false;
}

bool node_restriction_refuses(const struct kube_node_settings *s) {
        for (size_t i = 0; !s->control_plane && i < s->n_taints; i++)
                if (!s->taints[i].at_registration)
                        return true;
        for (size_t i = 0; !s->control_plane && i < s->labels.n; i++)
                if (is_restricted(s->labels.items[i].key))
                        return true;
        return false;
}

static bool add_label(json_t *node, json_t *owned, const char *key, const char *value) {
        if (meta_label(node, key))       /* somebody else's, or set before */
                return false;
        meta_set_label(node, key, value);
        json_array_append_new(owned, json_string(key));
        return true;
}

static bool add_taint(json_t *node, json_t *owned, const char *key, const char *value, const char *effect) {
        json_t *taints = meta_array(node, "spec.taints"), *each;
        size_t i;
        json_array_foreach(taints, i, each)
                if (str_eq(jget_text(each, "key"), key))
                        return false;
        json_array_append_new(taints, node_taint(key, value, effect));
        json_array_append_new(owned, json_string(key));
        return true;
}

static void note_owned(json_t *node, const char *annotation, const json_t *owned) {
        if (json_array_size(owned) == 0)
                return;
        _cleanup_str_ char *text = json_write(owned);
        meta_set_annotation(node, annotation, text);
}

/* True when the copy differs from the Node. */
static bool furnish(const struct kube_node_settings *s, json_t *copy) {
        _cleanup_json_ json_t *labels = json_array(), *taints = json_array();
        bool changed = false;
        if (s->control_plane) {
                changed |= add_label(copy, labels, "node-role.kubernetes.io/control-plane", "");
                if (!s->allow_scheduling) {
                        changed |= add_label(copy, labels, "node.kubernetes.io/exclude-from-external-load-balancers", "");
                        changed |= add_taint(copy, taints, "node-role.kubernetes.io/control-plane", NULL, "NoSchedule");
                }
        }
        for (size_t i = 0; i < s->labels.n; i++)
                changed |= add_label(copy, labels, s->labels.items[i].key, s->labels.items[i].value);
        for (size_t i = 0; i < s->n_taints; i++)
                if (!s->taints[i].at_registration)
                        changed |= add_taint(copy, taints, s->taints[i].key, s->taints[i].value, s->taints[i].effect);
        for (size_t i = 0; i < s->annotations.n; i++)
                if (!str_eq(meta_annotation(copy, s->annotations.items[i].key), s->annotations.items[i].value)) {
                        meta_set_annotation(copy, s->annotations.items[i].key, s->annotations.items[i].value);
                        changed = true;
                }
        if (!changed)
                return false;
        note_owned(copy, "talos.dev/owned-labels", labels);
        note_owned(copy, "talos.dev/owned-taints", taints);
        return true;
}

void talos_apply_node(struct kube_cluster *c, struct kube_machine *m) {
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name);
        if (m->applied || !node)
                return;
        const struct kube_identity *before = c->as;
        json_t *copy = json_deep_copy(node);
        struct kube_identity talos = { .name = "Talos", .at = m, .administrator = true };
        if (m->settings.control_plane) {
                c->as = &talos;
        } else {
                talos = m->self;
                talos.name = "Talos (as kubelet)";
                c->as = &talos;
        }
        if (furnish(&m->settings, copy))
                m->applied = kube_replace(c, "machined", "", copy);
        else
                json_decref(copy), m->applied = true;
        c->as = before;
}
