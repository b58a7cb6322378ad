/* cilium-operator registers Cilium's kinds when it runs: they are in no chart (cilium: operator, CRD registration at start). */
#include "sim/kube/token.h"

static const struct { const char *kind, *plural, *short_name, *version; bool namespaced; } kinds[] = {
        { "CiliumNetworkPolicy", "ciliumnetworkpolicies", "cnp", "v2", true },
        { "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", "ccnp", "v2", false },
        { "CiliumEndpoint", "ciliumendpoints", "cep", "v2", true },
        { "CiliumIdentity", "ciliumidentities", "ciliumid", "v2", false },
        { "CiliumNode", "ciliumnodes", "cn", "v2", false },
        { "CiliumCIDRGroup", "ciliumcidrgroups", "ccg", "v2", false },
};

/* The first ready pod of the Deployment; its names begin with the Deployment's. */
static const json_t *operator_pod(struct kube_cluster *c) {
        const struct kube_type *pods = kube_type(c, "", "pods");
        static const char prefix[] = "kube-system/cilium-operator-";
        for (size_t i = kube_lower_bound(pods, prefix); i < pods->n && str_starts(pods->items[i].key, prefix); i++)
                if (pod_ready(pods->items[i].value))
                        return pods->items[i].value;
        return NULL;
}

void cilium_pass(struct kube_cluster *c) {
        const json_t *pod = operator_pod(c);
        if (!pod || kube_find(c, "apiextensions.k8s.io", "customresourcedefinitions", NULL, "ciliumcidrgroups.cilium.io"))
                return;
        int64_t due = meta_time_of(meta_condition(pod, "Ready"), "lastTransitionTime") + kube_latency(c, NULL, LATENCY_OPERATOR);
        if (due > kube_now(c)) {
                kube_wake_at(c, due);
                return;
        }
        _cleanup_str_ char *token = NULL;
        struct kube_identity operator = { .name = "cilium-operator", .at = kube_machine_find(c, jget_text(pod, "spec.nodeName")) };
        if (kube_is_copy(c)) {           /* its ServiceAccount's rights are judged */
                if (!operator.at || !(token = token_of_pod(c, &operator.at->self, pod)))
                        return;
                operator.token = token;
                c->as = &operator;
        }
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                _cleanup_str_ char *name = xasprintf("%s.cilium.io", kinds[i].plural);
                kube_save(c, "cilium-operator-generic", "",
                          json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:s, s:{s:s, s:s, s:[s]}, s:[{s:s, s:b, s:b, s:{s:{s:s, s:b}}, s:{s:{}}}]}}", "apiVersion",
                                    "apiextensions.k8s.io/v1", "kind", "CustomResourceDefinition", "metadata", "name", name,
                                    "spec", "group", "cilium.io", "scope",
                                    kinds[i].namespaced ? "Namespaced" : "Cluster", "names", "kind", kinds[i].kind, "plural",
                                    kinds[i].plural, "shortNames",
                                    kinds[i].short_name, "versions", "name", kinds[i].version, "served", 1, "storage", 1,
                                    "schema", "openAPIV3Schema", "type",
                                    "object", "x-kubernetes-preserve-unknown-fields", 1, "subresources", "status"));
        }
        c->as = NULL;
}
