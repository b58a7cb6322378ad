/* Who waits for room, and who of them has it already: on what is there, or on servers that boot. */
#include "scaler/work.h"

#define EXPENDABLE (-10)       /* pods of a lower priority are no reason to buy (cluster-autoscaler's default) */

bool pod_is_demand(const struct snapshot *s, const struct pod *p) {
        const struct pod_class *c = p->class;
        bool placed = p->node_name && !(p->nominated && p->node == NONE);
        return !placed && p->unschedulable && !p->deleting && !p->finished && !c->gated && !c->daemon && !c->mirror &&
               s->now_ms - p->created_ms >= s->settings.pending_ms;
}

char *pod_text(const struct pod *p) {
        return xasprintf("%s/%s", p->class->ns, p->name);
}

static int by_size(const void *a, const void *b) {
        const struct group *x = a, *y = b;
        if (x->class->weight != y->class->weight)
                return x->class->weight > y->class->weight ? -1 : 1;
        int by_ns = strcmp(x->class->ns, y->class->ns);
        return by_ns ? by_ns : strcmp(x->pods[0]->name, y->pods[0]->name);
}

/* Why servers do not help the pod, whatever their size. */
static const char *hopeless(struct work *k, const struct pod *p) {
        const struct pod_class *c = p->class;
        _cleanup_str_ char *text = NULL;
        if (c->broken)
                text = xasprintf("its requests cannot be counted: %s", c->broken);
        else if (c->unknown)
                text = xasprintf("it cannot be judged here: %s", c->unknown);
        else if (c->priority < EXPENDABLE)
                text = xasprintf("its priority %lld is below %d: no server is bought for it", (long long) c->priority, EXPENDABLE);
        else if (p->message && strstr(p->message, "unbound immediate PersistentVolumeClaims"))
                text = xstrdup("its volume claim is not bound: servers do not help");
        else if (p->message && strstr(p->message, "persistentvolumeclaim") && strstr(p->message, "not found"))
                text = xstrdup("its volume claim does not exist: servers do not help");
        else if (c->n_claims && !k->s->known[SNAPSHOT_VOLUMES])
                text = xstrdup("it has volume claims, and the snapshot has no 'persistentVolumes'");
        return arena_text(&k->arena, text);
}

void demand_build(struct work *k) {
        const struct snapshot *s = k->s;
        uint32_t *group_of = xcalloc(s->n_classes + 1, sizeof(*group_of));     /* number + 1 */
        for (size_t i = 0; i < s->n_pods; i++) {
                const struct pod *p = &s->pods[i];
                if (!pod_is_demand(s, p))
                        continue;
                uint32_t *at = &group_of[p->class->number];
                if (*at == 0) {
                        ARRAY_APPEND(k->groups, k->n_groups, ((struct group) { .class = p->class }));
                        *at = (uint32_t) k->n_groups;
                }
                struct group *g = &k->groups[*at - 1];
                ARRAY_APPEND(g->pods, g->n, p);
                if (!g->never)
                        g->never = hopeless(k, p);
        }
        free(group_of);
        if (k->n_groups)
                qsort(k->groups, k->n_groups, sizeof(*k->groups), by_size);
        for (size_t i = 0; i < k->n_groups; i++)
                k->groups[i].left = k->groups[i].n;
}

/* Puts what fits of all groups on a range of places; returns how many. */
static size_t put_on(struct work *k, uint32_t from, uint32_t to) {
        size_t put = 0;
        for (size_t i = 0; i < k->n_groups; i++) {
                struct group *g = &k->groups[i];
                while (g->left && !g->never) {
                        uint32_t place = world_find(k->w, g->class, from, to);
                        if (place == NONE)
                                break;
                        world_put(k->w, g->class, place);
                        k->w->places[place].wanted++;
                        strv_take(&k->d->waiting, pod_text(g->pods[g->n - g->left]));
                        g->left--;
                        put++;
                }
        }
        return put;
}

/* A node of ours that is on its way out, and could still take pods that wait: it is taken back rather than another bought. */
static void take_back(struct work *k, struct decision_repair *r) {
        const struct snapshot *s = k->s;
        for (uint32_t i = 0; i < s->n_nodes; i++) {
                const struct node *n = &s->nodes[i];
                if (!str_eq(n->name, r->node) || !str_eq(n->phase, "draining") || !n->ready || n->broken || n->deleting || n->server == NONE ||
                    str_eq(s->servers[n->server].status, "deleting") || str_eq(s->servers[n->server].status, "off"))
                        continue;
                world_open(k->w, i, true);
                size_t put = put_on(k, i, i + 1);
                if (put == 0) {
                        world_open(k->w, i, false);
                        continue;
                }
                _cleanup_str_ char *pods = count_text(put, "one pod", "pods");
                free(r->reason);
                r->kind = REPAIR_TAKE_BACK;
                r->reason = xasprintf("node %s was being drained, and %s that wait%s fit on it: it is taken back", n->name, pods, put == 1 ? "s" : "");
                if (n->pool != NONE)
                        k->pool_staying[n->pool]++;
        }
}

void demand_settle(struct work *k) {
        const struct snapshot *s = k->s;
        k->waiting_existing = put_on(k, 0, (uint32_t) k->w->n_real);
        k->coming = xcalloc(s->n_servers + 1, sizeof(*k->coming));
        for (size_t i = 0; i < s->n_servers; i++)
                if (server_is_coming(s, &s->servers[i]) && !k->server_goes[i]) {
                        option_of_server(k, &s->servers[i], &k->coming[k->n_coming]);
                        world_add(k->w, &k->coming[k->n_coming++]);
                }
        k->waiting_coming = put_on(k, (uint32_t) k->w->n_real, (uint32_t) k->w->n);
        bool still_draining = false;
        for (size_t i = 0; i < k->d->n_repairs; i++) {
                if (k->d->repairs[i].kind == REPAIR_RESUME_DRAIN)
                        take_back(k, &k->d->repairs[i]);
                still_draining = still_draining || k->d->repairs[i].kind == REPAIR_RESUME_DRAIN;
        }
        k->draining = still_draining;
}
