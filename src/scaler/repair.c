/* What is out of step between cloud and Kubernetes. */
#include <stdio.h>

#include "base/clock.h"
#include "scaler/work.h"

#define GONE_READY_MS 300000   /* a Node whose server is gone must have been unready for this long before it is deleted */
#define GONE_TICKS_MS 30000    /* and have been seen so by a tick at least this long ago */

void decision_repair(struct work *k, enum repair_kind kind, const struct node *n, const struct server *v, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        uint32_t pool = v ? v->pool : n ? n->pool : NONE;
        struct decision_repair r = {
                .kind = kind, .node = xstrdup(n ? n->name : NULL), .server = xstrdup(v ? v->name : NULL), .server_id = v ? v->id : 0,
                .pool = xstrdup(pool != NONE ? k->s->pools[pool].name : NULL), .phase = xstrdup(n ? n->phase : NULL), .reason = strbuf_take(&text),
        };
        ARRAY_APPEND(k->d->repairs, k->d->n_repairs, r);
}

bool server_is_coming(const struct snapshot *s, const struct server *v) {
        if (!v->cluster || v->pool == NONE || str_eq(v->status, "deleting") || !v->created_ms || s->now_ms - v->created_ms >= s->settings.boot_ms)
                return false;
        return v->node == NONE || (s->nodes[v->node].never_ready && !s->nodes[v->node].phase);
}

static bool holds_pods(const struct snapshot *s, const struct node *n) {
        for (uint32_t i = 0; i < n->n_pods; i++)
                if (pod_moves(&s->pods[s->by_node[n->first_pod + i]]))
                        return true;
        return false;
}

static char *age_text(const struct work *k, int64_t since_ms) {
        return time_format_span(MAX(k->s->now_ms - since_ms, 0));
}

/* Nothing is deleted for want of a Node where Nodes and servers do not belong together: another cluster's Kubernetes, provider ids of another form. */
static const char *doubt(const struct work *k, const struct server *v) {
        const struct snapshot *s = k->s;
        bool related = false;
        for (size_t i = 0; i < s->n_servers; i++)
                related = related || (s->servers[i].cluster && s->servers[i].node != NONE);
        for (size_t i = 0; i < s->n_nodes; i++)
                if (s->nodes[i].name == v->name && s->nodes[i].ready && v->node == NONE)
                        return "a Ready Node of its name has another provider id, so it is left alone";
        return related ? NULL : "no server of the cluster has a Node here, so it is left alone: is this the cluster's Kubernetes?";
}

/* A server of ours that has no Ready Node and is not booting any more. */
static void judge_server(struct work *k, uint32_t index) {
        const struct snapshot *s = k->s;
        const struct server *v = &s->servers[index];
        const struct node *n = v->node != NONE ? &s->nodes[v->node] : NULL;
        if (v->control_plane || server_is_coming(s, v) || (n && (n->ready || n->phase)) || str_eq(v->status, "deleting"))
                return;
        _cleanup_str_ char *age = age_text(k, n && !n->never_ready ? n->ready_change_ms : v->created_ms);
        if (n && !n->never_ready) {
                decision_repair(k, REPAIR_REPORT, n, v, "node %s was Ready once and has not been for %s: its room is not counted, and nothing is done to it",
                                n->name, age);
                return;
        }
        const char *alone = !s->pools[v->pool].autoscale ? "its pool has no 'autoscale', so it is left alone"
                            : n && holds_pods(s, n)      ? "pods are bound to it, so it is left alone"
                                                         : doubt(k, v);
        if (alone) {
                decision_repair(k, REPAIR_REPORT, n, v, "server %s has %s %s after it was made; %s", v->name, n ? "no Ready Node" : "no Node", age, alone);
                return;
        }
        k->server_goes[index] = true;
        decision_repair(k, n ? REPAIR_NEVER_READY : REPAIR_SERVER_WITHOUT_NODE, n, v, "server %s has %s %s after it was made: it is deleted, and replaced where it is needed",
                        v->name, n ? "no Ready Node" : "no Node", age);
}

static bool is_ours(const struct work *k, const struct node *n) {
        if (n->server != NONE)
                return k->s->servers[n->server].cluster != NULL;
        const char *label = arena_find(&k->s->arena, "hcloud-v6/pool");
        return label && pairs_get(&n->labels, label);
}

