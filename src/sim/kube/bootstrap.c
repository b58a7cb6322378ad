/* What is in a cluster before anybody asks for something: namespaces, priority classes, roles, the kubernetes Service; then
 * Talos'
 * bootstrap manifests (talos: internal/app/machined/pkg/controllers/k8s/templates), and what belongs to every namespace. */
#include "sim/kube/cluster.h"

static void make(struct kube_cluster *c, const char *manager, json_t *object) {
        struct kube_type *t = kube_types_kind(&c->types, jget_text(object, "apiVersion"), jget_text(object, "kind"));
        if (t && !kube_get(c, t, meta_namespace(object), meta_name(object)))
                kube_save(c, manager, "", json_incref(object));
        json_decref(object);
}

static json_t *named(const char *api_version, const char *kind, const char *name_space, const char *name) {
        json_t *o = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", api_version, "kind", kind, "metadata", "name", name);
        jset_str(meta_object(o, "metadata"), "namespace", name_space);
        return o;
}

static void make_priority(struct kube_cluster *c, const char *name, int64_t value) {
        json_t *o = named("scheduling.k8s.io/v1", "PriorityClass", NULL, name);
        json_object_set_new(o, "value", json_integer(value));
        make(c, "kube-apiserver", o);
}

static void make_roles(struct kube_cluster *c) {
        json_t *role = named("rbac.authorization.k8s.io/v1", "ClusterRole", NULL, "cluster-admin");
        json_object_set_new(role, "rules", json_pack("[{s:[s], s:[s], s:[s]}, {s:[s], s:[s]}]", "apiGroups", "*", "resources",
                                                     "*", "verbs", "*",
                                                     "nonResourceURLs", "*", "verbs", "*"));
        make(c, "kube-apiserver", role);
        json_t *binding = named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NULL, "cluster-admin");
        json_object_set_new(binding, "roleRef", json_pack("{s:s, s:s, s:s}", "apiGroup", "rbac.authorization.k8s.io", "kind",
                                                          "ClusterRole", "name",
                                                          "cluster-admin"));
        json_object_set_new(binding, "subjects", json_pack("[{s:s, s:s, s:s}]", "apiGroup", "rbac.authorization.k8s.io", "kind",
                                                           "Group", "name",
                                                           "system:masters"));
        make(c, "kube-apiserver", binding);
        json_t *reader = named("rbac.authorization.k8s.io/v1", "Role", "kube-system",
                               "extension-apiserver-authentication-reader");
        json_object_set_new(reader, "rules", json_pack("[{s:[s], s:[s], s:[s], s:[sss]}]", "apiGroups", "", "resources",
                                                       "configmaps", "resourceNames",
                                                       "extension-apiserver-authentication", "verbs", "get", "list", "watch"));
        make(c, "kube-apiserver", reader);
}

static void make_service(struct kube_cluster *c, const char *name_space, const char *name, unsigned host, json_t *ports,
                         json_t *selector, const char *manager) {
        struct ip6_addr a = ip6_host(&c->settings.service_subnet, host);
        char text[IP6_STR_MAX];
        json_t *service = named("v1", "Service", name_space, name);
        json_object_set_new(service, "spec", json_pack("{s:s, s:o}", "clusterIP", ip6_format(&a, text), "ports", ports));
        if (selector)
                json_object_set_new(meta_object(service, "spec"), "selector", selector);
        make(c, manager, service);
}

void bootstrap_start(struct kube_cluster *c) {
        static const char *const namespaces[] = { "default", "kube-system", "kube-public", "kube-node-lease" };
        for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
                make(c, "kube-apiserver", named("v1", "Namespace", NULL, namespaces[i]));
        make_priority(c, "system-cluster-critical", 2000000000);
        make_priority(c, "system-node-critical", 2000001000);
        make_roles(c);
        make_service(c, "default", "kubernetes", 1, json_pack("[{s:s, s:i, s:s, s:i}]", "name", "https", "port", 443, "protocol",
                                                              "TCP", "targetPort", 6443), NULL,
                     "kube-apiserver");
        c->bootstrap_due_ms = kube_now(c) + kube_latency(c, NULL, LATENCY_BOOTSTRAP);
}

