/* The double of kube-scheduler: taints, node selectors, required node affinity, requests, host ports, required anti-affinity;
 * the least
 * full node wins. */
#include <stdio.h>

#include "sim/kube/cluster.h"

bool taints_tolerated(const json_t *taints, const json_t *tolerations, bool execute_only, const json_t **ret_untolerated) {
        size_t i, k;
        json_t *taint, *t;
        json_array_foreach(taints, i, taint) {
                const char *effect = jget_text(taint, "effect"), *key = jget_text(taint, "key"), *value = jget_text(taint,
                                                                                          "value");
                if (str_eq(effect, "PreferNoSchedule") || (execute_only && !str_eq(effect, "NoExecute")))
                        continue;
                bool tolerated = false;
                json_array_foreach(tolerations, k, t) {
                        const char *own_key = jget_text(t, "key"), *own_effect = jget_text(t, "effect"), *op = jget_text(t,
                                                                                          "operator"), *own = jget_text(t,
                                                                                          "value");
                        bool exists = str_eq(op, "Exists");
                        if ((str_empty(own_effect) || str_eq(own_effect, effect)) &&
                            ((str_empty(own_key) && exists) || str_eq(own_key, key)) &&
                            (exists || str_eq(own ? own : "", value ? value : "")))
                                tolerated = true;
                }
                if (!tolerated) {
                        if (ret_untolerated)
                                *ret_untolerated = taint;
                        return false;
                }
        }
        return true;
}

static bool term_matches(const json_t *term, const json_t *node) {
        size_t i;
        json_t *e;
        const json_t *expressions = json_object_get(term, "matchExpressions"), *fields = json_object_get(term, "matchFields");
        if (json_array_size(expressions) == 0 && json_array_size(fields) == 0)
                return false;
        json_array_foreach(expressions, i, e)
                if (!selector_expression_matches(e, jget(node, "metadata.labels")))
                        return false;
        _cleanup_json_ json_t *own = json_pack("{s:s}", "metadata.name", meta_name(node));
        json_array_foreach(fields, i, e)
                if (!selector_expression_matches(e, own))
                        return false;
        return true;
}

bool node_matches_pod(const json_t *node, const json_t *pod) {
        const json_t *spec = json_object_get(pod, "spec"), *labels = jget(node, "metadata.labels");
        const char *key;
        json_t *value;
        if (jget_text(spec, "nodeName") && !str_eq(jget_text(spec, "nodeName"), meta_name(node)))
                return false;
        json_object_foreach(json_object_get(spec, "nodeSelector"), key, value)
                if (!str_eq(json_string_value(json_object_get(labels, key)), json_string_value(value)))
                        return false;
        const json_t *required = jget(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
        if (!required)
                return true;
        size_t i;
        json_array_foreach(json_object_get(required, "nodeSelectorTerms"), i, value)
                if (term_matches(value, node))
                        return true;
        return false;
}

struct use { const json_t *node; int64_t cpu, memory, pods, cpu_max, memory_max, pods_max; };
struct uses { struct use *items; size_t n; };

static int64_t milli(const json_t *o, const char *path) {
        int64_t v = 0;
        const json_t *q = jget(o, path);
        return q && quantity_parse(q, &v) ? v : 0;
}

/* max(sum of containers, largest init container), as the scheduler adds requests. */
static int64_t requested(const json_t *pod, const char *what) {
        _cleanup_str_ char *path = xasprintf("resources.requests.%s", what);
        int64_t sum = 0, initial = 0;
        size_t i;
        json_t *container;
        json_array_foreach(jget(pod, "spec.containers"), i, container)
                sum += milli(container, path);
        json_array_foreach(jget(pod, "spec.initContainers"), i, container) {
                if (str_eq(jget_text(container, "restartPolicy"), "Always"))
                        sum += milli(container, path);
                else
                        initial = MAX(initial, milli(container, path));
        }
        return MAX(sum, initial);
}


static void add_pod(struct use *use, const json_t *pod) {
        use->cpu += requested(pod, "cpu");
        use->memory += requested(pod, "memory");
        use->pods++;
}

static void count_uses(struct kube_cluster *c, const json_t *nodes, struct uses *u) {
        size_t i;
        json_t *node;
        _cleanup_json_ json_t *index = json_object();
        json_array_foreach(nodes, i, node) {
                struct use use = { .node = node, .cpu_max = milli(node, "status.allocatable.cpu"),
                                   .memory_max = milli(node, "status.allocatable.memory"),
                                   .pods_max = milli(node, "status.allocatable.pods") / 1000 };
                ARRAY_APPEND(u->items, u->n, use);
                json_object_set_new(index, meta_name(node), json_integer((json_int_t) i));
        }
        const struct kube_type *pods = kube_type(c, "", "pods");
        for (size_t p = 0; p < pods->n; p++) {
                const json_t *pod = pods->items[p].value;
                const char *name = jget_text(pod, "spec.nodeName");
                const json_t *at = name ? json_object_get(index, name) : NULL;
                if (at && !pod_finished(pod))
                        add_pod(&u->items[json_integer_value(at)], pod);
        }
}

/* Required anti-affinity per host name: no pod that the term selects may be on the node already. */
static bool anti_affinity_fits(struct kube_cluster *c, const json_t *node, const json_t *pod) {
        const struct kube_type *pods = kube_type(c, "", "pods");
        size_t i;
        json_t *term;
        json_array_foreach(jget(pod, "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution"), i, term) {
                for (size_t p = 0; p < pods->n; p++) {
                        const json_t *other = pods->items[p].value;
                        if (str_eq(jget_text(other, "spec.nodeName"), meta_name(node)) && !pod_finished(other) &&
                            str_eq(meta_namespace(other), meta_namespace(pod)) &&
                            selector_object_matches(json_object_get(term, "labelSelector"), jget(other, "metadata.labels")))
                                return false;
                }
        }
        return true;
}

static const char *refusal(struct kube_cluster *c, const struct use *use, const json_t *pod, char *buf, size_t n) {
        const json_t *taint = NULL;
        if (meta_bool(use->node, "spec.unschedulable", false)) {
                _cleanup_json_ json_t *own = json_pack("[{s:s, s:s}]", "key", "node.kubernetes.io/unschedulable", "effect",
                                                       "NoSchedule");
                if (!taints_tolerated(own, jget(pod, "spec.tolerations"), false, NULL))
                        return "node(s) were unschedulable";
        }
        if (!taints_tolerated(jget(use->node, "spec.taints"), jget(pod, "spec.tolerations"), false, &taint)) {
                snprintf(buf, n, "node(s) had untolerated taint {%s: %s}", jget_text(taint, "key"), jget_text(taint, "value") ?
                         jget_text(taint, "value") : "");
                return buf;
        }
        if (!node_matches_pod(use->node, pod))
                return "node(s) didn't match Pod's node affinity/selector";
        if (use->pods + 1 > use->pods_max)
                return "Too many pods";
        if (use->cpu + requested(pod, "cpu") > use->cpu_max)
                return "Insufficient cpu";
        if (use->memory + requested(pod, "memory") > use->memory_max)
                return "Insufficient memory";
        if (!anti_affinity_fits(c, use->node, pod))
                return "node(s) didn't match pod anti-affinity rules";
        return NULL;
}

bool scheduler_fits(struct kube_cluster *c, const json_t *node, const json_t *pod) {
        (void) c;
        return taints_tolerated(jget(node, "spec.taints"), jget(pod, "spec.tolerations"), false, NULL) && node_matches_pod(node,
                                                                                          pod);
}

static void say_unschedulable(struct kube_cluster *c, const json_t *pod, const struct uses *u, const struct kvs *reasons) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        strbuf_addf(&text, "0/%zu nodes are available: ", u->n);
        for (size_t i = 0; i < reasons->n; i++)
                strbuf_addf(&text, "%s%s %s", i ? ", " : "", reasons->items[i].value, reasons->items[i].key);
        strbuf_adds(&text, u->n ? "." : "no nodes available to schedule pods");
        json_t *copy = json_deep_copy(pod);
        if (meta_set_condition(meta_object(copy, "status"), "PodScheduled", "False", "Unschedulable", strbuf_str(&text),
                               kube_now(c))) {
                kube_say(c, pod, "default-scheduler", "Warning", "FailedScheduling", "%s", strbuf_str(&text));
                kube_save(c, "kube-scheduler", "status", copy);
        } else {
                json_decref(copy);
        }
}

