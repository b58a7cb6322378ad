/* Which nodes to take away: those whose pods all have room elsewhere, found so by every tick for long enough. */
#include <stdio.h>

#include "base/clock.h"
#include "scaler/work.h"

struct candidate {
        uint32_t node;
        double utilisation;
        struct money price;
        int64_t since_ms;                  /* of an unbroken count; 0: starts now */
        size_t moving;                     /* pods that must go elsewhere */
        bool unneeded;
};

static void keep_node(struct work *k, const struct node *n, const char *reason) {
        struct decision_kept kept = { xstrdup(n->name), xstrdup(reason) };
        ARRAY_APPEND(k->d->kept, k->d->n_kept, kept);
}

/* The count goes on when the last tick confirmed it and is not too long ago. */
static int64_t counted_since(const struct work *k, const struct node *n) {
        int64_t now = k->s->now_ms;
        bool sound = n->unneeded_since_ms && n->unneeded_seen_ms && n->unneeded_since_ms <= n->unneeded_seen_ms && n->unneeded_seen_ms <= now;
        return sound && now - n->unneeded_seen_ms <= k->s->settings.tick_gap_ms ? n->unneeded_since_ms : 0;
}

static size_t moving_pods(const struct snapshot *s, const struct node *n) {
        size_t moving = 0;
        for (uint32_t i = 0; i < n->n_pods; i++)
                moving += pod_moves(&s->pods[s->by_node[n->first_pod + i]]);
        return moving;
}

static bool may_go(const struct work *k, const struct node *n) {
        return n->pool != NONE && k->s->pools[n->pool].autoscale && n->server != NONE && !n->control_plane && n->ready && !n->deleting && !n->unschedulable &&
               !n->phase && !n->broken && !k->server_goes[n->server];
}

/* NULL when the node is a candidate; else why not, borrowed, or "" where nobody needs to be told. */
static const char *not_a_candidate(const struct work *k, uint32_t node, const struct candidate *c) {
        const struct node *n = &k->s->nodes[node];
        if (c->moving > 0 && c->utilisation >= k->s->settings.threshold)
                return "";
        if (n->keep)
                return "a person said so by its annotation";
        if (k->w->places[node].wanted)
                return "pods that wait have room on it";
        return NULL;
}

static int by_order(const void *a, const void *b) {
        const struct candidate *x = a, *y = b;
        int64_t x_since = x->since_ms ? x->since_ms : INT64_MAX, y_since = y->since_ms ? y->since_ms : INT64_MAX;
        if (x_since != y_since)
                return x_since < y_since ? -1 : 1;
        if ((x->moving == 0) != (y->moving == 0))
                return x->moving == 0 ? -1 : 1;
        if (x->utilisation != y->utilisation)
                return x->utilisation < y->utilisation ? -1 : 1;
        if (x->price.month != y->price.month)
                return x->price.month > y->price.month ? -1 : 1;
        return (x->node > y->node) - (x->node < y->node);      /* nodes are sorted by name */
}

static struct candidate *list_candidates(struct work *k, size_t *ret_n) {
        const struct snapshot *s = k->s;
        struct candidate *list = NULL;
        *ret_n = 0;
        for (uint32_t i = 0; i < s->n_nodes; i++) {
                const struct node *n = &s->nodes[i];
                bool known;
                if (!may_go(k, n))
                        continue;
                struct candidate c = { .node = i, .utilisation = node_utilisation(s, n), .since_ms = counted_since(k, n), .moving = moving_pods(s, n),
                                       .price = price_of_server(s, &s->servers[n->server], &known) };
                const char *why = not_a_candidate(k, i, &c);
                if (!why)
                        ARRAY_APPEND(list, *ret_n, c);
                else if (*why)
                        keep_node(k, n, why);
        }
        if (*ret_n)
                qsort(list, *ret_n, sizeof(*list), by_order);
        return list;
}

/* ---- would its pods fit elsewhere? ---- */

