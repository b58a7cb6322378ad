/* Nodes: registration by their kubelets, conditions, the node lifecycle controller's taints, serving certificate requests. */
#include "sim/kube/cluster.h"

#include "base/clock.h"
#include "sim/kube/csr.h"

#define NOT_READY "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

/* Is the network plugin's configuration there? Built-in flannel comes with Talos; else the cilium agent on this node must be
 * ready. */
bool node_network_ready(struct kube_cluster *c, const struct kube_machine *m) {
        if (m->settings.cni_built_in)
                return true;
        const json_t *set = kube_find(c, "apps", "daemonsets", "kube-system", "cilium");
        if (!set)
                return false;
        const struct kube_type *pods = kube_type(c, "", "pods");
        for (size_t i = kube_lower_bound(pods, "kube-system/cilium-"); i < pods->n &&
             str_starts(pods->items[i].key, "kube-system/cilium-"); i++) {
                const json_t *pod = pods->items[i].value, *on = json_object_get(json_object_get(pod, "spec"), "nodeName");
                if (str_eq(json_string_value(on), m->settings.name) && meta_controlled_by(pod, meta_uid(set)) && pod_ready(pod))
                        return true;
        }
        return false;
}

json_t *node_taint(const char *key, const char *value, const char *effect) {
        json_t *t = json_pack("{s:s, s:s}", "key", key, "effect", effect);
        jset_str(t, "value", str_empty(value) ? NULL : value);
        return t;
}

static bool has_taint(const json_t *node, const char *key, const char *effect) {
        size_t i;
        json_t *each;
        json_array_foreach(jget(node, "spec.taints"), i, each)
                if (str_eq(jget_text(each, "key"), key) && str_eq(jget_text(each, "effect"), effect))
                        return true;
        return false;
}

/* Sets or clears both effects of one of the lifecycle controller's taints; true when something changed. */
static bool lifecycle_taint(json_t *node, const char *key, bool wanted, int64_t now_ms) {
        static const char *const effects[] = { "NoSchedule", "NoExecute" };
        json_t *taints = meta_array(node, "spec.taints");
        bool changed = false;
        for (size_t e = 0; e < ARRAY_SIZE(effects); e++) {
                if (wanted && !has_taint(node, key, effects[e])) {
                        json_t *t = node_taint(key, NULL, effects[e]);
                        json_object_set_new(t, "timeAdded", meta_time(now_ms));
                        json_array_append_new(taints, t);
                        changed = true;
                }
        }
        for (size_t i = json_array_size(taints); !wanted && i > 0; i--)
                if (str_eq(jget_text(json_array_get(taints, i - 1), "key"), key)) {
                        json_array_remove(taints, i - 1);
                        changed = true;
                }
        if (json_array_size(taints) == 0)
                json_object_del(json_object_get(node, "spec"), "taints");
        return changed;
}

static void set_quantities(struct kube_node_settings *s, json_t *status) {
        /* Talos reserves nothing by default but what kubelet's defaults do: 100Mi eviction threshold. */
        long long memory_ki = (long long) (s->memory_gib * 1048576.0 * 0.96), disk = (long long) (s->disk_gb * 1e9 * 0.92);
        _cleanup_str_ char *cpu = xasprintf("%u", s->cores), *cpu_left = xasprintf("%lldm", (long long) s->cores * 1000 - 50);
        _cleanup_str_ char *memory = xasprintf("%lldKi", memory_ki), *memory_left = xasprintf("%lldKi", memory_ki - 300 * 1024);
        _cleanup_str_ char *storage = xasprintf("%lld", disk), *storage_left = xasprintf("%lld", disk * 9 / 10);
        json_object_set_new(status, "capacity", json_pack("{s:s, s:s, s:s, s:s}", "cpu", cpu, "memory", memory,
                                                          "ephemeral-storage", storage, "pods", "110"));
        json_object_set_new(status, "allocatable", json_pack("{s:s, s:s, s:s, s:s}", "cpu", cpu_left, "memory", memory_left,
                                                             "ephemeral-storage", storage_left,
                                                             "pods", "110"));
}

static void set_info(struct kube_cluster *c, struct kube_machine *m, json_t *status) {
        struct kube_node_settings *s = &m->settings;
        _cleanup_str_ char *os = xasprintf("Talos (%s)", s->talos_version ? s->talos_version : "v1.13.9"), *boot = kube_uuid(c);
        json_object_set_new(status, "nodeInfo", json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "architecture",
                                                          str_eq(s->arch, "arm") ? "arm64" : "amd64", "bootID", boot,
                                                          "containerRuntimeVersion",
                                                          "containerd://2.2.1", "kernelVersion", "6.18.5-talos", "kubeletVersion",
                                                          s->kubernetes_version ? s->kubernetes_version : "v1.36.3",
                                                          "kubeProxyVersion", "", "machineID",
                                                          "simulated", "operatingSystem", "linux", "osImage", os, "systemUUID",
                                                          "simulated"));
}

