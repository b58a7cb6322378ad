#include "scaler/act.h"

#include <stdio.h>

#include "kube/node.h"

#define NODE_MS (5 * 60 * 1000)        /* how long a tick stays for the Nodes of servers that it made */
#define DRAIN_MS (5 * 60 * 1000)

/* One node that goes, through both plans. */
struct going {
        struct acting *a;
        char *node, *server;                   /* server NULL: it is gone already */
        int64_t server_id;
        char *why;
        bool drain;                            /* its pods are evicted; else it must be empty */
        bool no_node;                          /* nothing to drain: it never was a Node, or never Ready */
        bool gone;                             /* drained: to be removed */
        struct drain_result result;
};
struct goings { struct going *items; size_t n; };

static void goings_done(struct goings *g) {
        for (size_t i = 0; i < g->n; i++) {
                free(g->items[i].node);
                free(g->items[i].server);
                free(g->items[i].why);
                drain_result_done(&g->items[i].result);
        }
        free(g->items);
        *g = (struct goings) { 0 };
}

static void did(struct acting *a, char *text) { strv_take(&a->report->did, text); }
static void waits(struct acting *a, char *text) { strv_take(&a->report->waits, text); }

static struct drainer drainer_of(struct acting *a) {
        return (struct drainer) { .kube = a->seen->view.kube, .clock = a->clock, .cancel = a->cancel, .hold = a->hold,
                                  .deadline_ms = clock_mono_ms(a->clock) + (a->o->drain_ms ? a->o->drain_ms : DRAIN_MS) };
}

/* ---- marks ---- */

/* A Node's marks in one patch. One that is gone meanwhile has no use for them. */
static int write_marks(struct acting *a, struct error *err) {
        const struct decision *d = &a->report->decision;
        for (size_t i = 0; i < d->n_marks;) {
                struct kube_change *changes = NULL;
                size_t n = 0, first = i;
                _cleanup_error_ struct error e = ERROR_INIT;
                for (; i < d->n_marks && str_eq(d->marks[i].node, d->marks[first].node); i++)
                        ARRAY_APPEND(changes, n, ((struct kube_change) { d->marks[i].key, d->marks[i].value }));
                int rc = kube_node_set_annotations(a->seen->view.kube, d->marks[first].node, changes, n, &e);
                free(changes);
                if (rc < 0 && e.kind != ERR_NOT_FOUND)
                        return error_move(err, &e);
        }
        return 0;
}

/* ---- what the decision says, as orders ---- */

struct orders {
        struct goings going;
        const char **forget; size_t n_forget;
        struct scale_add *add; size_t n_add;
};

static void orders_done(struct orders *o) {
        goings_done(&o->going);
        for (size_t i = 0; i < o->n_add; i++)
                free((void *) o->add[i].choices);
        free(o->add);
        free(o->forget);
        *o = (struct orders) { 0 };
}

static void order_going(struct acting *a, struct orders *o, const struct going *g) {
        struct going copy = *g;
        copy.a = a;
        copy.node = xstrdup(g->node);
        copy.server = xstrdup(g->server);
        copy.why = xstrdup(g->why);
        ARRAY_APPEND(o->going.items, o->going.n, copy);
}

static bool server_exists(const struct acting *a, int64_t id) {
        for (size_t i = 0; i < a->seen->view.servers->n; i++)
                if (a->seen->view.servers->items[i].id == id)
                        return true;
        return false;
}

static int order_repair(struct acting *a, struct orders *o, const struct decision_repair *r, struct error *err) {
        struct drainer d = drainer_of(a);
        bool exists = r->server && r->server_id && server_exists(a, r->server_id);
        struct going g = { .node = r->node, .server = r->server, .server_id = r->server_id, .why = r->reason };
        switch (r->kind) {
        case REPAIR_SERVER_WITHOUT_NODE:
        case REPAIR_NEVER_READY:
                g.no_node = true;
                order_going(a, o, &g);
                return 0;
        case REPAIR_NODE_WITHOUT_SERVER:
                ARRAY_APPEND(o->forget, o->n_forget, r->node);
                return 0;
        case REPAIR_RESUME_DRAIN:
                if (!exists) {                 /* the last run came as far as the server */
                        ARRAY_APPEND(o->forget, o->n_forget, r->node);
                        return 0;
                }
                g.drain = true;
                order_going(a, o, &g);
                return 0;
        case REPAIR_TAKE_BACK:
                if (drain_give_back(&d, r->node, err) < 0)
                        return -1;
                a->report->repaired++;
                did(a, xasprintf("gave %s back: %s", r->node, r->reason));
                return 0;
        case REPAIR_REPORT:
                waits(a, xstrdup(r->reason));
                return 0;
        case REPAIR_POD_CIDR:                  /* part of every plan: "finish" */
        default:
                return 0;
        }
}

