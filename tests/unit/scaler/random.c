/* Random clusters: what a decision claims is checked by brute force, with rules written again from Kubernetes' documentation on the JSON itself. */
#include "../unit.h"

#include <stdio.h>

#include "base/json.h"
#include "kube/quantity.h"
#include "scene.h"

static struct error err;

/* xorshift: the same scenes on every machine. */
static uint64_t state;
static unsigned below(unsigned n) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned) (state % n);
}

static void add_node(struct strbuf *b, int i) {
        static const char *const zones[] = { "hel1", "nbg1" };
        strbuf_addf(b, "node w%02d pool=%s type=cx33 cpu=%um mem=%uMi location=%s%s%s%s%s\n", i, below(4) ? "worker" : "other", 2000 + below(3) * 950, 4000 + below(3000), zones[below(2)],
                    below(8) ? "" : " cordoned", below(10) ? "" : " unready changed=2m", below(4) ? "" : " label=disk=ssd", below(2) ? " since=11m seen=1m" : "");
}

static void add_pod(struct strbuf *b, int i, int nodes, bool pending) {
        unsigned kind = below(10), app = below(6);
        strbuf_addf(b, "%s p%02d app=a%u cpu=%um mem=%uMi", pending ? "pending" : "pod", i, app, below(12) * 100, below(16) * 100);
        if (!pending)
                strbuf_addf(b, " on=w%02u", below((unsigned) nodes));
        else
                strbuf_addf(b, " n=%u", 1 + below(4));
        if (kind == 0)
                strbuf_adds(b, " anti=kubernetes.io/hostname");
        if (kind == 1)
                strbuf_adds(b, " spread=kubernetes.io/hostname");
        if (kind == 2)
                strbuf_addf(b, " port=%u", 80 + below(3));
        if (kind == 3)
                strbuf_adds(b, " select=disk=ssd");
        if (kind == 4)
                strbuf_adds(b, " select=topology.kubernetes.io/region=nbg1");
        if (kind == 5)
                strbuf_adds(b, " tolerates=special");
        if (kind == 6)
                strbuf_adds(b, " anti=topology.kubernetes.io/region");
        if (below(12) == 0)
                strbuf_adds(b, " owner=none");
        strbuf_addc(b, '\n');
}

static char *random_scene(uint64_t seed) {
        struct strbuf b = STRBUF_INIT;
        state = seed * 0x9e3779b97f4a7c15u + 1;
        for (int i = 0; i < 20; i++)
                below(2);
        int nodes = 1 + (int) below(7), pods = (int) below(20), pending = (int) below(7);
        strbuf_addf(&b, "pool worker min=%u max=%u types=cx23,cx33,cx43 locations=hel1,nbg1\n", below(2), 3 + below(8));
        strbuf_addf(&b, "pool other max=%u types=cx33 locations=nbg1 label=disk=ssd taint=special:NoSchedule\n", 2 + below(4));
        strbuf_addf(&b, "daemon agent cpu=%um mem=100Mi tolerates-all\n", below(3) * 100);
        for (int i = 0; i < nodes; i++)
                add_node(&b, i);
        for (int i = 0; i < pods; i++)
                add_pod(&b, i, nodes, false);
        for (int i = 0; i < pending; i++)
                add_pod(&b, 50 + i, nodes, true);
        return strbuf_take(&b);
}

/* ---- the second opinion: everything by name and text, nothing shared with the program but quantities ---- */

struct seat { json_t *node; };         /* {"metadata", "spec", "status"} as a Node */

static const char *text(const json_t *o, const char *path) {
        const char *s = jget_text(o, path);
        return s ? s : "";
}

static const char *label(const json_t *o, const char *key) {
        return json_string_value(json_object_get(jget(o, "metadata.labels"), key));
}

static int64_t thousandths(const json_t *v) {
        struct quantity q = { 0 };
        if (v)
                ck_assert(quantity_parse(json_string_value(v), &q));
        return quantity_milli(q);
}

static int64_t asks(const json_t *pod, const char *resource) {
        return thousandths(json_object_get(jget(pod, "spec.containers.0.resources.requests"), resource));
}

