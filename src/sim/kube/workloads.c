/* DaemonSets, Deployments and ReplicaSets: pods are made and counted as kube-controller-manager does; rolling updates in one
 * step. */
#include "sim/kube/cluster.h"

#include "base/codec.h"

char *template_hash(const json_t *pod_template) {
        _cleanup_str_ char *text = json_dumps(pod_template, JSON_COMPACT | JSON_SORT_KEYS), *hex = sha256_hex(text, strlen(text));
        return xstrndup(hex, 10);
}

json_t *pod_from_template(struct kube_cluster *c, const json_t *owner, const json_t *pod_template, const char *name,
                          const char *hash_label, const char *hash) {
        (void) c;
        json_t *pod = json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "apiVersion", "v1", "kind", "Pod", "metadata", "name", name,
                                "namespace", meta_namespace(owner),
                                "spec", json_deep_copy(json_object_get(pod_template, "spec")));
        static const char *const copied[] = { "labels", "annotations" };
        for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
                const json_t *map = json_object_get(json_object_get(pod_template, "metadata"), copied[i]);
                if (map)
                        json_object_set_new(json_object_get(pod, "metadata"), copied[i], json_deep_copy(map));
        }
        if (hash_label)
                meta_set_label(pod, hash_label, hash);
        json_array_append_new(meta_array(pod, "metadata.ownerReferences"), meta_owner_reference(owner));
        return pod;
}

static json_t *pods_of(struct kube_cluster *c, const json_t *owner) {
        const struct kube_type *pods = kube_type(c, "", "pods");
        json_t *out = json_array();
        _cleanup_str_ char *prefix = xasprintf("%s/%s-", meta_namespace(owner), meta_name(owner));
        for (size_t i = kube_lower_bound(pods, prefix); i < pods->n && str_starts(pods->items[i].key, prefix); i++)
                if (meta_controlled_by(pods->items[i].value, meta_uid(owner)))
                        json_array_append(out, pods->items[i].value);
        return out;
}

static bool pod_is_new(const json_t *pod, const char *label, const char *hash) {
        return str_eq(meta_label(pod, label), hash);
}

/* What the DaemonSet controller adds to its pods (kubernetes: pkg/controller/daemon/util). */
static void daemon_tolerations(json_t *pod) {
        static const struct { const char *key, *effect; } added[] = {
                { "node.kubernetes.io/not-ready", "NoExecute" }, { "node.kubernetes.io/unreachable", "NoExecute" },
                { "node.kubernetes.io/disk-pressure", "NoSchedule" }, { "node.kubernetes.io/memory-pressure", "NoSchedule" },
                { "node.kubernetes.io/pid-pressure", "NoSchedule" }, { "node.kubernetes.io/unschedulable", "NoSchedule" },
        };
        json_t *tolerations = meta_array(pod, "spec.tolerations");
        for (size_t i = 0; i < ARRAY_SIZE(added); i++)
                json_array_append_new(tolerations, json_pack("{s:s, s:s, s:s}", "key", added[i].key, "operator", "Exists",
                                                             "effect", added[i].effect));
        if (meta_bool(pod, "spec.hostNetwork", false))
                json_array_append_new(tolerations, json_pack("{s:s, s:s, s:s}", "key", "node.kubernetes.io/network-unavailable",
                                                             "operator", "Exists", "effect",
                                                             "NoSchedule"));
}

static json_t *daemon_pod(struct kube_cluster *c, const json_t *set, const json_t *node, const char *hash) {
        _cleanup_str_ char *suffix = kube_suffix(c, 5), *name = xasprintf("%s-%s", meta_name(set), suffix);
        json_t *pod = pod_from_template(c, set, jget(set, "spec.template"), name, "controller-revision-hash", hash);
        daemon_tolerations(pod);
        json_object_set_new(meta_object(pod, "spec.affinity.nodeAffinity"), "requiredDuringSchedulingIgnoredDuringExecution",
                            json_pack("{s:[{s:[{s:s, s:s, s:[s]}]}]}", "nodeSelectorTerms", "matchFields", "key",
                                      "metadata.name", "operator", "In", "values",
                                      meta_name(node)));
        return pod;
}