static void make_coredns(struct kube_cluster *c) {
        make(c, "talos", named("v1", "ServiceAccount", "kube-system", "coredns"));
        json_t *config = named("v1", "ConfigMap", "kube-system", "coredns");
        json_object_set_new(config, "data",
                            json_pack("{s:s}", "Corefile",
                                      ".:53 {\n    errors\n    health\n    ready\n    forward . /etc/resolv.conf\n}\n"));
        make(c, "talos", config);
        const char *image = c->settings.coredns_image ? c->settings.coredns_image : "registry.k8s.io/coredns/coredns:v1.14.6";
        json_t *tolerations = json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "key", "node-role.kubernetes.io/control-plane",
                                        "operator", "Exists", "effect",
                                        "NoSchedule", "key", "node.cloudprovider.kubernetes.io/uninitialized", "operator",
                                        "Exists", "effect", "NoSchedule");
        json_t *container = json_pack("{s:s, s:s, s:[ss], s:{s:{s:s, s:s}, s:{s:s}}, s:[{s:i, s:s, s:s}]}", "name", "coredns",
                                      "image", image, "args", "-conf",
                                      "/etc/coredns/Corefile", "resources", "requests", "cpu", "100m", "memory", "70Mi",
                                      "limits", "memory", "170Mi", "ports",
                                      "containerPort", 53, "name", "dns", "protocol", "UDP");
        json_t *spec = json_pack("{s:s, s:s, s:o, s:[o], s:s}", "serviceAccountName", "coredns", "priorityClassName",
                                 "system-cluster-critical", "tolerations",
                                 tolerations, "containers", container, "dnsPolicy", "Default");
        json_t *deployment = named("apps/v1", "Deployment", "kube-system", "coredns");
        meta_set_label(deployment, "k8s-app", "kube-dns");
        json_object_set_new(deployment, "spec", json_pack("{s:i, s:{s:{s:s}}, s:{s:{s:{s:s}}, s:o}}", "replicas", 2, "selector",
                                                          "matchLabels", "k8s-app",
                                                          "kube-dns", "template", "metadata", "labels", "k8s-app", "kube-dns",
                                                          "spec", spec));
        make(c, "talos", deployment);
        make_service(c, "kube-system", "kube-dns", 10, json_pack("[{s:s, s:i, s:s}, {s:s, s:i, s:s}]", "name", "dns", "port", 53,
                                                                 "protocol", "UDP", "name",
                                                                 "dns-tcp", "port", 53, "protocol", "TCP"),
                                                                 json_pack("{s:s}", "k8s-app", "kube-dns"), "talos");
}

static void make_proxy(struct kube_cluster *c) {
        json_t *container = json_pack("{s:s, s:s}", "name", "kube-proxy", "image", c->settings.proxy_image ?
                                      c->settings.proxy_image : "registry.k8s.io/kube-proxy");
        json_t *spec = json_pack("{s:b, s:s, s:[{s:s}], s:[o]}", "hostNetwork", 1, "priorityClassName", "system-node-critical",
                                 "tolerations", "operator", "Exists",
                                 "containers", container);
        json_t *set = named("apps/v1", "DaemonSet", "kube-system", "kube-proxy");
        json_object_set_new(set, "spec", json_pack("{s:{s:{s:s}}, s:{s:{s:{s:s}}, s:o}}", "selector", "matchLabels", "k8s-app",
                                                   "kube-proxy", "template",
                                                   "metadata", "labels", "k8s-app", "kube-proxy", "spec", spec));
        make(c, "talos", set);
}

static void make_talos_definition(struct kube_cluster *c) {
        json_t *definition = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", NULL, "serviceaccounts.talos.dev");
        json_t *version = json_pack("{s:s, s:b, s:b, s:{s:{s:s}}, s:{s:{}}}", "name", "v1alpha1", "served", 1, "storage", 1,
                                    "schema", "openAPIV3Schema", "type",
                                    "object", "subresources", "status");
        json_object_set_new(definition, "spec", json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:[s]}, s:[o]}", "group", "talos.dev",
                                                          "scope", "Namespaced", "names", "kind",
                                                          "ServiceAccount", "plural", "serviceaccounts", "singular",
                                                          "serviceaccount", "shortNames", "tsa",
                                                          "versions", version));
        make(c, "talos", definition);
        make_service(c, "default", "talos", 11, json_pack("[{s:s, s:i, s:s}]", "name", "apid", "port", 50000, "protocol", "TCP"),
                     NULL, "talos");
}

static void namespace_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *namespaces = kube_all(c, "", "namespaces");
        size_t i;
        json_t *each;
        json_array_foreach(namespaces, i, each) {
                if (meta_deleting(each) || kube_find(c, "", "serviceaccounts", meta_name(each), "default"))
                        continue;
                int64_t due = meta_time_of(each, "metadata.creationTimestamp") + kube_latency(c, NULL, LATENCY_ACCOUNT);
                if (due > kube_now(c)) {
                        kube_wake_at(c, due);
                        continue;
                }
                make(c, "kube-controller-manager", named("v1", "ServiceAccount", meta_name(each), "default"));
                json_t *ca = named("v1", "ConfigMap", meta_name(each), "kube-root-ca.crt");
                json_object_set_new(ca, "data", json_pack("{s:s}", "ca.crt", c->settings.ca.cert_pem ? c->settings.ca.cert_pem :
                                                          ""));
                make(c, "kube-controller-manager", ca);
        }
}

void bootstrap_pass(struct kube_cluster *c) {
        namespace_pass(c);
        if (!c->bootstrap_due_ms)
                return;
        if (c->bootstrap_due_ms > kube_now(c)) {
                kube_wake_at(c, c->bootstrap_due_ms);
                return;
        }
        c->bootstrap_due_ms = 0;
        if (c->settings.coredns)
                make_coredns(c);
        if (c->settings.proxy)
                make_proxy(c);
        if (c->settings.talos_api_access)
                make_talos_definition(c);
}