static bool is_on(const json_t *pod, const json_t *node) {
        return str_eq(text(pod, "spec.nodeName"), text(node, "metadata.name"));
}

static bool tolerated(const json_t *pod, const json_t *node) {
        const json_t *taints = jget(node, "spec.taints"), *list = jget(pod, "spec.tolerations");
        for (size_t i = 0; i < json_array_size(taints); i++) {
                bool good = false;
                for (size_t k = 0; k < json_array_size(list); k++)
                        good = good || !jget(json_array_get(list, k), "key") || str_eq(text(json_array_get(list, k), "key"), text(json_array_get(taints, i), "key"));
                if (!good)
                        return false;
        }
        return true;
}

static bool selected(const json_t *pod, const json_t *node) {
        const char *key;
        json_t *v;
        json_object_foreach((json_t *) jget(pod, "spec.nodeSelector"), key, v)
                if (!str_eq(label(node, key), json_string_value(v)))
                        return false;
        return true;
}

static json_int_t port(const json_t *pod) {
        return json_integer_value(jget(pod, "spec.containers.0.ports.0.hostPort"));
}

static const json_t *anti(const json_t *pod) {
        return jget(pod, "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.0");
}

/* May a pod of `term`'s owner not share the term's domain with `other`? All anti-affinity of these scenes is to the same app. */
static bool repels(const json_t *owner, const json_t *other) {
        return anti(owner) && str_eq(text(owner, "metadata.namespace"), text(other, "metadata.namespace")) && str_eq(label(other, "app"), text(anti(owner), "labelSelector.matchLabels.app"));
}

/* Nodes and pods as they would be; the pod is not among the pods that are counted (or is on no node). */
static const char *second_opinion(const json_t *pod, const json_t *node, const json_t *nodes, const json_t *pods) {
        int64_t cpu = asks(pod, "cpu"), memory = asks(pod, "memory"), count = 1;
        size_t i, k;
        json_t *other, *n;
        if (!tolerated(pod, node) || !selected(pod, node))
                return "taint or selector";
        json_array_foreach(pods, i, other) {
                const char *at = text(other, "spec.nodeName");
                if (other == pod || !*at)
                        continue;
                if (is_on(other, node)) {
                        cpu += asks(other, "cpu");
                        memory += asks(other, "memory");
                        count++;
                        if (port(pod) && port(pod) == port(other))
                                return "host port";
                }
                if (!repels(pod, other) && !repels(other, pod))
                        continue;
                const char *key = text(anti(repels(pod, other) ? pod : other), "topologyKey"), *both[] = { text(anti(pod), "topologyKey"), text(anti(other), "topologyKey") };
                json_array_foreach(nodes, k, n)
                        for (int t = 0; t < 2; t++) {
                                key = both[t];
                                bool holds = t == 0 ? repels(pod, other) : repels(other, pod);
                                if (holds && is_on(other, n) && label(n, key) && str_eq(label(n, key), label(node, key)))
                                        return "anti-affinity";
                        }
        }
        /* Who asks for none of a resource does not care that there is too little of it already. */
        if ((asks(pod, "cpu") && cpu > thousandths(jget(node, "status.allocatable.cpu"))) || (asks(pod, "memory") && memory > thousandths(jget(node, "status.allocatable.memory"))))
                return "room";
        if (count * 1000 > thousandths(jget(node, "status.allocatable.pods")))
                return "pods";
        const json_t *spread = jget(pod, "spec.topologySpreadConstraints.0");
        int64_t here = 0, least = INT64_MAX;
        json_array_foreach(nodes, k, n) {
                int64_t there = 0;
                if (!spread || !selected(pod, n))
                        continue;
                json_array_foreach(pods, i, other)
                        there += other != pod && is_on(other, n) && str_eq(label(other, "app"), text(spread, "labelSelector.matchLabels.app")) &&
                                 str_eq(text(other, "metadata.namespace"), text(pod, "metadata.namespace"));
                least = there < least ? there : least;
                here = n == node ? there : here;
        }
        return spread && here + 1 - least > 1 ? "spread" : NULL;
}