static int take_orders(struct acting *a, struct orders *o, struct error *err) {
        const struct decision *d = &a->report->decision;
        for (size_t i = 0; i < d->n_repairs; i++)
                if (order_repair(a, o, &d->repairs[i], err) < 0)
                        return -1;
        for (size_t i = 0; i < d->n_down; i++) {
                struct going g = { .node = d->down[i].node, .server = d->down[i].server, .server_id = d->down[i].server_id, .why = d->down[i].reason,
                                   .drain = d->down[i].drain };
                order_going(a, o, &g);
        }
        for (size_t i = 0; i < d->n_up; i++) {
                const struct decision_up *u = &d->up[i];
                struct scale_choice *choices = xcalloc(u->n_choices + 1, sizeof(*choices));
                for (size_t j = 0; j < u->n_choices; j++)
                        choices[j] = (struct scale_choice) { u->choices[j].type, u->choices[j].location };
                ARRAY_APPEND(o->add, o->n_add, ((struct scale_add) { .pool = u->pool, .count = u->count, .choices = choices, .n_choices = u->n_choices }));
        }
        return 0;
}

/* ---- the first plan: what comes, what is unfinished, what is drained ---- */

static void note_step(void *data, const char *text) {
        plan_step_note(data, "%s", text);
}

/* A drain that fails is no reason to stop what comes: it is reported and taken up by the next tick. */
static int step_drain(struct plan_step *s, void *arg, struct error *err) {
        struct going *g = arg;
        struct drainer d = drainer_of(g->a);
        _cleanup_error_ struct error e = ERROR_INIT;
        d.only_empty = !g->drain;
        d.note = note_step;
        d.note_data = s;
        if (drain_node(&d, g->node, &g->result, &e) >= 0) {
                g->gone = g->result.state == DRAIN_DONE || g->result.state == DRAIN_NO_NODE;
                return 0;
        }
        if (e.kind == ERR_CANCELLED || e.kind == ERR_LOCKED)
                return error_move(err, &e);
        g->result = (struct drain_result) { .state = DRAIN_WAITS, .waits_for = xstrdup(error_text(&e)) };
        return 0;
}

static int plan_coming(struct acting *a, const struct orders *o, const struct goings *leave, struct plan **ret, struct error *err) {
        const char **names = xcalloc(leave->n + 1, sizeof(*names));
        struct scale_options so = { .add = o->add, .n_add = o->n_add, .forget = o->forget, .n_forget = o->n_forget, .finish = true, .node_ms = NODE_MS, .leave = names };
        for (size_t i = 0; i < leave->n; i++)
                if (leave->items[i].server)
                        names[so.n_leave++] = leave->items[i].server;
        int rc = cluster_plan_scale(a->c, &so, ret, err);
        free(names);
        return rc;
}

static void add_drains(struct orders *o, struct plan *p) {
        struct plan_step *lock = plan_at(p, 0);
        for (size_t i = 0; i < o->going.n; i++) {
                struct going *g = &o->going.items[i];
                g->gone = g->no_node;
                if (!g->no_node)
                        plan_after(plan_add(p, "drain", "node", g->node, step_drain, g), lock);
        }
}

/* What the plan did beyond the decision: nodes that an earlier run left unfinished. Said once for each kind of step. */
static void report_finished(struct acting *a, const struct plan *p, const struct orders *o) {
        static const struct { const char *verb, *kind, *text; } kinds[] = {
                { "assign", "pod-cidr", "gave a pod CIDR to" }, { "label", "node", "labelled" }, { "start", "server", "started" },
                { "attach", "network", "attached" }, { "apply", "firewall", "put the firewall before" }, { "update", "firewall", "updated firewall" },
                { "delete", "primary-ip", "released the address of" }, { "delete", "node", "deleted Node" }, { "push", "config", "configured" },
        };
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                _cleanup_strv_ struct strv names = { 0 };
                for (size_t i = 0; i < plan_size(p); i++) {
                        const struct plan_step *s = plan_at(p, i);
                        if (step_get_state(s) == STEP_DONE && !step_is_quiet(s) && str_eq(step_verb(s), kinds[k].verb) && str_eq(step_kind(s), kinds[k].kind))
                                strv_add(&names, step_name(s));
                }
                if (!names.n)
                        continue;
                a->report->repaired += o->n_add ? 0 : names.n;
                _cleanup_str_ char *list = strv_join(&names, ", ");
                if (!o->n_add)
                        did(a, xasprintf("%s %s", kinds[k].text, list));
        }
}

static void report_added(struct acting *a, const struct plan *p) {
        const struct decision *d = &a->report->decision;
        size_t made = 0;
        for (size_t i = 0; i < plan_size(p); i++) {
                const struct plan_step *s = plan_at(p, i);
                made += step_get_state(s) == STEP_DONE && str_eq(step_verb(s), "create") && str_eq(step_kind(s), "server");
        }
        a->report->added = made;
        for (size_t i = 0; made && i < d->n_up; i++)
                did(a, xasprintf("%s +%lld%s%s: %s", d->up[i].pool, (long long) d->up[i].count, d->up[i].n_choices ? " " : "",
                                 d->up[i].n_choices ? d->up[i].choices[0].type : "", d->up[i].reason));
}