static void set_conditions(json_t *status, bool ready, int64_t now) {
        meta_set_condition(status, "MemoryPressure", "False", "KubeletHasSufficientMemory",
                           "kubelet has sufficient memory available", now);
        meta_set_condition(status, "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", now);
        meta_set_condition(status, "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available",
                           now);
        if (ready)
                meta_set_condition(status, "Ready", "True", "KubeletReady", "kubelet is posting ready status", now);
        else
                meta_set_condition(status, "Ready", "False", "KubeletNotReady",
                                   "container runtime network not ready: NetworkReady=false "
                                   "reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized", now);
}

/* kubelet with --cloud-provider=external and --node-ip sets address and host name itself at first; the cloud provider overrides
 * them
 * (kubernetes: pkg/kubelet/nodestatus/setters.go, NodeAddress). */
static void set_addresses(struct kube_machine *m, json_t *status) {
        char text[IP6_STR_MAX];
        if (!m->settings.has_node_ip || json_array_size(json_object_get(status, "addresses")) > 0)
                return;
        json_object_set_new(status, "addresses", json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "InternalIP", "address",
                                                           ip6_format(&m->settings.addr, text),
                                                           "type", "Hostname", "address", m->settings.name));
}

/* What the kubelet itself may say of its node. */
static void set_own_labels(struct kube_machine *m, json_t *node) {
        struct kube_node_settings *s = &m->settings;
        const char *arch = str_eq(s->arch, "arm") ? "arm64" : "amd64";
        meta_set_label(node, "kubernetes.io/hostname", s->name);
        meta_set_label(node, "kubernetes.io/arch", arch);
        meta_set_label(node, "kubernetes.io/os", "linux");
        meta_set_label(node, "beta.kubernetes.io/arch", arch);
        meta_set_label(node, "beta.kubernetes.io/os", "linux");
        if (s->external_cloud_provider && s->has_node_ip) {
                char text[IP6_STR_MAX];
                meta_set_annotation(node, "alpha.kubernetes.io/provided-node-ip", ip6_format(&s->addr, text));
        }
        meta_set_annotation(node, "volumes.kubernetes.io/controller-managed-attach-detach", "true");
}

static void set_labels(struct kube_machine *m, json_t *node) {
        struct kube_node_settings *s = &m->settings;
        set_own_labels(m, node);
        /* With a real API server Talos comes afterwards, and is judged: node-apply.c. The double knows the verdict. */
        if (kube_is_copy(m->cluster) || node_restriction_refuses(s))
                return;
        if (s->control_plane) {
                meta_set_label(node, "node-role.kubernetes.io/control-plane", "");
                if (!s->allow_scheduling)
                        meta_set_label(node, "node.kubernetes.io/exclude-from-external-load-balancers", "");
        }
        for (size_t i = 0; i < s->labels.n; i++)
                meta_set_label(node, s->labels.items[i].key, s->labels.items[i].value);
        for (size_t i = 0; i < s->annotations.n; i++)
                meta_set_annotation(node, s->annotations.items[i].key, s->annotations.items[i].value);
}

/* Taints of a new Node: the API server's admission adds not-ready, the kubelet uninitialized and what it was told to register with; Talos adds
 * its own afterwards (node-apply.c), which the double does at once. */
static void set_taints(struct kube_machine *m, json_t *node) {
        struct kube_node_settings *s = &m->settings;
        json_t *taints = meta_array(node, "spec.taints");
        bool copy = kube_is_copy(m->cluster), only_kubelets = copy || node_restriction_refuses(s);
        if (!copy)
                json_array_append_new(taints, node_taint(NOT_READY, NULL, "NoSchedule"));
        if (s->external_cloud_provider)
                json_array_append_new(taints, node_taint("node.cloudprovider.kubernetes.io/uninitialized", "true", "NoSchedule"));
        if (s->control_plane && !s->allow_scheduling && !copy)
                json_array_append_new(taints, node_taint("node-role.kubernetes.io/control-plane", NULL, "NoSchedule"));
        for (size_t i = 0; i < s->n_taints; i++)
                if (!only_kubelets || s->taints[i].at_registration)
                        json_array_append_new(taints, node_taint(s->taints[i].key, s->taints[i].value, s->taints[i].effect));
}

static json_t *new_node(struct kube_cluster *c, struct kube_machine *m) {
        struct kube_node_settings *s = &m->settings;
        json_t *node = json_pack("{s:s, s:s, s:{s:s}, s:{}, s:{}}", "apiVersion", "v1", "kind", "Node", "metadata", "name",
                                 s->name, "spec", "status");
        set_labels(m, node);
        json_t *status = meta_object(node, "status");
        set_taints(m, node);
        set_quantities(s, status);
        set_info(c, m, status);
        set_conditions(status, false, kube_now(c));
        set_addresses(m, status);
        json_object_set_new(status, "daemonEndpoints", json_pack("{s:{s:i}}", "kubeletEndpoint", "Port", 10250));
        return node;
}