static json_t *find(const json_t *list, const char *ns, const char *name) {
        size_t i;
        json_t *o;
        json_array_foreach(list, i, o)
                if (str_eq(text(o, "metadata.name"), name) && (!ns || str_eq(text(o, "metadata.namespace"), ns)))
                        return o;
        return NULL;
}

static bool usable(const json_t *node) {
        return str_eq(text(node, "status.conditions.0.status"), "True") && !json_is_true(jget(node, "spec.unschedulable"));
}

/* Tries to seat the pods, each in turn on any usable node, going back when stuck. */
static bool seat_all(json_t **waiting, size_t n, json_t *nodes, json_t *pods, unsigned *budget) {
        size_t k;
        json_t *node;
        if (n == 0)
                return true;
        json_array_foreach(nodes, k, node) {
                if (*budget == 0)
                        return false;
                (*budget)--;
                if (!usable(node) || second_opinion(waiting[0], node, nodes, pods))
                        continue;
                json_object_set(json_object_get(waiting[0], "spec"), "nodeName", json_object_get(json_object_get(node, "metadata"), "name"));
                if (seat_all(waiting + 1, n - 1, nodes, pods, budget))
                        return true;
                json_object_del(json_object_get(waiting[0], "spec"), "nodeName");
        }
        return false;
}

/* Spread constraints look only at who is there already, so that the order of seating matters: those that have one go first, large ones before small. */
static int picky_first(const void *a, const void *b) {
        const json_t *x = *(json_t *const *) a, *y = *(json_t *const *) b;
        bool x_spreads = jget(x, "spec.topologySpreadConstraints"), y_spreads = jget(y, "spec.topologySpreadConstraints");
        int64_t x_size = asks(x, "cpu") * 2147483648 + asks(x, "memory"), y_size = asks(y, "cpu") * 2147483648 + asks(y, "memory");
        return x_spreads != y_spreads ? y_spreads - x_spreads : (x_size < y_size) - (x_size > y_size);
}

/* The Node that a bought server becomes. Its room is that of the smallest Node of its type in the pool, or less than the type has. */
static json_t *new_node(const json_t *scene, const char *pool, const struct decision_choice *c, int number) {
        _cleanup_str_ char *name = xasprintf("new-%s-%d", pool, number);
        int64_t cores = str_eq(c->type, "cx23") ? 2 : str_eq(c->type, "cx33") ? 4 : 8, cpu = cores * 1000 - 50, memory = (int64_t) ((double) cores * 2048 * 0.93) - 300;
        bool seen = false;
        for (int other_pool = 0; other_pool < 2 && !seen; other_pool++) {
                size_t at;
                json_t *there;
                json_array_foreach(json_object_get(scene, "nodes"), at, there) {
                        const json_t *n = there;
                        if (!str_eq(label(n, "node.kubernetes.io/instance-type"), c->type) || label(n, "node-role.kubernetes.io/control-plane") ||
                            (!other_pool && !str_eq(label(n, "hcloud-v6/pool"), pool)))
                                continue;
                        int64_t has = thousandths(jget(n, "status.allocatable.cpu")), ram = thousandths(jget(n, "status.allocatable.memory")) / 1000 / 1024 / 1024;
                        cpu = seen ? MIN(cpu, has) : has;
                        memory = seen ? MIN(memory, ram) : ram;
                        seen = true;
                }
        }
        _cleanup_str_ char *cpu_text = xasprintf("%lldm", (long long) cpu), *memory_text = xasprintf("%lldMi", (long long) memory);
        json_t *node = json_pack("{s:{s:s, s:{s:s, s:s, s:s}}, s:{}, s:{s:{s:s, s:s, s:s}, s:[{s:s, s:s}]}}", "metadata", "name", name, "labels", "kubernetes.io/hostname", name,
                                 "topology.kubernetes.io/region", c->location, "hcloud-v6/pool", pool, "spec", "status", "allocatable", "cpu", cpu_text, "memory", memory_text,
                                 "pods", "110", "conditions", "type", "Ready", "status", "True");
        bool ssd = false;
        size_t i;
        json_t *n;
        json_array_foreach(json_object_get(scene, "nodes"), i, n)
                if (str_eq(label(n, "hcloud-v6/pool"), pool) && (ssd = label(n, "disk") != NULL) == false)
                        break;
        if (ssd)       /* what every Node of the pool has, the next one has too */
                json_object_set_new(json_object_get(json_object_get(node, "metadata"), "labels"), "disk", json_string("ssd"));
        if (str_eq(pool, "other")) {
                json_object_set_new(json_object_get(json_object_get(node, "metadata"), "labels"), "disk", json_string("ssd"));
                json_object_set_new(json_object_get(node, "spec"), "taints", json_pack("[{s:s, s:s, s:s}]", "key", "special", "value", "", "effect", "NoSchedule"));
        }
        return node;
}

