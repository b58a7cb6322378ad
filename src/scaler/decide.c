#include "scaler/decide.h"

#include <stdio.h>

#include "scaler/work.h"

#define UNREADY_MAX_PERCENT 45

const char *repair_kind_name(enum repair_kind kind) {
        static const char *const names[_REPAIR_MAX] = {
                [REPAIR_POD_CIDR] = "pod-cidr", [REPAIR_SERVER_WITHOUT_NODE] = "server-without-node", [REPAIR_NEVER_READY] = "never-ready",
                [REPAIR_NODE_WITHOUT_SERVER] = "node-without-server", [REPAIR_RESUME_DRAIN] = "resume-drain", [REPAIR_TAKE_BACK] = "take-back",
                [REPAIR_REPORT] = "report",
        };
        return names[kind];
}

void decision_reason(struct decision *d, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        strv_take(&d->reasons, strbuf_take(&text));
}

char *count_text(size_t n, const char *one, const char *many) {
        return n == 1 ? xstrdup(one) : xasprintf("%zu %s", n, many);
}

/* Pods of one reason are one entry, however many they are. */
void decision_unplaced(struct decision *d, const struct pod *first, size_t count, const char *reason) {
        _cleanup_str_ char *pod = pod_text(first);
        for (size_t i = 0; i < d->n_unplaceable; i++) {
                struct decision_unplaceable *u = &d->unplaceable[i];
                if (!str_eq(u->reason, reason))
                        continue;
                u->count += count;
                if (strcmp(pod, u->pod) < 0) {
                        free(u->pod);
                        u->pod = TAKE(pod);
                }
                return;
        }
        ARRAY_APPEND(d->unplaceable, d->n_unplaceable, ((struct decision_unplaceable) { TAKE(pod), count, xstrdup(reason) }));
}

void decision_done(struct decision *d) {
        for (size_t i = 0; i < d->n_up; i++) {
                struct decision_up *u = &d->up[i];
                for (size_t c = 0; c < u->n_choices; c++) {
                        free(u->choices[c].type);
                        free(u->choices[c].location);
                }
                free(u->choices);
                free(u->pool);
                free(u->reason);
                strv_done(&u->pods);
        }
        for (size_t i = 0; i < d->n_down; i++) {
                char *texts[] = { d->down[i].node, d->down[i].pool, d->down[i].server, d->down[i].reason };
                for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
                        free(texts[t]);
        }
        for (size_t i = 0; i < d->n_marks; i++) {
                free(d->marks[i].node);
                free(d->marks[i].key);
                free(d->marks[i].value);
        }
        for (size_t i = 0; i < d->n_repairs; i++) {
                char *texts[] = { d->repairs[i].node, d->repairs[i].server, d->repairs[i].pool, d->repairs[i].phase, d->repairs[i].reason };
                for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
                        free(texts[t]);
        }
        for (size_t i = 0; i < d->n_unplaceable; i++) {
                free(d->unplaceable[i].pod);
                free(d->unplaceable[i].reason);
        }
        for (size_t i = 0; i < d->n_kept; i++) {
                free(d->kept[i].node);
                free(d->kept[i].reason);
        }
        void *lists[] = { d->up, d->down, d->marks, d->repairs, d->unplaceable, d->kept, d->currency };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                free(lists[i]);
        strv_done(&d->waiting);
        strv_done(&d->reasons);
        *d = (struct decision) { 0 };
}

bool decision_is_empty(const struct decision *d) {
        bool repairs = false;
        for (size_t i = 0; i < d->n_repairs; i++)
                repairs = repairs || d->repairs[i].kind != REPAIR_REPORT;
        return d->n_up == 0 && d->n_down == 0 && !repairs;
}

/* ---- may a decision be made at all? ---- */

/* Nodes that boot are not counted: they are unready because they are new. Nor those that an earlier run was taking away, whose servers may be off or gone: to
 * count them would keep a killed tick's work from ever being finished in a small cluster. */
static int refuse_unready(const struct snapshot *s, struct error *err) {
        size_t unready = 0, all = 0;
        for (size_t i = 0; i < s->n_nodes; i++) {
                const struct node *n = &s->nodes[i];
                if ((n->never_ready && s->now_ms - n->created_ms < s->settings.boot_ms) || (n->phase && !n->control_plane))
                        continue;
                all++;
                unready += !n->ready;
        }
        if (s->n_nodes == 0)
                return error_set(err, ERR_REFUSED, "there is no node at all: no decision is made");
        if (unready * 100 > all * UNREADY_MAX_PERCENT)
                return error_set(err, ERR_REFUSED, "%zu of %zu nodes are not Ready, which is more than %d %%: no decision is made", unready, all, UNREADY_MAX_PERCENT);
        return 0;
}

