/* What Kubernetes' NodeRestriction keeps a worker from saying of itself. Talos writes labels and taints of a worker's config with its kubelet's identity,
 * all in one update, so that one that is refused takes the others with it (talos: controllers/k8s/node_apply.go; siderolabs/talos#8193; a real
 * kube-apiserver 1.36.3: "node "w" is not allowed to modify labels: node-role.kubernetes.io/worker", "… is not allowed to modify taints"). */
#include "talos/config-private.h"

/* kubernetes: plugin/pkg/admission/noderestriction and pkg/kubelet/apis/well_known_labels.go. */
static bool is_restricted(const char *label) {
        static const char *const allowed[] = { "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "topology.kubernetes.io/zone",
                                               "topology.kubernetes.io/region", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
                                               "beta.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/zone",
                                               "failure-domain.beta.kubernetes.io/region", NULL };
        static const char *const domains[] = { "kubelet.kubernetes.io", "node.kubernetes.io", "kubernetes.io", "k8s.io" };
        _cleanup_str_ char *domain = strchr(label, '/') ? xstrndup(label, strcspn(label, "/")) : xstrdup("");

        for (size_t i = 0; allowed[i]; i++)
                if (str_eq(label, allowed[i]))
                        return false;
        for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
                _cleanup_str_ char *below = xasprintf(".%s", domains[i]);
                if (str_eq(domain, domains[i]) || str_ends(domain, below))
                        return i >= 2;
        }
        return false;
}

static const char *restricted_label(const struct yaml_node *labels) {
        for (size_t i = 0; labels && labels->type == YAML_MAP && i < labels->n; i++)
                if (is_restricted(labels->pairs[i].key))
                        return labels->pairs[i].key;
        return NULL;
}

char *talos_config_worker_refusal(const struct yaml_docs *config) {
        const struct yaml_node *node = config_find_document(config, "KubeNodeConfig");
        const struct yaml_node *places[] = { yaml_path(config_find_document(config, NULL), "machine"), node };
        static const char *const labels[] = { "nodeLabels", "labels" }, *const taints[] = { "nodeTaints", "taints" };

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                const char *label = places[i] ? restricted_label(yaml_get(places[i], labels[i])) : NULL;
                const struct yaml_node *tainted = places[i] ? yaml_get(places[i], taints[i]) : NULL;
                if (label)
                        return xasprintf("label %s", label);
                if (tainted && tainted->type == YAML_MAP && tainted->n > 0)
                        return xasprintf("taint %s", tainted->pairs[0].key);
        }
        return NULL;
}