struct move { const struct pod *pod; uint32_t to; };

static int by_weight(const void *a, const void *b) {
        const struct move *x = a, *y = b;
        if (x->pod->class->weight != y->pod->class->weight)
                return x->pod->class->weight > y->pod->class->weight ? -1 : 1;
        return (x->pod > y->pod) - (x->pod < y->pod);          /* pods are sorted by name */
}

/* The pods that must move, or NULL and why one of them keeps the node. */
static struct move *list_moves(struct work *k, const struct node *n, size_t count, char **ret_why) {
        const struct snapshot *s = k->s;
        struct move *moves = xcalloc(count + 1, sizeof(*moves));
        size_t at = 0;
        for (uint32_t i = 0; i < n->n_pods; i++) {
                const struct pod *p = &s->pods[s->by_node[n->first_pod + i]];
                if (!pod_moves(p))
                        continue;
                _cleanup_str_ char *refusal = evictable_refusal(s, p), *text = pod_text(p);
                if (refusal) {
                        *ret_why = xasprintf("pod %s: %s", text, refusal);
                        free(moves);
                        return NULL;
                }
                moves[at++] = (struct move) { p, NONE };
        }
        if (at)
                qsort(moves, at, sizeof(*moves), by_weight);
        return moves;
}

static void move_back(struct work *k, uint32_t node, const struct move *moves, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (moves[i].to == NONE)
                        continue;
                world_take(k->w, moves[i].pod->class, moves[i].to);
                world_put(k->w, moves[i].pod->class, node);
        }
}

/* While a node is drained it still counts as a domain of spread constraints, and pods that wait for its end are only harmless where no budget waits for
 * them in turn. */
static bool counts_while_drained(const struct work *k, const struct move *moves, size_t n) {
        bool spreads = false, budgets = false;
        for (size_t i = 0; i < n; i++) {
                size_t n_budgets;
                spreads = spreads || moves[i].pod->class->n_spreads;
                budgets = budgets || budget_of(k->s, moves[i].pod->class, &n_budgets);
        }
        return spreads && budgets;
}

/* Moves all, or none and says why. */
static bool move_away(struct work *k, uint32_t node, size_t count, char **ret_why) {
        struct move *moves = list_moves(k, &k->s->nodes[node], count, ret_why);
        if (!moves)
                return false;
        world_open(k->w, node, false);
        k->w->places[node].gone = !counts_while_drained(k, moves, count);
        bool all = true;
        for (size_t i = 0; i < count && all; i++) {
                struct move *m = &moves[i];
                world_take(k->w, m->pod->class, node);
                uint32_t to = world_find(k->w, m->pod->class, 0, (uint32_t) k->w->n_real);
                if (to == NONE) {
                        world_put(k->w, m->pod->class, node);
                        _cleanup_str_ char *text = pod_text(m->pod);
                        *ret_why = xasprintf("pod %s fits on no other node", text);
                        all = false;
                        break;
                }
                m->to = to;
                world_put(k->w, m->pod->class, to);
        }
        for (size_t i = 0; i < count && all; i++)
                k->w->places[moves[i].to].wanted++;
        if (!all) {
                move_back(k, node, moves, count);
                k->w->places[node].gone = false;
                world_open(k->w, node, true);
        }
        free(moves);
        return all;
}

static void judge(struct work *k, struct candidate *c, int64_t *staying) {
        const struct node *n = &k->s->nodes[c->node];
        const struct pool *pool = &k->s->pools[n->pool];
        _cleanup_str_ char *why = NULL;
        if (k->w->places[c->node].wanted)
                why = xstrdup("pods of a node that is to go have room on it");
        else if (staying[n->pool] <= pool->min)
                why = xasprintf("pool '%s' is at its minimum of %lld", pool->name, (long long) pool->min);
        else if (move_away(k, c->node, c->moving, &why))
                c->unneeded = true;
        if (c->unneeded)
                staying[n->pool]--;
        else
                keep_node(k, n, why);
}

