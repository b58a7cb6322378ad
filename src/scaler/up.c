/* Which servers to make. Pods are packed, large ones first, onto nodes that do not exist yet; of all ways to do it the cheapest is taken. */
#include <stdio.h>

#include "scaler/work.h"

#define COMPARE_PODS 400       /* above so many waiting pods only one packing is tried, else one more for each option */

/* One node to be: its option, and how many pods of each group it takes. */
struct bought { uint32_t option; uint32_t *pods; };
struct plan { struct bought *items; size_t n; size_t placed; int64_t month; };

static void plan_done(struct plan *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->items[i].pods);
        free(p->items);
        *p = (struct plan) { 0 };
}

/* ---- caps ---- */

static size_t pool_index(const struct work *k, const struct template *t) {
        return (size_t) (t->pool - k->s->pools);
}

/* Why one more of this cannot be had although it may be sold, or NULL; owned. */
static char *cap_refusal(const struct work *k, const struct template *t, const struct plan *plan) {
        const struct settings *v = &k->s->settings;
        int64_t of_pool = k->pool_count[pool_index(k, t)], month = k->month_now.month + plan->month;
        for (size_t i = 0; i < plan->n; i++)
                of_pool += k->options[plan->items[i].option].pool == t->pool;
        if (of_pool >= t->pool->max)
                return xasprintf("pool '%s' is at its maximum of %lld", t->pool->name, (long long) t->pool->max);
        if (v->max_nodes && k->cluster_count + (int64_t) plan->n >= v->max_nodes)
                return xasprintf("the cluster is at its cap of %lld servers (scaler.maxNodes)", (long long) v->max_nodes);
        if (v->max_month && k->price_unknown)
                return xstrdup("there is a cap on the cost, and the price of a server that is there is not known");
        if (v->max_month && month + t->price.month > v->max_month) {
                _cleanup_str_ char *cap = money_format(v->max_month, 2), *would = money_format(month + t->price.month, 2);
                return xasprintf("it would cost %s a month, and the cap is %s (scaler.maxCostPerMonth)", would, cap);
        }
        return NULL;
}

static bool capped(const struct work *k, const struct template *t, const struct plan *plan) {
        _cleanup_str_ char *why = cap_refusal(k, t, plan);
        return why != NULL;
}

/* ---- packing ---- */

/* Puts what fits onto a new node, groups in order. Returns the weight of it; counts in pods (by group), none put: 0 and no node. */
static double fill(struct work *k, uint32_t option, uint32_t *pods) {
        uint32_t place = world_add(k->w, &k->options[option]);
        double weight = 0;
        if (place == NONE)
                return 0;
        memset(pods, 0, k->n_groups * sizeof(*pods));
        for (size_t i = 0; i < k->n_groups; i++) {
                struct group *g = &k->groups[i];
                while (g->left && !g->never && world_fits(k->w, g->class, place)) {
                        world_put(k->w, g->class, place);
                        weight += g->class->weight;
                        pods[i]++;
                        g->left--;
                }
        }
        return weight;
}

static void unfill(struct work *k, const uint32_t *pods) {
        uint32_t place = (uint32_t) k->w->n - 1;
        for (size_t i = 0; i < k->n_groups; i++) {
                for (uint32_t n = 0; n < pods[i]; n++)
                        world_take(k->w, k->groups[i].class, place);
                k->groups[i].left += pods[i];
        }
        world_pop(k->w);
}

/* Better to have: available, cheaper for what it holds, cheaper at all, preferred by the profile, first by name of its pool. */
static bool better(const struct template *a, double a_weight, const struct template *b, double b_weight) {
        if (a->sold_out != b->sold_out)
                return b->sold_out;
        double a_score = (double) a->price.month / a_weight, b_score = (double) b->price.month / b_weight;
        if (a_score < b_score * (1 - 1e-9) || b_score < a_score * (1 - 1e-9))
                return a_score < b_score;
        if (a->price.month != b->price.month)
                return a->price.month < b->price.month;
        return a->pool == b->pool ? a->rank < b->rank : strcmp(a->pool->name, b->pool->name) < 0;
}

