#include "scaler/drain.h"

#include "kube/evict.h"
#include "kube/node.h"
#include "kube/pod.h"
#include "scaler/snapshot.h"

#define PAUSE_MS 1000          /* kubectl drain looks each second whether an evicted pod is gone */

/* One pod on its way. */
struct leaving { char *ns, *name, *uid; int64_t ask_at_ms; bool asked; char *says; };
struct leavings { struct leaving *items; size_t n; };

static void leavings_done(struct leavings *l) {
        for (size_t i = 0; i < l->n; i++) {
                free(l->items[i].ns);
                free(l->items[i].name);
                free(l->items[i].uid);
                free(l->items[i].says);
        }
        free(l->items);
        *l = (struct leavings) { 0 };
}

void drain_result_done(struct drain_result *r) {
        free(r->waits_for);
        *r = (struct drain_result) { 0 };
}

static void say(const struct drainer *d, const char *fmt, ...) _printf_(2, 3);
static void say(const struct drainer *d, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;
        if (!d->note)
                return;
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        d->note(d->note_data, strbuf_str(&b));
}

/* ---- the Node ---- */

static int patch(const struct drainer *d, const char *node, json_t *what, struct error *err) {
        _cleanup_json_ json_t *owned = what;
        _cleanup_str_ char *path = kube_path("v1", "nodes", NULL, node, NULL);
        return kube_merge_patch(d->kube, path, owned, NULL, err);
}

/* Cordon and mark in one patch: there is no moment at which a node is cordoned by us and nobody knows it. */
int drain_cordon(const struct drainer *d, const char *node, enum drain_state *ret, int64_t *ret_since_ms, struct error *err) {
        struct kube_node k = { 0 };
        _cleanup_error_ struct error e = ERROR_INIT;
        if (kube_node_get(d->kube, node, &k, &e) < 0) {
                *ret = DRAIN_NO_NODE;
                return e.kind == ERR_NOT_FOUND ? 0 : error_move(err, &e);
        }
        *ret = DRAIN_WAITS;
        bool cordoned = k.unschedulable, marked = kvs_get(&k.annotations, ANNOTATION_PHASE) != NULL;
        const char *since = kvs_get(&k.annotations, ANNOTATION_PHASE_SINCE);
        *ret_since_ms = kube_now_ms(d->kube);
        if (marked && since)
                (void) time_parse_rfc3339(since, ret_since_ms);
        kube_node_done(&k);
        if (marked && cordoned)
                return 0;
        if (marked && !d->by_hand) {
                *ret = DRAIN_GIVEN_BACK;
                return drain_give_back(d, node, err);
        }
        json_t *annotations = json_object();
        if (!marked) {
                _cleanup_str_ char *now = time_format_rfc3339(kube_now_ms(d->kube));
                jset_str(annotations, ANNOTATION_PHASE, "draining");
                jset_str(annotations, ANNOTATION_PHASE_SINCE, now);
                jset_str(annotations, ANNOTATION_WAS_CORDONED, cordoned ? "true" : NULL);
        }
        return patch(d, node, json_pack("{s:{s:o}, s:{s:b}}", "metadata", "annotations", annotations, "spec", "unschedulable", 1), err);
}

int drain_set_phase(const struct drainer *d, const char *node, const char *phase, struct error *err) {
        _cleanup_error_ struct error e = ERROR_INIT;
        json_t *what = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", ANNOTATION_PHASE, phase);
        if (patch(d, node, what, &e) < 0 && e.kind != ERR_NOT_FOUND)
                return error_move(err, &e);
        return 0;
}

int drain_give_back(const struct drainer *d, const char *node, struct error *err) {
        struct kube_node k = { 0 };
        _cleanup_error_ struct error e = ERROR_INIT;
        if (kube_node_get(d->kube, node, &k, &e) < 0)
                return e.kind == ERR_NOT_FOUND ? 0 : error_move(err, &e);
        bool ours = kvs_get(&k.annotations, ANNOTATION_PHASE) != NULL, persons = str_eq(kvs_get(&k.annotations, ANNOTATION_WAS_CORDONED), "true");
        kube_node_done(&k);
        if (!ours)
                return 0;
        static const char *const keys[] = { ANNOTATION_PHASE, ANNOTATION_PHASE_SINCE, ANNOTATION_WAS_CORDONED, ANNOTATION_UNNEEDED_SINCE, ANNOTATION_UNNEEDED_SEEN };
        json_t *annotations = json_object(), *what = json_object();
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                json_object_set_new(annotations, keys[i], json_null());
        json_object_set_new(what, "metadata", json_pack("{s:o}", "annotations", annotations));
        if (!persons)
                json_object_set_new(what, "spec", json_pack("{s:n}", "unschedulable"));
        return patch(d, node, what, err);
}

/* ---- its pods ---- */

bool drain_must_move(const struct kube_pod *p) {
        return !str_eq(p->owner_kind, "DaemonSet") && !kvs_get(&p->annotations, "kubernetes.io/config.mirror") && !kube_pod_is_finished(p);
}

static struct leaving *find(struct leavings *l, const char *uid) {
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->items[i].uid, uid))
                        return &l->items[i];
        return NULL;
}

