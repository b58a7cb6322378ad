/* The decision as JSON: docs/scaler.md. */
#include "base/clock.h"
#include "base/json.h"
#include "scaler/decide.h"

static json_t *money_json(int64_t units) {
        _cleanup_str_ char *text = money_format(units, 4);
        return json_string(text);
}

static json_t *time_json(int64_t ms) {
        _cleanup_str_ char *text = time_format_rfc3339(ms);
        return json_string(text);
}

/* Counts a pool; a pool of several types is one key. */
static json_t *counts_json(const struct decision *d) {
        json_t *o = json_object();
        for (size_t i = 0; i < d->n_up; i++) {
                json_int_t before = json_integer_value(json_object_get(o, d->up[i].pool));
                jset(o, d->up[i].pool, json_integer(before + d->up[i].count));
        }
        return o;
}

static json_t *up_json(const struct decision_up *u) {
        json_t *o = json_object(), *choices = json_array(), *pods = json_array();
        for (size_t i = 0; i < u->n_choices; i++) {
                const struct decision_choice *c = &u->choices[i];
                json_array_append_new(choices, json_pack("{s:s, s:s, s:o, s:o, s:b}", "type", c->type, "location", c->location, "hourly", money_json(c->each.hour),
                                                         "monthly", money_json(c->each.month), "soldOut", c->sold_out));
        }
        for (size_t i = 0; i < u->pods.n; i++)
                json_array_append_new(pods, json_string(u->pods.items[i]));
        jset_str(o, "pool", u->pool);
        jset(o, "count", json_integer(u->count));
        jset(o, "choices", choices);
        jset(o, "pods", pods);
        jset_str(o, "reason", u->reason);
        return o;
}

static json_t *down_json(const struct decision_down *v) {
        json_t *o = json_object();
        jset_str(o, "node", v->node);
        jset_str(o, "pool", v->pool);
        jset_str(o, "server", v->server);
        jset(o, "serverId", json_integer(v->server_id));
        jset(o, "drain", json_boolean(v->drain));
        jset(o, "unneededSince", time_json(v->since_ms));
        jset(o, "utilisation", json_real((double) (int64_t) (v->utilisation * 1000 + 0.5) / 1000));
        jset(o, "savesMonthly", money_json(v->saves.month));
        jset_str(o, "reason", v->reason);
        return o;
}

static json_t *repair_json(const struct decision_repair *r) {
        json_t *o = json_object();
        jset_str(o, "kind", repair_kind_name(r->kind));
        jset_str(o, "node", r->node);
        jset_str(o, "server", r->server);
        jset(o, "serverId", r->server_id ? json_integer(r->server_id) : NULL);
        jset_str(o, "pool", r->pool);
        jset_str(o, "phase", r->phase);
        jset_str(o, "reason", r->reason);
        return o;
}

json_t *decision_json(const struct decision *d) {
        json_t *waiting = json_array();
        for (size_t i = 0; i < d->waiting.n; i++)
                json_array_append_new(waiting, json_string(d->waiting.items[i]));
        json_t *o = json_object(), *down = json_array(), *unplaceable = json_array(), *reasons = json_array(), *servers = json_array(), *nodes = json_array(),
               *marks = json_array(), *repairs = json_array(), *kept = json_array();
        for (size_t i = 0; i < d->n_up; i++)
                json_array_append_new(servers, up_json(&d->up[i]));
        for (size_t i = 0; i < d->n_down; i++) {
                json_array_append_new(down, json_string(d->down[i].node));
                json_array_append_new(nodes, down_json(&d->down[i]));
        }
        for (size_t i = 0; i < d->n_unplaceable; i++)
                json_array_append_new(unplaceable, json_pack("{s:s, s:s, s:I}", "pod", d->unplaceable[i].pod, "reason", d->unplaceable[i].reason, "count",
                                                             (json_int_t) d->unplaceable[i].count));
        for (size_t i = 0; i < d->reasons.n; i++)
                json_array_append_new(reasons, json_string(d->reasons.items[i]));
        for (size_t i = 0; i < d->n_marks; i++)
                json_array_append_new(marks, json_pack("{s:s, s:s, s:s?}", "node", d->marks[i].node, "annotation", d->marks[i].key, "value", d->marks[i].value));
        for (size_t i = 0; i < d->n_repairs; i++)
                json_array_append_new(repairs, repair_json(&d->repairs[i]));
        for (size_t i = 0; i < d->n_kept; i++)
                json_array_append_new(kept, json_pack("{s:s, s:s}", "node", d->kept[i].node, "reason", d->kept[i].reason));
        jset(o, "up", counts_json(d));
        jset(o, "down", down);
        jset(o, "unplaceable", unplaceable);
        jset(o, "reasons", reasons);
        jset(o, "servers", servers);
        jset(o, "nodes", nodes);
        jset(o, "repairs", repairs);
        jset(o, "annotations", marks);
        jset(o, "kept", kept);
        jset(o, "waiting", waiting);
        json_t *cost = json_pack("{s:o, s:o}", "monthlyBefore", money_json(d->before.month), "monthlyAfter", money_json(d->after.month));
        jset_str(cost, "currency", d->currency);
        jset(o, "cost", cost);
        return o;
}