/* ---- making it ---- */

static void work_done(struct work *k) {
        for (size_t i = 0; i < k->n_options; i++)
                template_done(&k->options[i]);
        for (size_t i = 0; i < k->n_coming; i++)
                template_done(&k->coming[i]);
        for (size_t i = 0; i < k->n_groups; i++)
                free(k->groups[i].pods);
        for (size_t i = 0; i < k->s->n_pools && k->pool_trouble; i++)
                strv_done(&k->pool_trouble[i]);
        void *lists[] = { k->options, k->coming, k->groups, k->pool_trouble, k->server_goes, k->pool_count, k->pool_staying };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                free(lists[i]);
        world_free(k->w);
        arena_done(&k->arena);
}

/* Servers that can be made at most: room in the pools, and one a pod is enough, besides what the minima want. */
static size_t most_new(const struct work *k) {
        size_t pods = 0, room = 0, minima = 0;
        for (size_t i = 0; i < k->n_groups; i++)
                pods += k->groups[i].n;
        for (size_t p = 0; p < k->s->n_pools; p++) {
                const struct pool *pool = &k->s->pools[p];
                room += pool->autoscale ? (size_t) MAX(pool->max - k->pool_count[p], 0) : 0;
                minima += pool->autoscale ? (size_t) MAX(pool->min - k->pool_staying[p], 0) : 0;
        }
        return MIN(room, pods + minima) + 1;
}

static void tell_waiting(struct work *k) {
        struct decision *d = k->d;
        if (k->waiting_coming) {
                _cleanup_str_ char *pods = count_text(k->waiting_coming, "one pod waits", "pods wait"), *servers = count_text(k->n_coming, "a server", "servers");
                decision_reason(d, "%s for %s that boot%s", pods, servers, k->n_coming == 1 ? "s" : "");
        }
        if (k->waiting_existing) {
                _cleanup_str_ char *pods = count_text(k->waiting_existing, "one pod", "pods");
                decision_reason(d, "%s that wait%s (%s%s) should fit on nodes that are there: left to the scheduler", pods, k->waiting_existing == 1 ? "s" : "",
                                d->waiting.items[0], k->waiting_existing == 1 ? "" : ", …");
        }
        for (size_t i = 0; i < d->n_repairs; i++)
                decision_reason(d, "%s", d->repairs[i].reason);
        for (size_t i = 0; i < d->n_unplaceable; i++) {
                const struct decision_unplaceable *u = &d->unplaceable[i];
                _cleanup_str_ char *pods = u->count == 1 ? xstrdup(u->pod) : xasprintf("%zu pods (%s, …)", u->count, u->pod);
                decision_reason(d, "no server is bought for %s: %s", pods, u->reason);
        }
        for (size_t i = 0; i < k->s->warnings.n; i++)
                decision_reason(d, "%s", k->s->warnings.items[i]);
}

int decide(const struct snapshot *s, struct decision *ret, struct error *err) {
        if (!s->finished)
                return error_set(err, ERR_BUG, "a decision is asked for before the snapshot is finished");
        if (refuse_unready(s, err) < 0)
                return -1;
        struct decision d = { .currency = xstrdup(s->currency) };
        struct work k = { .s = s, .d = &d };
        k.pool_trouble = xcalloc(s->n_pools + 1, sizeof(*k.pool_trouble));
        k.server_goes = xcalloc(s->n_servers + 1, sizeof(*k.server_goes));
        k.pool_count = xcalloc(s->n_pools + 1, sizeof(*k.pool_count));
        k.pool_staying = xcalloc(s->n_pools + 1, sizeof(*k.pool_staying));
        options_build(&k);
        repair_decide(&k);
        demand_build(&k);
        k.w = world_new(s, most_new(&k) + s->n_servers);
        demand_settle(&k);
        up_decide(&k);
        down_decide(&k);
        tell_waiting(&k);
        d.after = k.month_now;
        work_done(&k);
        *ret = d;
        return 0;
}
