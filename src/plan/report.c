/* What a plan and its run look like to others: JSON, the critical path, a trace that Perfetto and Chrome open. */
#include <jansson.h>

#include "base/json.h"
#include "plan/internal.h"

/* The step that s waited for longest: of its dependencies the one that ended last. */
static struct plan_step *last_before(const struct plan_step *s) {
        struct plan_step *last = NULL;

        for (size_t i = 0; i < s->n_before; i++) {
                struct plan_step *b = s->before[i];
                if (b->end_ms >= 0 && (!last || b->end_ms > last->end_ms))
                        last = b;
        }
        return last;
}

size_t plan_critical_path(const struct plan *p, struct plan_step ***ret) {
        struct plan_step *end = NULL, **path = NULL;
        size_t n = 0;

        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i]->end_ms >= 0 && !p->steps[i]->always && (!end || p->steps[i]->end_ms > end->end_ms))
                        end = p->steps[i];
        for (struct plan_step *s = end; s; s = last_before(s))
                if (s->fn)
                        ARRAY_APPEND(path, n, s);
        for (size_t i = 0; i < n / 2; i++) {
                struct plan_step *t = path[i];
                path[i] = path[n - 1 - i];
                path[n - 1 - i] = t;
        }
        *ret = path;
        return n;
}

static json_t *trace_event(const struct plan_step *s, size_t lane) {
        json_t *e = json_object();

        json_object_set_new(e, "name", json_strf("%s %s %s", s->verb, s->kind, s->name));
        json_object_set_new(e, "cat", json_string(s->kind));
        json_object_set_new(e, "ph", json_string("X"));
        json_object_set_new(e, "ts", json_integer(s->start_ms * 1000));
        json_object_set_new(e, "dur", json_integer((s->end_ms - s->start_ms) * 1000));
        json_object_set_new(e, "pid", json_integer(1));
        json_object_set_new(e, "tid", json_integer((json_int_t) lane));
        json_object_set_new(e, "args", json_pack("{s:s, s:s}", "state", step_state_name(s->state), "detail", s->detail));
        return e;
}

/* Trace format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU ("complete events", microseconds).
 * One lane a progress row. */
char *plan_trace_json(const struct plan *p) {
        _cleanup_json_ json_t *root = json_object();
        json_t *events = json_array();
        _cleanup_strv_ struct strv lanes = { 0 };

        for (size_t i = 0; i < p->n_steps; i++) {
                const struct plan_step *s = p->steps[i];
                size_t lane = 0;

                if (s->start_ms < 0 || s->end_ms < 0 || !s->fn)
                        continue;
                while (lane < lanes.n && !str_eq(lanes.items[lane], s->row))
                        lane++;
                if (lane == lanes.n) {
                        strv_add(&lanes, s->row);
                        json_array_append_new(events, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", "thread_name", "ph", "M", "pid", 1,
                                                                "tid", (int) lane, "args", "name", s->row));
                }
                json_array_append_new(events, trace_event(s, lane));
        }
        json_object_set_new(root, "traceEvents", events);
        json_object_set_new(root, "displayTimeUnit", json_string("ms"));
        return json_write(root);
}

static json_t *step_json(const struct plan_step *s) {
        json_t *o = json_object(), *after = json_array();

        json_object_set_new(o, "verb", json_string(s->verb));
        json_object_set_new(o, "kind", json_string(s->kind));
        json_object_set_new(o, "name", json_string(s->name));
        if (!str_empty(s->detail))
                json_object_set_new(o, "detail", json_string(s->detail));
        json_object_set_new(o, "state", json_string(step_state_name(s->state)));
        json_object_set_new(o, "changes", json_boolean(s->state != STEP_DONE_BEFORE && !step_is_quiet(s)));
        for (size_t i = 0; i < s->n_before; i++)
                json_array_append_new(after, json_strf("%s %s %s", s->before[i]->verb, s->before[i]->kind, s->before[i]->name));
        json_object_set_new(o, "after", after);
        if (s->start_ms >= 0) {
                json_object_set_new(o, "start_ms", json_integer(s->start_ms));
                json_object_set_new(o, "end_ms", json_integer(s->end_ms));
        }
        if (s->state == STEP_FAILED)
                json_object_set_new(o, "error", json_string(error_text(&s->error)));
        return o;
}

char *plan_json(const struct plan *p) {
        _cleanup_json_ json_t *root = json_object();
        json_t *steps = json_array();

        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i]->fn)
                        json_array_append_new(steps, step_json(p->steps[i]));
        json_object_set_new(root, "plan", json_string(p->title));
        json_object_set_new(root, "changes", json_integer((json_int_t) plan_work(p)));
        json_object_set_new(root, "steps", steps);
        return json_write(root);
}
