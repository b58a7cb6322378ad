/* The disruption controller, the garbage collector, and the pod collector of deleted nodes. */
#include "sim/kube/cluster.h"

/* An integer or a percentage of total; minAvailable and maxUnavailable are both rounded up (kubernetes:
 * GetScaledValueFromIntOrPercent). */
static int64_t scaled(const json_t *v, int64_t total) {
        if (json_is_integer(v))
                return json_integer_value(v);
        const char *text = json_string_value(v);
        if (!text)
                return 0;
        int64_t percent = strtoll(text, NULL, 10);
        return (total * percent + 99) / 100;
}

/* How many pods the controllers of the guarded pods want; pods without a controller count themselves. */
static int64_t expected(struct kube_cluster *c, const json_t *pods) {
        _cleanup_json_ json_t *seen = json_object();
        int64_t sum = 0;
        size_t i;
        json_t *pod;
        json_array_foreach(pods, i, pod) {
                const json_t *owner = meta_controller(pod);
                const char *uid = jget_text(owner, "uid");
                const json_t *set = owner ? kube_find(c, "apps", "replicasets", meta_namespace(pod),
                                                      jget_text(owner, "name")) : NULL;
                if (!set || !str_eq(jget_text(owner, "kind"), "ReplicaSet"))
                        sum++;
                else if (!json_object_get(seen, uid))
                        sum += meta_int(set, "spec.replicas", 1), json_object_set_new(seen, uid, json_true());
        }
        return sum;
}

static void one_budget(struct kube_cluster *c, const json_t *budget) {
        const struct kube_type *all = kube_type(c, "", "pods");
        _cleanup_json_ json_t *pods = json_array();
        _cleanup_str_ char *prefix = xasprintf("%s/", meta_namespace(budget));
        int64_t healthy = 0, now = kube_now(c);
        for (size_t i = kube_lower_bound(all, prefix); i < all->n && str_starts(all->items[i].key, prefix); i++) {
                const json_t *pod = all->items[i].value;
                if (!selector_object_matches(jget(budget, "spec.selector"), jget(pod, "metadata.labels")) || pod_finished(pod))
                        continue;
                json_array_append(pods, all->items[i].value);
                healthy += pod_ready(pod);
        }
        int64_t total = expected(c, pods), needed;
        const json_t *max = jget(budget, "spec.maxUnavailable");
        needed = max ? MAX(total - scaled(max, total), (int64_t) 0) : scaled(jget(budget, "spec.minAvailable"), total);
        int64_t allowed = MAX(healthy - needed, (int64_t) 0);
        json_t *copy = json_deep_copy(budget), *status = meta_object(copy, "status");
        json_object_set_new(status, "currentHealthy", json_integer(healthy));
        json_object_set_new(status, "desiredHealthy", json_integer(needed));
        json_object_set_new(status, "expectedPods", json_integer(total));
        json_object_set_new(status, "disruptionsAllowed", json_integer(allowed));
        json_object_set_new(status, "observedGeneration", json_integer(meta_generation(budget)));
        json_object_del(status, "disruptedPods");
        meta_set_condition(status, "DisruptionAllowed", allowed > 0 ? "True" : "False", allowed > 0 ? "SufficientPods" :
                           "InsufficientPods", "", now);
        kube_save(c, "kube-controller-manager", "status", copy);
}

void disruption_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *budgets = kube_all(c, "policy", "poddisruptionbudgets");
        size_t i;
        json_t *each;
        json_array_foreach(budgets, i, each) {
                int64_t due = meta_time_of(each, "metadata.creationTimestamp") + kube_latency(c, NULL, LATENCY_DISRUPTION);
                if (due > kube_now(c))
                        kube_wake_at(c, due);
                else
                        one_budget(c, each);
        }
}

static bool is_orphan(struct kube_cluster *c, const json_t *object) {
        size_t i;
        json_t *reference;
        const json_t *references = json_object_get(json_object_get(object, "metadata"), "ownerReferences");
        json_array_foreach(references, i, reference)
                if (kube_uid_exists(c, jget_text(reference, "uid")))
                        return false;
        return json_array_size(references) > 0;
}

static void collect_dependents(struct kube_cluster *c) {
        static const struct { const char *group, *plural; } kinds[] = {
                { "apps", "replicasets" }, { "apps", "controllerrevisions" }, { "batch", "jobs" }, { "", "pods" }, { "",
                                                                                          "secrets" }, { "", "configmaps" },
                { "discovery.k8s.io", "endpointslices" },
        };
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                struct kube_type *t = kube_type(c, kinds[k].group, kinds[k].plural);
                _cleanup_json_ json_t *all = kube_all(c, kinds[k].group, kinds[k].plural);
                size_t i;
                json_t *each;
                json_array_foreach(all, i, each) {
                        if (meta_deleting(each) || !is_orphan(c, each))
                                continue;
                        _cleanup_json_ json_t *gone = NULL;
                        _cleanup_kube_failure_ struct kube_failure f = { 0 };
                        struct kube_delete how = { .grace = -1 };
                        (void) kube_delete(c, t, each, &how, &gone, &f);
                }
        }
}

/* Pods that are bound to a node that is no more, and pods on silent nodes whose toleration has ended. */
static void collect_pods(struct kube_cluster *c) {
        _cleanup_json_ json_t *pods = kube_all(c, "", "pods");
        size_t i;
        json_t *pod;
        json_array_foreach(pods, i, pod) {
                const char *name = jget_text(pod, "spec.nodeName");
                const json_t *node = name ? kube_find(c, "", "nodes", NULL, name) : NULL;
                if (name && !node) {
                        kube_remove(c, pod);
                        continue;
                }
                if (!node || !meta_condition_is(node, "Ready", "Unknown") || meta_deleting(pod) ||
                    str_eq(jget_text(meta_controller(pod), "kind"), "DaemonSet") ||
                    meta_annotation(pod, "kubernetes.io/config.mirror"))
                        continue;
                int64_t due = meta_time_of(meta_condition(node, "Ready"), "lastTransitionTime") + MAX(kube_latency(c, NULL,
                                                                                          LATENCY_EVICTION), (int64_t) 60000);
                if (due > kube_now(c)) {
                        kube_wake_at(c, due);
                        continue;
                }
                _cleanup_json_ json_t *gone = NULL;
                _cleanup_kube_failure_ struct kube_failure f = { 0 };
                struct kube_delete how = { .grace = -1 };
                (void) kube_delete(c, kube_type(c, "", "pods"), pod, &how, &gone, &f);
        }
}

void garbage_pass(struct kube_cluster *c) {
        if (c->collect) {
                c->collect = false;
                collect_dependents(c);
        }
        collect_pods(c);
}