/* The best next node, NONE when none holds anything. only: of this pool, or NULL. allow_empty: one that holds nothing will do. */
static uint32_t best_option(struct work *k, const struct plan *plan, const struct pool *only, bool allow_empty, uint32_t *scratch) {
        uint32_t best = NONE;
        double best_weight = 0;
        for (uint32_t i = 0; i < k->n_options; i++) {
                const struct template *t = &k->options[i];
                if ((only && t->pool != only) || capped(k, t, plan))
                        continue;
                size_t before = k->w->n;
                double weight = fill(k, i, scratch);
                if (k->w->n > before)
                        unfill(k, scratch);
                if (weight <= 0 && !allow_empty)
                        continue;
                weight = MAX(weight, 1e-6);
                if (best == NONE || better(t, weight, &k->options[best], best_weight)) {
                        best = i;
                        best_weight = weight;
                }
        }
        return best;
}

static bool buy(struct work *k, struct plan *plan, uint32_t option) {
        uint32_t *pods = xcalloc(k->n_groups + 1, sizeof(*pods));
        size_t before = k->w->n;
        fill(k, option, pods);
        if (k->w->n == before) {
                free(pods);
                return false;
        }
        for (size_t i = 0; i < k->n_groups; i++)
                plan->placed += pods[i];
        plan->month += k->options[option].price.month;
        ARRAY_APPEND(plan->items, plan->n, ((struct bought) { option, pods }));
        return true;
}

static void undo(struct work *k, const struct plan *plan) {
        for (size_t i = plan->n; i > 0; i--)
                unfill(k, plan->items[i - 1].pods);
}

static void redo(struct work *k, const struct plan *plan) {
        for (size_t i = 0; i < plan->n; i++) {
                uint32_t place = world_add(k->w, &k->options[plan->items[i].option]);
                for (size_t g = 0; g < k->n_groups && place != NONE; g++) {
                        for (uint32_t n = 0; n < plan->items[i].pods[g]; n++)
                                world_put(k->w, k->groups[g].class, place);
                        k->groups[g].left -= plan->items[i].pods[g];
                }
        }
}

/* Nodes that a pool must have whoever waits. */
static void buy_minimum(struct work *k, struct plan *plan, uint32_t *scratch) {
        for (size_t p = 0; p < k->s->n_pools; p++) {
                const struct pool *pool = &k->s->pools[p];
                for (int64_t have = k->pool_staying[p]; pool->autoscale && have < pool->min; have++) {
                        uint32_t option = best_option(k, plan, pool, true, scratch);
                        if (option == NONE || !buy(k, plan, option))
                                break;
                }
        }
}

/* first: the option that is taken as long as it holds anything, or NONE. */
static void pack(struct work *k, struct plan *plan, uint32_t first, uint32_t *scratch) {
        buy_minimum(k, plan, scratch);
        while (first != NONE && !capped(k, &k->options[first], plan)) {
                size_t before = k->w->n;
                double weight = fill(k, first, scratch);
                if (k->w->n > before)
                        unfill(k, scratch);
                if (weight <= 0 || !buy(k, plan, first))
                        break;
        }
        for (uint32_t next; (next = best_option(k, plan, NULL, false, scratch)) != NONE;)
                if (!buy(k, plan, next))
                        break;
}

static bool plan_better(const struct work *k, const struct plan *a, const struct plan *b) {
        size_t a_doubt = 0, b_doubt = 0;
        for (size_t i = 0; i < a->n; i++)
                a_doubt += k->options[a->items[i].option].sold_out;
        for (size_t i = 0; i < b->n; i++)
                b_doubt += k->options[b->items[i].option].sold_out;
        if (a->placed != b->placed)
                return a->placed > b->placed;
        if (a_doubt != b_doubt)
                return a_doubt < b_doubt;
        return a->month != b->month ? a->month < b->month : a->n < b->n;
}

static size_t waiting(const struct work *k) {
        size_t n = 0;
        for (size_t i = 0; i < k->n_groups; i++)
                n += k->groups[i].never ? 0 : k->groups[i].left;
        return n;
}