#define LEASE_MS 10000                   /* constant: kubelet renews at a quarter of leaseDurationSeconds */

static void save_lease(struct kube_cluster *c, struct kube_machine *m) {
        m->lease_due_ms = kube_now(c) + LEASE_MS;
        _cleanup_str_ char *now = time_format_micro(kube_now(c));
        kube_save(c, "kubelet", "", json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:i, s:s}}", "apiVersion",
                                              "coordination.k8s.io/v1", "kind", "Lease", "metadata",
                                              "name", m->settings.name, "namespace", "kube-node-lease", "spec", "holderIdentity",
                                              m->settings.name,
                                              "leaseDurationSeconds", 40, "renewTime", now));
}

/* The kubelet runs as soon as its own image is there and an API server can be reached. */
static void register_node(struct kube_cluster *c, struct kube_machine *m) {
        int64_t now = kube_now(c);
        if (m->kubelet_due_ms > now) {
                kube_wake_at(c, m->kubelet_due_ms);
                return;
        }
        _cleanup_str_ char *problem = image_problem(c, m, m->settings.kubelet_image);
        if (problem && m->boots == 0) {
                m->kubelet_due_ms = now + MAX(kube_latency(c, m, 5000), (int64_t) BACKOFF_MIN_MS);
                kube_wake_at(c, m->kubelet_due_ms);
                return;
        }
        if (kube_is_copy(c) && !c->env.remote->join(c->env.remote->data, m))
                return;
        if (m->settings.rotate_certificates && !m->csr_name && kube_fault(c, "kubelet-csr-early", m)) {
                csr_request_serving(c, m);
                m->kubelet_due_ms = now + 1000;
                kube_wake_at(c, m->kubelet_due_ms);
                return;
        }
        const json_t *old = kube_find(c, "", "nodes", NULL, m->settings.name);
        if (!old) {
                kube_save(c, "kubelet", "", new_node(c, m));
        } else {
                json_t *copy = json_deep_copy(old), *status = meta_object(copy, "status");
                set_labels(m, copy);
                set_quantities(&m->settings, status);
                set_info(c, m, status);
                set_addresses(m, status);
                set_conditions(status, false, now);
                kube_save(c, "kubelet", "status", copy);
        }
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name);
        if (!node)
                return;
        m->registered = true;
        kube_say(c, node, "kubelet", "Normal", "Starting", "Starting kubelet.");
        save_lease(c, m);
}

static json_t *mirror_pod(struct kube_cluster *c, const json_t *node, struct kube_machine *m, const char *what,
                          const char *image) {
        _cleanup_str_ char *name = xasprintf("%s-%s", what, m->settings.name), *hash = kube_suffix(c, 10);
        json_t *pod = json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}}, s:{s:s, s:b, s:s, s:[{s:s}], s:[{s:s, s:s, s:{s:{s:s, s:s}}}]}}", "apiVersion", "v1", "kind",
                                "Pod", "metadata", "name", name, "namespace", "kube-system", "labels", "k8s-app", what, "tier",
                                "control-plane", "spec", "nodeName",
                                m->settings.name, "hostNetwork", 1, "priorityClassName", "system-cluster-critical",
                                "tolerations", "operator", "Exists",
                                "containers", "name", what, "image", image, "resources", "requests", "cpu",
                                str_eq(what, "kube-apiserver") ? "200m" : "50m",
                                "memory", str_eq(what, "kube-apiserver") ? "512Mi" : "256Mi");
        meta_set_annotation(pod, "kubernetes.io/config.mirror", hash);
        meta_set_annotation(pod, "kubernetes.io/config.source", "file");
        meta_set_annotation(pod, "kubernetes.io/config.hash", hash);
        json_array_append_new(meta_array(pod, "metadata.ownerReferences"), json_pack("{s:s, s:s, s:s, s:s, s:b}", "apiVersion",
                                                                                     "v1", "kind", "Node", "name",
                                                                                     m->settings.name, "uid", meta_uid(node),
                                                                                     "controller", 1));
        return pod;
}

static void make_static_pods(struct kube_cluster *c, struct kube_machine *m, const json_t *node) {
        static const char *const what[] = { "kube-apiserver", "kube-controller-manager", "kube-scheduler" };
        _cleanup_json_ json_t *held = json_incref((json_t *) node);
        for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
                _cleanup_str_ char *name = xasprintf("%s-%s", what[i], m->settings.name);
                _cleanup_str_ char *image = xasprintf("registry.k8s.io/%s:%s", what[i], m->settings.kubernetes_version);
                if (!kube_find(c, "", "pods", "kube-system", name))
                        kube_save(c, "kubelet", "", mirror_pod(c, held, m, what[i], image));
        }
        m->static_pods = true;
}

