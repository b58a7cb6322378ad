/* Building a plan and asking about it. */
#include <pthread.h>

#include "base/strbuf.h"
#include "plan/internal.h"

static const char *const state_names[] = {
        [STEP_WAITING] = "waiting", [STEP_DONE_BEFORE] = "unchanged", [STEP_RUNNING] = "running",
        [STEP_DONE] = "done",       [STEP_FAILED] = "failed",         [STEP_SKIPPED] = "skipped",
};

const char *step_state_name(enum step_state s) {
        return (size_t) s < ARRAY_SIZE(state_names) ? state_names[s] : "unknown";
}

struct plan *plan_new(const char *title) {
        struct plan *p = xnew0(struct plan);

        p->title = xstrdup(title);
        pthread_mutex_init(&p->lock, NULL);
        pthread_cond_init(&p->wake, NULL);
        return p;
}

static void step_free(struct plan_step *s) {
        free(s->verb);
        free(s->kind);
        free(s->name);
        free(s->row);
        free(s->detail);
        free(s->before);
        free(s->after);
        error_done(&s->error);
        free(s);
}

void plan_free(struct plan *p) {
        if (!p)
                return;
        for (size_t i = 0; i < p->n_steps; i++)
                step_free(p->steps[i]);
        /* In reverse, since later memory may point into earlier. */
        for (size_t i = p->n_owned; i > 0; i--)
                p->owned[i - 1].release(p->owned[i - 1].memory);
        free(p->owned);
        free(p->steps);
        free(p->queue);
        free(p->title);
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
        free(p);
}

struct plan_step *plan_add(struct plan *p, const char *verb, const char *kind, const char *name, step_fn fn, void *arg) {
        struct plan_step *s = xnew0(struct plan_step);

        s->plan = p;
        s->verb = xstrdup(verb);
        s->kind = xstrdup(kind);
        s->name = xstrdup(name);
        s->row = xstrdup(name);
        s->detail = xstrdup("");
        s->fn = fn;
        s->arg = arg;
        s->error = ERROR_INIT;
        s->start_ms = s->end_ms = s->ready_ms = -1;
        ARRAY_APPEND(p->steps, p->n_steps, s);
        return s;
}

void plan_after(struct plan_step *step, struct plan_step *before) {
        if (!before)
                return;
        for (size_t i = 0; i < step->n_before; i++)
                if (step->before[i] == before)
                        return;
        ARRAY_APPEND(step->before, step->n_before, before);
        ARRAY_APPEND(before->after, before->n_after, step);
}

void plan_step_detail(struct plan_step *step, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        free(step->detail);
        step->detail = strbuf_take(&text);
}

void plan_step_row(struct plan_step *step, const char *row) {
        free(step->row);
        step->row = xstrdup(row);
}

void plan_step_unchanged(struct plan_step *step) { step->state = STEP_DONE_BEFORE; }
void plan_step_urgent(struct plan_step *step) { step->urgent = true; }

void plan_step_quiet(struct plan_step *step) { step->quiet = true; }
void plan_apart(struct plan_step *step) { step->apart = true; }
void plan_always(struct plan_step *step) { step->always = true; }

void plan_own(struct plan *p, void *memory, void (*release)(void *)) {
        struct plan_owned o = { .memory = memory, .release = release };
        ARRAY_APPEND(p->owned, p->n_owned, o);
}

size_t plan_work(const struct plan *p) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i]->state != STEP_DONE_BEFORE && !p->steps[i]->quiet && p->steps[i]->fn)
                        n++;
        return n;
}

size_t plan_to_run(const struct plan *p) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_steps; i++)
                n += p->steps[i]->fn && p->steps[i]->state != STEP_DONE_BEFORE;
        return n;
}

size_t plan_size(const struct plan *p) { return p->n_steps; }
struct plan_step *plan_at(const struct plan *p, size_t i) { return p->steps[i]; }

const char *step_verb(const struct plan_step *s) { return s->verb; }
const char *step_kind(const struct plan_step *s) { return s->kind; }
const char *step_name(const struct plan_step *s) { return s->name; }
const char *step_row(const struct plan_step *s) { return s->row; }
const char *step_detail(const struct plan_step *s) { return s->detail; }
bool step_is_quiet(const struct plan_step *s) { return s->quiet || !s->fn; }

enum step_state step_get_state(const struct plan_step *s) { return s->state; }
const struct error *step_error(const struct plan_step *s) { return &s->error; }

void step_times(const struct plan_step *s, int64_t *ret_start_ms, int64_t *ret_end_ms) {
        *ret_start_ms = s->start_ms;
        *ret_end_ms = s->end_ms;
}

const struct cancel *plan_cancel(struct plan_step *step) { return step->plan->options.cancel; }
struct clock *plan_clock(struct plan_step *step) { return step->plan->options.clock; }