static int evict_one(const struct drainer *d, struct leaving *p, struct drain_result *r, struct error *err) {
        struct kube_evict_answer a = { 0 };
        _cleanup_error_ struct error e = ERROR_INIT;
        int64_t now = clock_mono_ms(d->clock);
        if (p->asked || now < p->ask_at_ms)
                return 0;
        if (kube_evict(d->kube, p->ns, p->name, p->uid, -1, false, &a, &e) < 0) {
                if (e.kind == ERR_CANCELLED)
                        return error_move(err, &e);
                /* Two budgets, a webhook, a moment's fault: the pod stays, people are told, and it is asked again. */
                a = (struct kube_evict_answer) { .result = KUBE_EVICT_BLOCKED, .retry_after_s = 5, .text = xstrdup(error_text(&e)) };
        }
        free(p->says);
        p->says = NULL;
        if (a.result == KUBE_EVICTED || a.result == KUBE_EVICT_GONE) {
                p->asked = true;
                r->moved += a.result == KUBE_EVICTED;
        } else {
                p->ask_at_ms = now + a.retry_after_s * 1000;
                p->says = xstrdup(a.text);
        }
        kube_evict_answer_done(&a);
        return 0;
}

/* Why it is not empty yet: what a budget says first, else the pod that takes its time. */
static void explain(struct drain_result *r, const struct leavings *l, const struct kube_pods *pods) {
        free(r->waits_for);
        r->waits_for = NULL;
        for (size_t i = 0; i < pods->n; i++) {
                const struct kube_pod *p = &pods->items[i];
                const struct leaving *known = drain_must_move(p) ? find((struct leavings *) l, p->uid) : NULL;
                if (known && known->says) {
                        free(r->waits_for);
                        r->waits_for = xasprintf("%s/%s: %s", p->ns, p->name, known->says);
                        return;
                }
                if (known && !r->waits_for)
                        r->waits_for = xasprintf("%s/%s ends", p->ns, p->name);
        }
}

/* One look and one round of questions. *ret_left: pods that must still go. */
static int round_of(const struct drainer *d, const char *node, struct leavings *known, struct drain_result *r, size_t *ret_left, struct error *err) {
        struct kube_pods pods = { 0 };
        _cleanup_str_ char *selector = xasprintf("spec.nodeName=%s", node);
        size_t left = 0;
        int rc = 0;
        if (kube_pods_list(d->kube, NULL, NULL, selector, &pods, err) < 0)
                return -1;
        for (size_t i = 0; rc >= 0 && i < pods.n; i++) {
                const struct kube_pod *p = &pods.items[i];
                /* One that tolerates everything comes back to the cordoned node as often as it is evicted (Cilium's operator does): evicted once, then left to
                 * go with the node. Both times are the API server's, the pod's in whole seconds. */
                if (!drain_must_move(p) || p->created_ms > r->since_ms)
                        continue;
                left++;
                if (d->only_empty)
                        continue;
                struct leaving *l = find(known, p->uid);
                if (!l) {
                        ARRAY_APPEND(known->items, known->n, ((struct leaving) { .ns = xstrdup(p->ns), .name = xstrdup(p->name), .uid = xstrdup(p->uid) }));
                        l = &known->items[known->n - 1];
                }
                l->asked |= p->deleting;
                rc = evict_one(d, l, r, err);
        }
        explain(r, known, &pods);
        kube_pods_done(&pods);
        *ret_left = left;
        return rc;
}

static int empty(const struct drainer *d, const char *node, struct leavings *known, struct drain_result *r, struct error *err) {
        for (;;) {
                size_t left = 0;
                if (hold_check(d->hold, err) < 0 || round_of(d, node, known, r, &left, err) < 0)
                        return -1;
                if (!left) {
                        r->state = DRAIN_DONE;
                        return drain_set_phase(d, node, "drained", err);
                }
                if (d->only_empty) {
                        r->state = DRAIN_GIVEN_BACK;
                        return drain_give_back(d, node, err);
                }
                say(d, "%zu pods left%s%s", left, r->waits_for ? "; " : "", r->waits_for ? r->waits_for : "");
                if (clock_mono_ms(d->clock) >= d->deadline_ms) {
                        r->state = DRAIN_WAITS;
                        return 0;
                }
                if (clock_sleep(d->clock, PAUSE_MS, d->cancel, err) < 0)
                        return -1;
        }
}

int drain_node(const struct drainer *d, const char *node, struct drain_result *ret, struct error *err) {
        struct drain_result r = { 0 };
        struct leavings known = { 0 };
        int rc = drain_cordon(d, node, &r.state, &r.since_ms, err);
        if (rc >= 0 && r.state == DRAIN_WAITS)
                rc = empty(d, node, &known, &r, err);
        leavings_done(&known);
        if (rc < 0) {
                drain_result_done(&r);
                return error_wrap(err, "draining node '%s'", node);
        }
        if (r.state == DRAIN_DONE) {
                free(r.waits_for);
                r.waits_for = NULL;
        }
        *ret = r;
        return 0;
}