static void add_daemon_pod(json_t *scene, const json_t *node) {
        const json_t *set = jget(scene, "daemonSets.0");
        _cleanup_str_ char *name = xasprintf("agent-on-%s", text(node, "metadata.name"));
        json_t *spec = json_deep_copy(jget(set, "spec.template.spec"));
        json_object_set(spec, "nodeName", json_object_get(json_object_get(node, "metadata"), "name"));
        json_array_append_new(json_object_get(scene, "pods"), json_pack("{s:{s:s, s:s, s:{s:s}}, s:o}", "metadata", "name", name, "namespace", "kube-system", "labels", "app", "agent",
                                                                        "spec", spec));
}

static json_t *pod_of(const json_t *pods, const char *name, const char *lines) {
        _cleanup_str_ char *ns = xstrdup(name);
        char *slash = strchr(ns, '/');
        *slash = '\0';
        json_t *o = find(pods, ns, slash + 1);
        ck_assert_msg(o && !*text(o, "spec.nodeName"), "%s is no pod that waits\n%s", name, lines);
        return o;
}

/* What is bought holds the pods that it is bought for; no node would do without the others. */
static void check_up(json_t *scene, const struct decision *d, const char *lines) {
        json_t *nodes = json_object_get(scene, "nodes"), *pods = json_object_get(scene, "pods"), *waiting[128];
        json_t *fresh = json_array();
        size_t n = 0;
        int number = 0;
        for (size_t i = 0; i < d->waiting.n; i++)
                waiting[n++] = pod_of(pods, d->waiting.items[i], lines);
        for (size_t i = 0; i < d->n_up; i++) {
                for (int64_t k = 0; k < d->up[i].count; k++) {
                        json_t *node = new_node(scene, d->up[i].pool, &d->up[i].choices[0], number++);
                        json_array_append_new(fresh, node);
                }
                for (size_t k = 0; k < d->up[i].pods.n; k++)
                        waiting[n++] = pod_of(pods, d->up[i].pods.items[k], lines);
                ck_assert_msg(d->up[i].pods.n > 0 || strstr(d->up[i].reason, "minimum"), "a server is bought for nobody\n%s", lines);
        }
        size_t i;
        json_t *node;
        json_array_foreach(fresh, i, node) {
                json_array_append(nodes, node);
                add_daemon_pod(scene, node);
        }
        unsigned budget = 60000;
        qsort(waiting, n, sizeof(*waiting), picky_first);
        bool seated = seat_all(waiting, n, nodes, pods, &budget);
        _cleanup_str_ char *words = scene_words(d);
        ck_assert_msg(seated || budget == 0, "the pods do not fit on what is bought\n%s\n%s", lines, words);
        json_decref(fresh);
}