static struct plan choose_plan(struct work *k) {
        uint32_t *scratch = xcalloc(k->n_groups + 1, sizeof(*scratch));
        struct plan best = { 0 };
        bool compare = waiting(k) <= COMPARE_PODS;
        pack(k, &best, NONE, scratch);
        undo(k, &best);
        for (uint32_t first = 0; first < k->n_options && compare && best.placed > 1; first++) {
                struct plan other = { 0 };
                pack(k, &other, first, scratch);
                undo(k, &other);
                bool wins = plan_better(k, &other, &best);
                plan_done(wins ? &best : &other);
                if (wins)
                        best = other;
        }
        redo(k, &best);
        free(scratch);
        return best;
}

/* ---- telling it ---- */

static bool sum_fits(const struct work *k, const struct template *t, const uint32_t *pods) {
        const struct snapshot *s = k->s;
        int64_t *left = xmemdup(t->room, s->n_resources * sizeof(*left));
        bool fits = true;
        for (size_t g = 0; g < k->n_groups && fits; g++) {
                const struct pod_class *c = k->groups[g].class;
                fits = pods[g] == 0 || template_allows(s, (struct template *) t, c);
                for (size_t i = 0; i < c->requests.n && pods[g]; i++) {
                        const struct amount *a = &c->requests.items[i];
                        fits = fits && a->amount <= left[a->resource] / pods[g];
                        left[a->resource] -= fits ? a->amount * pods[g] : 0;
                }
        }
        free(left);
        return fits;
}

static struct decision_choice choice_of(const struct template *t) {
        return (struct decision_choice) { xstrdup(t->type->name), xstrdup(t->location), t->price, t->sold_out };
}

/* Would this one do as well for every node of the plan that is of the option? Zones may matter to the pods, so the cap and room alone do not say. */
static bool can_stand_in(const struct work *k, const struct plan *plan, uint32_t option, uint32_t other) {
        const struct template *a = &k->options[option], *b = &k->options[other];
        int64_t more = 0;
        if (a->pool != b->pool || option == other)
                return false;
        for (size_t i = 0; i < plan->n; i++) {
                if (plan->items[i].option != option)
                        continue;
                if (!sum_fits(k, b, plan->items[i].pods))
                        return false;
                more += b->price.month - a->price.month;
        }
        return !k->s->settings.max_month || k->month_now.month + plan->month + more <= k->s->settings.max_month;
}

static void add_choices(const struct work *k, const struct plan *plan, uint32_t option, struct decision_up *up) {
        uint32_t *order = xcalloc(k->n_options, sizeof(*order));
        size_t n = 0;
        for (uint32_t i = 0; i < k->n_options; i++) {
                if (!can_stand_in(k, plan, option, i))
                        continue;
                size_t at = n++;
                for (; at > 0 && better(&k->options[i], 1, &k->options[order[at - 1]], 1); at--)
                        order[at] = order[at - 1];
                order[at] = i;
        }
        ARRAY_APPEND(up->choices, up->n_choices, choice_of(&k->options[option]));
        for (size_t i = 0; i < n; i++)
                ARRAY_APPEND(up->choices, up->n_choices, choice_of(&k->options[order[i]]));
        free(order);
}

