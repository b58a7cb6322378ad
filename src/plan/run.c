/* Running a plan: a pool of threads takes steps whose dependencies have ended, in the order in which they became ready. */
#include <errno.h>
#include <pthread.h>

#include "base/strbuf.h"
#include "plan/internal.h"

/* Step functions are shallow; the TLS and JSON work is done on the HTTP engine's thread or in small frames. */
#define THREAD_STACK (512 * 1024)
#define THREADS_MAX 320
#define THREADS_RESERVED 8        /* beyond the limit, for urgent steps when all others wait */

static int64_t since_start(const struct plan *p) {
        return clock_mono_ms(p->options.clock) - p->origin_ms;
}

static bool is_final(enum step_state s) {
        return s == STEP_DONE_BEFORE || s == STEP_DONE || s == STEP_FAILED || s == STEP_SKIPPED;
}

/* With the lock held: observers are told one at a time. */
static void tell(struct plan *p, const struct plan_step *s, enum step_state state, const char *note) {
        const struct plan_event e = { .step = s, .state = state, .note = note, .at_ms = since_start(p) };

        if (p->options.observer.event)
                p->options.observer.event(p->options.observer.data, p, &e);
}

void plan_step_note(struct plan_step *step, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        pthread_mutex_lock(&step->plan->lock);
        tell(step->plan, step, step->state, strbuf_str(&text));
        pthread_mutex_unlock(&step->plan->lock);
}

/* Is it too late to start this step? */
static bool stopped(const struct plan *p, const struct plan_step *s) {
        return !s->always && (p->failed || (p->failed_apart && !s->apart) || cancel_is_set(p->options.cancel));
}

static void step_ready(struct plan *p, struct plan_step *s);

/* With the lock held: the step has reached a final state; those that waited for it may go on. */
static void step_ended(struct plan *p, struct plan_step *s, enum step_state state) {
        s->state = state;
        p->unfinished--;
        for (size_t i = 0; i < s->n_after; i++)
                if (--s->after[i]->waiting_for == 0)
                        step_ready(p, s->after[i]);
}

static bool has_failed_before(const struct plan_step *s) {
        for (size_t i = 0; i < s->n_before; i++)
                if (s->before[i]->state == STEP_FAILED || s->before[i]->state == STEP_SKIPPED)
                        return true;
        return false;
}

/* With the lock held. Each step is queued once, so there is always room for one more. */
static void enqueue(struct plan *p, struct plan_step *s) {
        if (!s->urgent) {
                p->queue[p->queue_tail++] = s;
                return;
        }
        if (p->queue_head == 0) {
                memmove(p->queue + 1, p->queue, p->queue_tail * sizeof(*p->queue));
                p->queue_head++;
                p->queue_tail++;
        }
        p->queue[--p->queue_head] = s;
}

/* With the lock held: everything that s waited for has ended. */
static void step_ready(struct plan *p, struct plan_step *s) {
        s->ready_ms = since_start(p);
        if (s->state == STEP_DONE_BEFORE) {
                step_ended(p, s, STEP_DONE_BEFORE);
                return;
        }
        if (stopped(p, s) || (!s->always && has_failed_before(s))) {
                tell(p, s, STEP_SKIPPED, NULL);
                step_ended(p, s, STEP_SKIPPED);
                return;
        }
        if (!s->fn) {
                s->start_ms = s->end_ms = s->ready_ms;
                step_ended(p, s, STEP_DONE);
                return;
        }
        enqueue(p, s);
}

/* With the lock held; gives it up while the step's function runs. */
static void step_run(struct plan *p, struct plan_step *s) {
        struct error err = ERROR_INIT;
        int r;

        if (stopped(p, s)) {
                tell(p, s, STEP_SKIPPED, NULL);
                step_ended(p, s, STEP_SKIPPED);
                return;
        }
        s->state = STEP_RUNNING;
        s->start_ms = since_start(p);
        tell(p, s, STEP_RUNNING, NULL);
        p->running++;
        pthread_mutex_unlock(&p->lock);
        r = s->fn(s, s->arg, &err);
        pthread_mutex_lock(&p->lock);
        p->running--;
        s->end_ms = since_start(p);
        if (r < 0) {
                error_move(&s->error, &err);
                if (!p->first_failed || (p->first_failed->error.kind == ERR_CANCELLED && s->error.kind != ERR_CANCELLED))
                        p->first_failed = s;
                *(s->apart ? &p->failed_apart : &p->failed) = true;
        }
        error_done(&err);
        /* The state is final before the observer looks at it. */
        s->state = r < 0 ? STEP_FAILED : STEP_DONE;
        tell(p, s, s->state, NULL);
        step_ended(p, s, s->state);
}