/* The node a daemon pod is meant for, by its affinity. */
static const char *meant_for(const json_t *pod) {
        const json_t *required = jget(pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
        const json_t *field = json_array_get(json_object_get(json_array_get(json_object_get(required, "nodeSelectorTerms"), 0),
                                                             "matchFields"), 0);
        return json_string_value(json_array_get(json_object_get(field, "values"), 0));
}

/* A pod as the set would make it, to ask which nodes it fits. */
static json_t *daemon_probe(struct kube_cluster *c, const json_t *set) {
        json_t *probe = pod_from_template(c, set, jget(set, "spec.template"), "probe", NULL, NULL);
        daemon_tolerations(probe);
        return probe;
}

struct counts { int64_t desired, current, ready, available, updated, misscheduled; };

static void one_daemonset(struct kube_cluster *c, const json_t *set, const json_t *nodes) {
        _cleanup_json_ json_t *pods = pods_of(c, set), *by_node = json_object(), *probe = daemon_probe(c, set);
        _cleanup_str_ char *hash = template_hash(jget(set, "spec.template"));
        struct counts n = { 0 };
        size_t i;
        json_t *each;
        bool replaced = false;
        json_array_foreach(pods, i, each)
                if (meant_for(each))
                        json_object_set(by_node, meant_for(each), each);
        json_array_foreach(nodes, i, each) {
                const json_t *pod = json_object_get(by_node, meta_name(each));
                if (!scheduler_fits(c, each, probe)) {
                        n.misscheduled += pod != NULL && jget_text(pod, "spec.nodeName");
                        continue;
                }
                n.desired++;
                if (!pod) {
                        kube_save(c, "kube-controller-manager", "", daemon_pod(c, set, each, hash));
                        continue;
                }
                bool fresh = pod_is_new(pod, "controller-revision-hash", hash);
                n.current += jget_text(pod, "spec.nodeName") != NULL;
                n.ready += pod_ready(pod);
                n.available += pod_ready(pod);
                n.updated += fresh;
                bool rolling = str_eq(jget_text(set, "spec.updateStrategy.type"), "RollingUpdate");
                if (!meta_deleting(pod) && (pod_finished(pod) || (!fresh && rolling && !replaced))) {
                        _cleanup_json_ json_t *gone = NULL;
                        _cleanup_kube_failure_ struct kube_failure f = { 0 };
                        struct kube_delete how = { .grace = -1 };
                        (void) kube_delete(c, kube_type(c, "", "pods"), pod, &how, &gone, &f);
                        replaced = true;
                }
        }
        json_t *copy = json_deep_copy(kube_find(c, "apps", "daemonsets", meta_namespace(set), meta_name(set)));
        json_object_set_new(copy, "status", json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "currentNumberScheduled",
                                                      (json_int_t) n.current,
                                                      "desiredNumberScheduled", (json_int_t) n.desired, "numberAvailable",
                                                      (json_int_t) n.available,
                                                      "numberMisscheduled", (json_int_t) n.misscheduled, "numberReady",
                                                      (json_int_t) n.ready,
                                                      "numberUnavailable", (json_int_t) (n.desired - n.available),
                                                      "updatedNumberScheduled", (json_int_t) n.updated,
                                                      "observedGeneration", (json_int_t) meta_generation(copy)));
        kube_save(c, "kube-controller-manager", "status", copy);
}

void daemonset_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *sets = kube_all(c, "apps", "daemonsets"), *nodes = kube_all(c, "", "nodes");
        size_t i;
        json_t *set;
        json_array_foreach(sets, i, set)
                if (!meta_deleting(set))
                        one_daemonset(c, set, nodes);
}

struct replica_counts { int64_t total, ready; };