static int compare_text(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Names are given out in the order in which nodes were bought. */
static void name_pods(struct work *k, const struct plan *plan, uint32_t option, struct decision_up *up) {
        size_t *next = xcalloc(k->n_groups + 1, sizeof(*next));
        for (size_t g = 0; g < k->n_groups; g++) {
                size_t bought = 0;
                for (size_t i = 0; i < plan->n; i++)
                        bought += plan->items[i].pods[g];
                next[g] = k->groups[g].n - k->groups[g].left - bought;
        }
        for (size_t i = 0; i < plan->n; i++)
                for (size_t g = 0; g < k->n_groups; g++)
                        for (uint32_t n = 0; n < plan->items[i].pods[g]; n++, next[g]++)
                                if (plan->items[i].option == option)
                                        strv_take(&up->pods, pod_text(k->groups[g].pods[next[g]]));
        free(next);
        if (up->pods.n)
                qsort(up->pods.items, up->pods.n, sizeof(*up->pods.items), compare_text);
}

static void tell_option(struct work *k, const struct plan *plan, uint32_t option) {
        const struct template *t = &k->options[option];
        struct decision_up up = { .pool = xstrdup(t->pool->name) };
        for (size_t i = 0; i < plan->n; i++)
                up.count += plan->items[i].option == option;
        if (up.count == 0) {
                free(up.pool);
                return;
        }
        add_choices(k, plan, option, &up);
        name_pods(k, plan, option, &up);
        _cleanup_str_ char *price = money_format(t->price.month, 2), *pods = count_text(up.pods.n, "one pod", "pods");
        const char *unit = k->s->currency ? k->s->currency : "(currency not given)";
        if (up.pods.n)
                up.reason = xasprintf("%s %s room nowhere (%s%s): pool '%s' gets %lld × %s in %s at %s %s a month each%s", pods, up.pods.n == 1 ? "has" : "have",
                                      up.pods.items[0], up.pods.n > 1 ? ", …" : "", t->pool->name, (long long) up.count, t->type->name, t->location, price, unit,
                                      t->sold_out ? ", although it is said to be sold out" : "");
        else
                up.reason = xasprintf("pool '%s' is below its minimum of %lld: %lld × %s in %s at %s %s a month each", t->pool->name, (long long) t->pool->min,
                                      (long long) up.count, t->type->name, t->location, price, unit);
        decision_reason(k->d, "%s", up.reason);
        ARRAY_APPEND(k->d->up, k->d->n_up, up);
}

/* ---- who gets nothing ---- */

/* The refusal that tells most: of the dearest option of each pool. */
static char *pools_refusal(struct work *k, const struct group *g, const struct plan *plan) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        for (size_t p = 0; p < k->s->n_pools; p++) {
                const struct pool *pool = &k->s->pools[p];
                _cleanup_str_ char *why = NULL;
                int64_t dearest = -1;
                bool fits = false;
                for (size_t i = 0; i < k->n_options && pool->autoscale && !fits; i++) {
                        struct template *t = &k->options[i];
                        if (t->pool != pool || (t->price.month <= dearest && why))
                                continue;
                        free(why);
                        why = template_refusal(k->w, t, g->class);
                        dearest = t->price.month;
                        if (why)
                                continue;
                        fits = true;
                        why = cap_refusal(k, t, plan);
                        if (!why)
                                why = xstrdup("a new node would not satisfy its pod affinity or spread constraint");
                }
                if (!why && pool->autoscale)
                        why = k->pool_trouble[p].n ? strv_join(&k->pool_trouble[p], ", ") : xstrdup("nothing can be bought");
                if (why)
                        strbuf_addf(&text, "%s%s: %s", text.len ? "; " : "", pool->name, why);
        }
        if (text.len == 0)
                strbuf_adds(&text, "no pool has 'autoscale'");
        return strbuf_take(&text);
}

static void tell_unplaced(struct work *k, const struct plan *plan) {
        for (size_t i = 0; i < k->n_groups; i++) {
                const struct group *g = &k->groups[i];
                if (g->left == 0)
                        continue;
                _cleanup_str_ char *why = g->never ? xstrdup(g->never) : pools_refusal(k, g, plan);
                decision_unplaced(k->d, g->pods[g->n - g->left], g->left, why);
        }
}

void up_decide(struct work *k) {
        struct plan plan = choose_plan(k);
        for (uint32_t i = 0; i < k->n_options; i++)
                tell_option(k, &plan, i);
        tell_unplaced(k, &plan);
        for (size_t p = 0; p < k->s->n_pools; p++)
                for (size_t i = 0; i < k->pool_trouble[p].n; i++)
                        decision_reason(k->d, "pool '%s': %s", k->s->pools[p].name, k->pool_trouble[p].items[i]);
        for (size_t i = 0; i < plan.n; i++) {
                k->month_now.month += k->options[plan.items[i].option].price.month;
                k->month_now.hour += k->options[plan.items[i].option].price.hour;
        }
        plan_done(&plan);
}