static void running_node(struct kube_cluster *c, struct kube_machine *m) {
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name);
        if (!node)       /* deleted under a running kubelet: it does not register again before it restarts */
                return;
        if (kube_is_copy(c)) {           /* a real controller manager takes a node without heartbeats for dead */
                if (m->lease_due_ms <= kube_now(c))
                        save_lease(c, m);
                kube_wake_at(c, m->lease_due_ms);
                talos_apply_node(c, m);
                node = kube_find(c, "", "nodes", NULL, m->settings.name);
                if (!node)
                        return;
        }
        if (m->settings.control_plane && !m->static_pods)
                make_static_pods(c, m, node);
        node = kube_find(c, "", "nodes", NULL, m->settings.name);
        bool ready = node_network_ready(c, m);
        if (!node || (ready == meta_condition_is(node, "Ready", "True") && meta_condition(node, "Ready") &&
                      !meta_condition_is(node, "Ready", "Unknown") &&
                      json_array_size(jget(node, "status.addresses")) > 0))
                return;
        json_t *copy = json_deep_copy(node);
        set_conditions(meta_object(copy, "status"), ready, kube_now(c));
        set_addresses(m, meta_object(copy, "status"));
        if (kube_save(c, "kubelet", "status", copy) && c->env.changed)
                c->env.changed(c->env.data, m);
}

/* Does the node carry both effects of the taint, or neither, as wanted? */
static bool taint_is(const json_t *node, const char *key, bool wanted) {
        return has_taint(node, key, "NoSchedule") == wanted && has_taint(node, key, "NoExecute") == wanted;
}

/* Every pass looks at every node, so nothing is copied before something is to change. */
static void follow_condition(struct kube_cluster *c, const struct kube_machine *m, const json_t *node) {
        const json_t *condition = meta_condition(node, "Ready");
        const char *status = json_string_value(json_object_get(condition, "status"));
        bool unknown = str_eq(status, "Unknown"), ready = str_eq(status, "True");
        if (taint_is(node, UNREACHABLE, unknown) && taint_is(node, NOT_READY, !unknown && !ready))
                return;
        int64_t now = kube_now(c);
        int64_t due = meta_time_of(condition, "lastTransitionTime") + (ready ? kube_latency(c, m, LATENCY_TAINT) : 0);
        if (due > now) {
                kube_wake_at(c, due);
                return;
        }
        json_t *copy = json_deep_copy(node);
        lifecycle_taint(copy, UNREACHABLE, unknown, now);
        lifecycle_taint(copy, NOT_READY, !unknown && !ready, now);
        kube_save(c, "kube-controller-manager", "", copy);
}

/* The lifecycle controller: taints follow the Ready condition; a node that is silent too long turns Unknown. */
static void lifecycle(struct kube_cluster *c, const json_t *node) {
        _cleanup_json_ json_t *copy = NULL;
        const struct kube_machine *m = kube_machine_find(c, meta_name(node));
        int64_t now = kube_now(c);
        bool silent = !m || !m->up;
        if (silent && !meta_condition_is(node, "Ready", "Unknown")) {
                int64_t due = (m ? m->down_since_ms : 0) + kube_latency(c, m, LATENCY_NODE_GRACE);
                if (due > now) {
                        kube_wake_at(c, due);
                        return;
                }
                static const char *const types[] = { "Ready", "MemoryPressure", "DiskPressure", "PIDPressure" };
                copy = json_deep_copy(node);
                for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                        meta_set_condition(meta_object(copy, "status"), types[i], "Unknown", "NodeStatusUnknown",
                                           "Kubelet stopped posting node status.", now);
                kube_save(c, "kube-controller-manager", "status", json_incref(copy));
                kube_say(c, copy, "node-controller", "Normal", "NodeNotReady", "Node %s status is now: NodeNotReady",
                         meta_name(copy));
        }
        follow_condition(c, m, copy ? copy : node);
}

void node_pass(struct kube_cluster *c) {
        for (size_t i = 0; i < c->n_machines; i++) {
                struct kube_machine *m = c->machines[i];
                if (!m->up || !m->reached)
                        continue;
                c->as = &m->self;
                if (!m->registered)
                        register_node(c, m);
                if (m->registered)
                        running_node(c, m);
                c->as = NULL;
        }
        if (kube_is_copy(c))
                return;
        _cleanup_json_ json_t *nodes = kube_all(c, "", "nodes");
        size_t i;
        json_t *each;
        json_array_foreach(nodes, i, each)
                lifecycle(c, each);
}