static struct replica_counts replicas_now(struct kube_cluster *c, const json_t *set) {
        _cleanup_json_ json_t *pods = pods_of(c, set);
        struct replica_counts n = { 0 };
        size_t i;
        json_t *pod;
        json_array_foreach(pods, i, pod) {
                if (meta_deleting(pod) || pod_finished(pod))
                        continue;
                n.total++;
                n.ready += pod_ready(pod);
        }
        return n;
}

static void remove_surplus(struct kube_cluster *c, const json_t *set, int64_t surplus) {
        _cleanup_json_ json_t *pods = pods_of(c, set);
        for (int round = 0; round < 2; round++) {        /* those that are not ready first */
                size_t i;
                json_t *pod;
                json_array_foreach(pods, i, pod) {
                        if (surplus <= 0 || meta_deleting(pod) || pod_finished(pod) || (round == 0 && pod_ready(pod)))
                                continue;
                        _cleanup_json_ json_t *gone = NULL;
                        _cleanup_kube_failure_ struct kube_failure f = { 0 };
                        struct kube_delete how = { .grace = -1 };
                        const json_t *now = kube_find(c, "", "pods", meta_namespace(pod), meta_name(pod));
                        if (now && !meta_deleting(now) && kube_delete(c, kube_type(c, "", "pods"), now, &how, &gone, &f) == 0)
                                surplus--;
                }
        }
}

static void one_replicaset(struct kube_cluster *c, const json_t *set) {
        struct replica_counts n = replicas_now(c, set);
        int64_t wanted = meta_int(set, "spec.replicas", 1);
        for (int64_t i = n.total; i < wanted; i++) {
                _cleanup_str_ char *suffix = kube_suffix(c, 5), *name = xasprintf("%s-%s", meta_name(set), suffix);
                kube_save(c, "kube-controller-manager", "", pod_from_template(c, set, jget(set, "spec.template"), name, NULL,
                                                                              NULL));
        }
        if (n.total > wanted)
                remove_surplus(c, set, n.total - wanted);
        n = replicas_now(c, set);
        json_t *copy = json_deep_copy(kube_find(c, "apps", "replicasets", meta_namespace(set), meta_name(set)));
        json_object_set_new(copy, "status", json_pack("{s:I, s:I, s:I, s:I, s:I}", "replicas", (json_int_t) n.total,
                                                      "fullyLabeledReplicas", (json_int_t) n.total,
                                                      "readyReplicas", (json_int_t) n.ready, "availableReplicas",
                                                      (json_int_t) n.ready, "observedGeneration",
                                                      (json_int_t) meta_generation(copy)));
        kube_save(c, "kube-controller-manager", "status", copy);
}

static json_t *new_replicaset(const json_t *deployment, const char *hash) {
        _cleanup_str_ char *name = xasprintf("%s-%s", meta_name(deployment), hash);
        json_t *set = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:I, s:o, s:o}}", "apiVersion", "apps/v1", "kind", "ReplicaSet",
                                "metadata", "name", name, "namespace",
                                meta_namespace(deployment), "spec", "replicas",
                                (json_int_t) meta_int(deployment, "spec.replicas", 1), "selector",
                                json_deep_copy(jget(deployment, "spec.selector")), "template",
                                json_deep_copy(jget(deployment, "spec.template")));
        json_object_set_new(meta_object(set, "spec.selector.matchLabels"), "pod-template-hash", json_string(hash));
        json_object_set_new(meta_object(set, "spec.template.metadata.labels"), "pod-template-hash", json_string(hash));
        json_object_set_new(json_object_get(set, "metadata"), "labels",
                            json_deep_copy(jget(set, "spec.template.metadata.labels")));
        json_array_append_new(meta_array(set, "metadata.ownerReferences"), meta_owner_reference(deployment));
        return set;
}