static void mark(struct work *k, const struct node *n, const char *key, const char *value) {
        struct decision_mark m = { xstrdup(n->name), xstrdup(key), xstrdup(value) };
        ARRAY_APPEND(k->d->marks, k->d->n_marks, m);
}

/* A Node whose server the cloud does not list. */
static void judge_gone(struct work *k, const struct node *n) {
        int64_t now = k->s->now_ms;
        if (n->control_plane || n->ready) {
                decision_repair(k, REPAIR_REPORT, n, NULL, "node %s names the server %lld, which this project does not have; nothing is done to it", n->name,
                                (long long) n->server_id);
                return;
        }
        bool seen_before = n->gone_since_ms && now - n->gone_since_ms >= GONE_TICKS_MS;
        if (!n->gone_since_ms || n->gone_since_ms > now) {
                _cleanup_str_ char *text = time_format_rfc3339(now);
                mark(k, n, ANNOTATION_GONE_SINCE, text);
        }
        if (seen_before && n->ready_change_ms && now - n->ready_change_ms >= GONE_READY_MS)
                decision_repair(k, REPAIR_NODE_WITHOUT_SERVER, n, NULL, "node %s has no server any more: the Node is deleted", n->name);
        else
                decision_repair(k, REPAIR_REPORT, n, NULL, "node %s has no server any more; the Node is deleted once that has been seen twice over 5 minutes", n->name);
}

static void judge_node(struct work *k, const struct node *n) {
        if (n->has_gone_mark && (n->server != NONE || n->ready))
                mark(k, n, ANNOTATION_GONE_SINCE, NULL);
        if (!is_ours(k, n))
                return;
        if (n->phase && n->control_plane) {
                decision_repair(k, REPAIR_REPORT, n, NULL, "node %s is a control plane and carries '%s': control planes are never taken away", n->name, ANNOTATION_PHASE);
        } else if (n->phase) {
                decision_repair(k, REPAIR_RESUME_DRAIN, n, n->server != NONE ? &k->s->servers[n->server] : NULL, "node %s was left %s by an earlier run", n->name,
                                n->phase);
                k->draining = true;
        } else if (n->server == NONE && n->server_id && !n->deleting) {
                judge_gone(k, n);
        } else if (!n->has_pod_cidr && !n->deleting && n->server != NONE && !k->server_goes[n->server]) {
                decision_repair(k, REPAIR_POD_CIDR, n, &k->s->servers[n->server], "node %s has no pod CIDR", n->name);
        }
}

static void count_servers(struct work *k) {
        const struct snapshot *s = k->s;
        for (size_t i = 0; i < s->n_servers; i++) {
                const struct server *v = &s->servers[i];
                bool known, going = v->node != NONE && s->nodes[v->node].phase && !v->control_plane;
                if (!v->cluster)
                        continue;
                struct money m = price_of_server(s, v, &known);
                k->d->before.hour += m.hour;
                k->d->before.month += m.month;
                k->price_unknown = k->price_unknown || !known;
                if (k->server_goes[i])
                        continue;
                k->month_now.hour += m.hour;
                k->month_now.month += m.month;
                k->cluster_count++;
                if (v->pool != NONE) {
                        k->pool_count[v->pool]++;
                        k->pool_staying[v->pool] += !going;
                }
        }
}

static void report_strangers(struct work *k) {
        for (size_t i = 0; i < k->s->n_servers; i++) {
                const struct server *v = &k->s->servers[i];
                if (v->cluster && !v->control_plane && v->pool == NONE && v->pool_name)
                        decision_repair(k, REPAIR_REPORT, NULL, v, "server %s is of the pool '%s', which the profile does not have; nothing is done to it", v->name,
                                        v->pool_name);
        }
}

void repair_decide(struct work *k) {
        const struct snapshot *s = k->s;
        for (uint32_t i = 0; i < s->n_servers; i++)
                if (s->servers[i].cluster && s->servers[i].pool != NONE)
                        judge_server(k, i);
        for (size_t i = 0; i < s->n_nodes; i++)
                judge_node(k, &s->nodes[i]);
        report_strangers(k);
        count_servers(k);
}