static void place(struct kube_cluster *c, const json_t *pod, struct uses *u) {
        struct use *best = NULL;
        _cleanup_kvs_ struct kvs reasons = { 0 };
        for (size_t i = 0; i < u->n; i++) {
                char buf[256];
                const char *why = refusal(c, &u->items[i], pod, buf, sizeof(buf));
                if (!why) {
                        if (!best || u->items[i].pods < best->pods)
                                best = &u->items[i];
                        continue;
                }
                int64_t count = 0;
                if (kvs_get(&reasons, why))
                        parse_int64(kvs_get(&reasons, why), 0, INT64_MAX, &count);
                _cleanup_str_ char *text = xasprintf("%lld", (long long) count + 1);
                kvs_set(&reasons, why, text);
        }
        if (!best) {
                say_unschedulable(c, pod, u, &reasons);
                return;
        }
        json_t *copy = json_deep_copy(pod);
        jset_str(meta_object(copy, "spec"), "nodeName", meta_name(best->node));
        if (!kube_save(c, "kube-scheduler", "", copy))
                return;
        add_pod(best, pod);
        const json_t *bound = kube_find(c, "", "pods", meta_namespace(pod), meta_name(pod));
        if (!bound)
                return;
        copy = json_deep_copy(bound);
        meta_set_condition(meta_object(copy, "status"), "PodScheduled", "True", NULL, NULL, kube_now(c));
        json_t *condition = (json_t *) meta_condition(copy, "PodScheduled");
        json_object_del(condition, "reason");
        json_object_del(condition, "message");
        kube_save(c, "kube-scheduler", "status", copy);
        kube_say(c, pod, "default-scheduler", "Normal", "Scheduled", "Successfully assigned %s/%s to %s", meta_namespace(pod),
                 meta_name(pod),
                 meta_name(best->node));
}

void scheduler_pass(struct kube_cluster *c) {
        const struct kube_type *pods = kube_type(c, "", "pods");
        _cleanup_json_ json_t *waiting = json_array();
        for (size_t i = 0; i < pods->n; i++) {
                const json_t *pod = pods->items[i].value;
                if (jget_text(pod, "spec.nodeName") || meta_deleting(pod) ||
                    json_array_size(jget(pod, "spec.schedulingGates")) > 0 || pod_finished(pod) ||
                    !str_eq(jget_text(pod, "spec.schedulerName"), "default-scheduler"))
                        continue;
                int64_t due = meta_time_of(pod, "metadata.creationTimestamp") + kube_latency(c, NULL, LATENCY_BIND);
                if (due > kube_now(c))
                        kube_wake_at(c, due);
                else
                        json_array_append(waiting, pods->items[i].value);
        }
        if (json_array_size(waiting) == 0)
                return;
        struct uses u = { 0 };
        _cleanup_json_ json_t *nodes = kube_all(c, "", "nodes");
        count_uses(c, nodes, &u);
        size_t i;
        json_t *pod;
        json_array_foreach(waiting, i, pod)
                place(c, pod, &u);
        free(u.items);
}