static void set_replicas(struct kube_cluster *c, const json_t *set, int64_t replicas) {
        json_t *copy = json_deep_copy(set);
        json_object_set_new(meta_object(copy, "spec"), "replicas", json_integer(replicas));
        kube_save(c, "kube-controller-manager", "", copy);
}

static void deployment_status(struct kube_cluster *c, const json_t *deployment, int64_t total, struct replica_counts fresh,
                              int64_t ready) {
        int64_t wanted = meta_int(deployment, "spec.replicas", 1), now = kube_now(c);
        json_t *copy = json_deep_copy(kube_find(c, "apps", "deployments", meta_namespace(deployment), meta_name(deployment)));
        json_t *status = meta_object(copy, "status");
        json_object_set_new(status, "observedGeneration", json_integer(meta_generation(copy)));
        json_object_set_new(status, "replicas", json_integer(total));
        json_object_set_new(status, "updatedReplicas", json_integer(fresh.total));
        json_object_set_new(status, "readyReplicas", json_integer(ready));
        json_object_set_new(status, "availableReplicas", json_integer(ready));
        if (wanted > ready)
                json_object_set_new(status, "unavailableReplicas", json_integer(wanted - ready));
        else
                json_object_del(status, "unavailableReplicas");
        int64_t needed = wanted - wanted / 4;    /* maxUnavailable 25 %, rounded down */
        bool available = ready >= needed;
        meta_set_condition(status, "Available", available ? "True" : "False", available ? "MinimumReplicasAvailable" :
                           "MinimumReplicasUnavailable",
                           available ? "Deployment has minimum availability." : "Deployment does not have minimum availability.",
                           now);
        bool done = fresh.ready >= wanted && total == wanted;
        meta_set_condition(status, "Progressing", "True", done ? "NewReplicaSetAvailable" : "ReplicaSetUpdated", NULL, now);
        kube_save(c, "kube-controller-manager", "status", copy);
}

static void one_deployment(struct kube_cluster *c, const json_t *deployment) {
        _cleanup_str_ char *hash = template_hash(jget(deployment, "spec.template")), *name = xasprintf("%s-%s",
                                                                                          meta_name(deployment), hash);
        int64_t wanted = meta_int(deployment, "spec.replicas", 1), total = 0, ready = 0;
        if (!kube_find(c, "apps", "replicasets", meta_namespace(deployment), name))
                kube_save(c, "kube-controller-manager", "", new_replicaset(deployment, hash));
        const json_t *fresh = kube_find(c, "apps", "replicasets", meta_namespace(deployment), name);
        if (fresh && meta_int(fresh, "spec.replicas", 0) != wanted)
                set_replicas(c, fresh, wanted);
        _cleanup_json_ json_t *sets = kube_all(c, "apps", "replicasets");
        struct replica_counts fresh_counts = { 0 };
        size_t i;
        json_t *set;
        json_array_foreach(sets, i, set) {
                if (!meta_controlled_by(set, meta_uid(deployment)))
                        continue;
                struct replica_counts n = replicas_now(c, set);
                total += n.total;
                ready += n.ready;
                if (str_eq(meta_name(set), name))
                        fresh_counts = n;
        }
        json_array_foreach(sets, i, set)
                if (meta_controlled_by(set, meta_uid(deployment)) && !str_eq(meta_name(set), name) &&
                    meta_int(set, "spec.replicas", 0) > 0 &&
                    fresh_counts.ready >= wanted)
                        set_replicas(c, set, 0);
        deployment_status(c, deployment, total, fresh_counts, ready);
}

void deployment_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *deployments = kube_all(c, "apps", "deployments");
        size_t i;
        json_t *each;
        json_array_foreach(deployments, i, each)
                if (!meta_deleting(each))
                        one_deployment(c, each);
        _cleanup_json_ json_t *sets = kube_all(c, "apps", "replicasets");
        json_array_foreach(sets, i, each)
                if (!meta_deleting(each) && kube_uid_exists(c, meta_uid(each)))
                        one_replicaset(c, each);
}