/* ---- telling it ---- */

static void mark(struct work *k, const struct node *n, const char *key, int64_t at_ms) {
        struct decision_mark m = { xstrdup(n->name), xstrdup(key), at_ms ? time_format_rfc3339(at_ms) : NULL };
        ARRAY_APPEND(k->d->marks, k->d->n_marks, m);
}

static void write_marks(struct work *k, const struct candidate *list, size_t n) {
        const struct snapshot *s = k->s;
        bool *unneeded = xcalloc(s->n_nodes + 1, sizeof(*unneeded));
        for (size_t i = 0; i < n; i++)
                unneeded[list[i].node] = list[i].unneeded;
        for (size_t i = 0; i < s->n_nodes; i++)
                if (!unneeded[i] && s->nodes[i].has_marks && !s->nodes[i].phase) {
                        mark(k, &s->nodes[i], ANNOTATION_UNNEEDED_SINCE, 0);
                        mark(k, &s->nodes[i], ANNOTATION_UNNEEDED_SEEN, 0);
                }
        for (size_t i = 0; i < n; i++) {
                if (!list[i].unneeded)
                        continue;
                if (!list[i].since_ms)
                        mark(k, &s->nodes[list[i].node], ANNOTATION_UNNEEDED_SINCE, s->now_ms);
                mark(k, &s->nodes[list[i].node], ANNOTATION_UNNEEDED_SEEN, s->now_ms);
        }
        free(unneeded);
}

static void tell(struct work *k, const struct candidate *c) {
        const struct node *n = &k->s->nodes[c->node];
        const struct server *v = &k->s->servers[n->server];
        _cleanup_str_ char *span = time_format_span(k->s->now_ms - c->since_ms), *pods = count_text(c->moving, "one pod", "pods");
        _cleanup_str_ char *price = money_format(c->price.month, 2);
        struct decision_down d = {
                .node = xstrdup(n->name), .pool = xstrdup(k->s->pools[n->pool].name), .server = xstrdup(v->name), .server_id = v->id, .drain = c->moving > 0,
                .since_ms = c->since_ms, .utilisation = c->utilisation, .saves = c->price,
        };
        if (d.drain)
                d.reason = xasprintf("node %s has been at %d %% for %s, and its %s fit%s elsewhere: it goes, and saves %s a month", n->name, (int) (c->utilisation * 100),
                                     span, pods, c->moving == 1 ? "s" : "", price);
        else
                d.reason = xasprintf("node %s has been empty for %s: it goes, and saves %s a month", n->name, span, price);
        decision_reason(k->d, "%s", d.reason);
        k->month_now.month -= c->price.month;
        k->month_now.hour -= c->price.hour;
        ARRAY_APPEND(k->d->down, k->d->n_down, d);
}

static void choose(struct work *k, const struct candidate *list, size_t n) {
        int64_t empty = 0;
        bool drains = k->draining || k->d->n_up > 0;
        for (size_t i = 0; i < n; i++) {
                const struct candidate *c = &list[i];
                if (!c->unneeded || !c->since_ms || k->s->now_ms - c->since_ms < k->s->settings.unneeded_ms)
                        continue;
                if (c->moving == 0 ? empty >= k->s->settings.max_empty : drains)
                        continue;
                empty += c->moving == 0;
                drains = drains || c->moving > 0;
                tell(k, c);
        }
}

void down_decide(struct work *k) {
        size_t n;
        struct candidate *list = list_candidates(k, &n);
        int64_t *staying = xcalloc(k->s->n_pools + 1, sizeof(*staying));
        memcpy(staying, k->pool_staying, k->s->n_pools * sizeof(*staying));
        for (size_t i = 0; i < n; i++)
                judge(k, &list[i], staying);
        write_marks(k, list, n);
        choose(k, list, n);
        free(staying);
        free(list);
}