static bool ends_all(const struct error *e) {
        return e->kind == ERR_CANCELLED || e->kind == ERR_LOCKED || e->kind == ERR_AUTH || e->kind == ERR_CONFLICT;
}

static int run_coming(struct acting *a, struct orders *o, struct error *err) {
        _cleanup_(plan_freep) struct plan *p = NULL;
        if (plan_coming(a, o, &o->going, &p, err) < 0) {
                /* What comes cannot even be planned (a type without snapshot, say): what goes and is repaired does not wait for that. */
                struct orders rest = { .forget = o->forget, .n_forget = o->n_forget };
                if (!o->n_add || plan_coming(a, &rest, &o->going, &p, NULL) < 0)
                        return -1;
                add_drains(o, p);
                cluster_run(a->c, p, a->o->observer, NULL);
                return -1;
        }
        add_drains(o, p);
        if (!plan_work(p))
                return 0;
        int rc = cluster_run(a->c, p, a->o->observer, err);
        report_added(a, p);
        report_finished(a, p, o);
        return rc;
}

/* ---- the second plan: what goes ---- */

static void report_going(struct acting *a, const struct going *g, bool removed) {
        const char *name = g->node ? g->node : g->server;
        if (removed) {
                a->report->removed++;
                a->report->repaired += g->no_node;
                did(a, xasprintf("removed %s: %s", name, g->why));
        } else if (g->result.state == DRAIN_GIVEN_BACK) {
                did(a, xasprintf("gave %s back: it was not empty any more, or a person uncordoned it", name));
        } else if (!g->gone) {
                a->report->draining++;
                waits(a, xasprintf("draining %s, %zu pod%s moved%s%s", name, g->result.moved, g->result.moved == 1 ? "" : "s", g->result.waits_for ? "; waits for " : "",
                                   g->result.waits_for ? g->result.waits_for : ""));
        }
}

static int remove_gone(struct acting *a, struct orders *o, struct error *err) {
        _cleanup_(plan_freep) struct plan *p = NULL;
        const char **names = xcalloc(o->going.n + 1, sizeof(*names));
        struct drainer d = drainer_of(a);
        size_t n = 0;
        int rc = 0;
        for (size_t i = 0; rc >= 0 && i < o->going.n; i++) {
                struct going *g = &o->going.items[i];
                if (!g->gone || !g->server)
                        continue;
                names[n++] = g->server;
                if (!g->no_node)
                        rc = drain_set_phase(&d, g->node, "deleting", err);
        }
        struct scale_options so = { .remove = names, .n_remove = n, .node_ms = NODE_MS };
        if (rc >= 0 && n)
                rc = cluster_plan_scale(a->c, &so, &p, err);
        if (rc >= 0 && n)
                rc = cluster_run(a->c, p, a->o->observer, err);
        free(names);
        for (size_t i = 0; i < o->going.n; i++)
                report_going(a, &o->going.items[i], rc >= 0 && o->going.items[i].gone && o->going.items[i].server);
        return rc;
}

static void report_notes(struct acting *a) {
        const struct strv *notes = cluster_notes(a->c);
        for (size_t i = 0; i < notes->n; i++)
                waits(a, xstrdup(notes->items[i]));
}

int act(struct acting *a, struct error *err) {
        struct orders o = { 0 };
        _cleanup_error_ struct error first = ERROR_INIT;
        int rc = hold_check(a->hold, err);
        if (rc >= 0)
                rc = write_marks(a, err);
        if (rc >= 0)
                rc = take_orders(a, &o, err);
        if (rc >= 0 && run_coming(a, &o, &first) < 0 && ends_all(&first))
                rc = error_move(err, &first);
        if (rc >= 0) {
                report_notes(a);
                rc = hold_check(a->hold, err);
        }
        if (rc >= 0)
                rc = remove_gone(a, &o, err);
        if (rc >= 0 && first.kind != ERR_NONE)
                rc = error_move(err, &first);
        orders_done(&o);
        return rc;
}

int act_preview(struct acting *a, size_t *ret_work, struct error *err) {
        struct orders o = { 0 };
        _cleanup_(plan_freep) struct plan *p = NULL;
        const struct decision *d = &a->report->decision;
        for (size_t i = 0; i < d->n_up; i++)
                ARRAY_APPEND(o.add, o.n_add, ((struct scale_add) { .pool = d->up[i].pool, .count = d->up[i].count }));
        int rc = plan_coming(a, &o, &o.going, &p, err);
        if (rc >= 0)
                *ret_work = plan_work(p);
        orders_done(&o);
        return rc;
}