static void *worker(void *data) {
        struct plan *p = data;

        pthread_mutex_lock(&p->lock);
        while (p->unfinished > 0) {
                if (p->queue_head == p->queue_tail) {
                        p->idle++;
                        pthread_cond_wait(&p->wake, &p->lock);
                        p->idle--;
                        continue;
                }
                step_run(p, p->queue[p->queue_head++]);
                pthread_cond_broadcast(&p->wake);
        }
        pthread_mutex_unlock(&p->lock);
        return NULL;
}

/* With the lock held: one more thread than there are idle ones for what waits in the queue. */
static size_t threads_wanted(const struct plan *p, unsigned max) {
        size_t queued = p->queue_tail - p->queue_head;
        size_t wanted = queued > p->idle ? queued - p->idle : 0;
        size_t limit = max + (queued > 0 && p->queue[p->queue_head]->urgent ? THREADS_RESERVED : 0);

        return limit > p->threads ? MIN(wanted, limit - p->threads) : 0;
}

/* Kahn's order over the whole graph, before anything runs. */
static int check_cycles(struct plan *p, struct error *err) {
        _cleanup_free_ struct plan_step **order = xcalloc(p->n_steps + 1, sizeof(*order));
        size_t head = 0, tail = 0;

        for (size_t i = 0; i < p->n_steps; i++) {
                p->steps[i]->waiting_for = p->steps[i]->n_before;
                if (p->steps[i]->n_before == 0)
                        order[tail++] = p->steps[i];
        }
        while (head < tail) {
                struct plan_step *s = order[head++];
                for (size_t i = 0; i < s->n_after; i++)
                        if (--s->after[i]->waiting_for == 0)
                                order[tail++] = s->after[i];
        }
        for (size_t i = 0; i < p->n_steps; i++) {
                if (p->steps[i]->waiting_for > 0)
                        return error_set(err, ERR_BUG, "step '%s %s %s' waits for itself", p->steps[i]->verb, p->steps[i]->kind,
                                         p->steps[i]->name);
                p->steps[i]->waiting_for = p->steps[i]->n_before;
        }
        return 0;
}

static int run_threads(struct plan *p, pthread_t *threads, unsigned max, struct error *err) {
        pthread_attr_t attr;
        int r = 0;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, THREAD_STACK);
        pthread_mutex_lock(&p->lock);
        while (p->unfinished > 0) {
                for (size_t n = threads_wanted(p, max); n > 0; n--) {
                        errno = pthread_create(&threads[p->threads], &attr, worker, p);
                        if (errno != 0) {
                                if (p->threads == 0)
                                        r = error_set_errno(err, "starting a thread");
                                break;
                        }
                        p->threads++;
                }
                if (r < 0)
                        break;
                pthread_cond_wait(&p->wake, &p->lock);
        }
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
        for (unsigned i = 0; i < p->threads; i++)
                pthread_join(threads[i], NULL);
        pthread_attr_destroy(&attr);
        return r;
}

static int run_result(struct plan *p, struct error *err) {
        struct plan_step *s = p->first_failed;

        if (!s)
                return cancel_check(p->options.cancel, err);
        error_done(err);
        error_copy(err, &s->error);
        return error_wrap(err, "%s %s '%s'", s->verb, s->kind, s->name);
}

int plan_run(struct plan *p, const struct plan_options *o, struct error *err) {
        _cleanup_free_ pthread_t *threads = NULL;
        unsigned max;
        int r;

        p->options = *o;
        max = o->max_threads ? o->max_threads : THREADS_MAX;
        threads = xcalloc((size_t) max + THREADS_RESERVED, sizeof(*threads));
        r = check_cycles(p, err);
        if (r < 0)
                return r;
        p->origin_ms = clock_mono_ms(o->clock);
        p->queue = xcalloc(p->n_steps + 1, sizeof(*p->queue));
        p->unfinished = p->n_steps;

        pthread_mutex_lock(&p->lock);
        for (size_t i = 0; i < p->n_steps; i++)
                if (p->steps[i]->n_before == 0 && !is_final(p->steps[i]->state))
                        step_ready(p, p->steps[i]);
                else if (p->steps[i]->n_before == 0)
                        step_ended(p, p->steps[i], p->steps[i]->state);
        pthread_mutex_unlock(&p->lock);

        r = run_threads(p, threads, max, err);
        if (r < 0)
                return r;
        return run_result(p, err);
}