/* Every pod of a node that goes has a seat on what is left. */
static void check_down(json_t *scene, const struct decision *d, const char *lines) {
        json_t *nodes = json_object_get(scene, "nodes"), *pods = json_object_get(scene, "pods"), *pod, *waiting[128];
        size_t n = 0, drains = 0, i;
        for (size_t k = 0; k < d->n_down; k++) {
                drains += d->down[k].drain;
                size_t moved = 0;
                json_array_foreach(pods, i, pod) {
                        if (!str_eq(text(pod, "spec.nodeName"), d->down[k].node) || str_eq(text(pod, "metadata.ownerReferences.0.kind"), "DaemonSet"))
                                continue;
                        ck_assert_msg(json_array_size(jget(pod, "metadata.ownerReferences")) == 1, "%s holds a bare pod\n%s", d->down[k].node, lines);
                        json_object_del(json_object_get(pod, "spec"), "nodeName");
                        waiting[n++] = pod;
                        moved++;
                }
                ck_assert_msg((moved > 0) == d->down[k].drain, "%s: drain is %d with %zu pods\n%s", d->down[k].node, d->down[k].drain, moved, lines);
        }
        ck_assert_msg(drains <= 1, "two drains\n%s", lines);
        for (size_t k = 0; k < d->n_down; k++)
                for (i = json_array_size(nodes); i > 0; i--)
                        if (str_eq(text(json_array_get(nodes, i - 1), "metadata.name"), d->down[k].node))
                                json_array_remove(nodes, i - 1);
        unsigned budget = 60000;
        qsort(waiting, n, sizeof(*waiting), picky_first);
        ck_assert_msg(seat_all(waiting, n, nodes, pods, &budget) || budget == 0, "the pods of a node that goes do not fit elsewhere\n%s", lines);
}

/* A pod that nothing is bought for is not simply forgotten: it is named, or has room, or comes with the next. */
static void check_named(const json_t *scene, const struct decision *d, const char *lines) {
        size_t waiting = 0, i, named = 0;
        json_t *pod;
        json_array_foreach(json_object_get(scene, "pods"), i, pod)
                waiting += str_eq(text(pod, "status.conditions.0.reason"), "Unschedulable");
        for (size_t k = 0; k < d->n_up; k++)
                named += d->up[k].pods.n;
        for (size_t k = 0; k < d->n_unplaceable; k++)
                named += d->unplaceable[k].count;
        named += d->waiting.n;
        _cleanup_str_ char *words = scene_words(d);
        ck_assert_msg(named == waiting, "%zu pods wait, %zu are spoken of\n%s\n%s", waiting, named, lines, words);
}

static json_t *shuffled(const json_t *o) {
        json_t *out = json_deep_copy(o), *v;
        const char *key;
        json_object_foreach(out, key, v)
                for (size_t i = json_is_array(v) ? json_array_size(v) : 0; i > 1; i--) {
                        size_t k = below((unsigned) i);
                        json_t *a = json_incref(json_array_get(v, i - 1)), *b = json_incref(json_array_get(v, k));
                        json_array_set_new(v, i - 1, b);
                        json_array_set_new(v, k, a);
                }
        return out;
}

static int decide_json(json_t *o, struct decision *ret) {
        _cleanup_str_ char *all = json_dumps(o, 0);
        _cleanup_snapshot_ struct snapshot *s = NULL;
        if (snapshot_parse("random", all, strlen(all), &s, &err) < 0)
                return -1;
        return decide(s, ret, &err);
}

START_TEST(claims_hold) {
        size_t ups = 0, downs = 0, refused = 0;
        for (uint64_t seed = (uint64_t) _i * 40; seed < (uint64_t) _i * 40 + 40; seed++) {
                _cleanup_str_ char *lines = random_scene(seed);
                _cleanup_json_ json_t *o = scene_json(lines), *other = shuffled(o), *for_up = json_deep_copy(o), *for_down = json_deep_copy(o);
                _cleanup_decision_ struct decision d = { 0 }, again = { 0 };
                error_done(&err);
                if (decide_json(o, &d) < 0) {
                        ck_assert_msg(err.kind == ERR_REFUSED, "%s\n%s", error_text(&err), lines);
                        refused++;
                        continue;
                }
                ck_assert(decide_json(other, &again) == 0);
                _cleanup_json_ json_t *a = decision_json(&d), *b = decision_json(&again);
                ck_assert_msg(json_equal(a, b), "the order of lists changes the decision\n%s", lines);
                check_named(o, &d, lines);
                check_up(for_up, &d, lines);
                check_down(for_down, &d, lines);
                ups += d.n_up > 0;
                downs += d.n_down > 0;
        }
        ck_assert_msg(ups >= 10 && downs >= 2 && refused <= 20, "the scenes are dull: %zu up, %zu down, %zu refused", ups, downs, refused);
        error_done(&err);
}
END_TEST

static Suite *suite_random(void) {
        Suite *s = suite_create("random");
        TCase *t = tcase_create("random");
        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, claims_hold, 0, 10);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_random())
