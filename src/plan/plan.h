/* A graph of steps and its runner. It knows no cluster: a step is a function with a name, a resource and the steps it waits for.
 *
 * A plan is built by one thread, then run once. The plan owns its steps and copies every string; a step's argument belongs to the
 * builder, which may hand it over with plan_own(). Steps run in parallel as their dependencies allow, each in a thread of its own,
 * so a step function may block. The first failure lets running steps finish, starts nothing more (except steps marked with
 * plan_always(), and plan_apart()) and is returned, wrapped with the step's name; further failures are kept in the steps. */
#pragma once

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"

struct plan;
struct plan_step;

enum step_state {
        STEP_WAITING,      /* not started yet */
        STEP_DONE_BEFORE,  /* nothing to do: it was so when the plan was made */
        STEP_RUNNING,
        STEP_DONE,
        STEP_FAILED,
        STEP_SKIPPED,      /* never started, because something before it failed or the run was cancelled */
};
const char *step_state_name(enum step_state s);   /* "waiting", "unchanged", "running", "done", "failed", "skipped" */

/* What a step does. Returns 0 or negative with err. May call plan_step_note() and plan_cancel(). */
typedef int (*step_fn)(struct plan_step *step, void *arg, struct error *err);

struct plan *plan_new(const char *title);
void plan_free(struct plan *p);
DEFINE_CLEANUP(struct plan *, plan_free)

/* Adds a step, e.g. plan_add(p, "create", "server", "demo-worker-1", fn, arg). verb is what is done; kind and name say to which resource;
 * the step's full name is "create server demo-worker-1". fn NULL makes a pure joint. */
struct plan_step *plan_add(struct plan *p, const char *verb, const char *kind, const char *name, step_fn fn, void *arg);
void plan_after(struct plan_step *step, struct plan_step *before);       /* NULL before: nothing */
void plan_step_detail(struct plan_step *step, const char *fmt, ...) _printf_(2, 3);  /* "cax11 in hel1"; printed by --dry-run */
void plan_step_row(struct plan_step *step, const char *row);             /* the progress line it belongs to; default: name */
void plan_step_unchanged(struct plan_step *step);                        /* marks it STEP_DONE_BEFORE */
void plan_step_quiet(struct plan_step *step);                            /* a check or a wait: no change, not counted as work, not listed */
/* Many others wait for it: it is taken before them, and has a thread even when all are taken by steps that only wait. */
void plan_step_urgent(struct plan_step *step);
/* Needs nothing of the others that stand apart: when one of those fails, this one is started all the same (unless it waits for it). The failure of any
 * other step stops it, and its own failure stops all steps but those that stand apart. */
void plan_apart(struct plan_step *step);
/* Runs even after failures and cancellation (release of a lock); its function must not obey plan_cancel(). */
void plan_always(struct plan_step *step);
void plan_own(struct plan *p, void *memory, void (*release)(void *));    /* freed with the plan */

size_t plan_work(const struct plan *p);                                  /* steps that would change something */
size_t plan_to_run(const struct plan *p);                                /* steps with a function that are not unchanged, quiet ones too */
size_t plan_size(const struct plan *p);
struct plan_step *plan_at(const struct plan *p, size_t i);               /* in the order of adding */

const char *step_verb(const struct plan_step *s);
const char *step_kind(const struct plan_step *s);
const char *step_name(const struct plan_step *s);
const char *step_row(const struct plan_step *s);
const char *step_detail(const struct plan_step *s);                      /* "" when none */
bool step_is_quiet(const struct plan_step *s);
enum step_state step_get_state(const struct plan_step *s);
const struct error *step_error(const struct plan_step *s);               /* valid when failed */
void step_times(const struct plan_step *s, int64_t *ret_start_ms, int64_t *ret_end_ms); /* monotonic, relative to the run's start; -1 */

/* From inside a step: text for the progress line ("waiting for port 50000"); thread-safe. */
void plan_step_note(struct plan_step *step, const char *fmt, ...) _printf_(2, 3);
const struct cancel *plan_cancel(struct plan_step *step);
struct clock *plan_clock(struct plan_step *step);

/* Told of every change, one call at a time (calls are serialised), from the threads of the run. note may be NULL. */
struct plan_event { const struct plan_step *step; enum step_state state; const char *note; int64_t at_ms; };
struct plan_observer { void (*event)(void *data, const struct plan *p, const struct plan_event *e); void *data; };

struct plan_options {
        unsigned max_threads;             /* 0 = 320: what waits beyond that has mostly happened when its turn comes */
        struct clock *clock;              /* NULL: the system's */
        const struct cancel *cancel;
        struct plan_observer observer;
};

/* Runs the plan. ERR_BUG for a cycle (found before anything runs). */
int plan_run(struct plan *p, const struct plan_options *o, struct error *err);

/* After a run: the steps of the longest chain of waiting, in order. Owned array of borrowed steps. */
size_t plan_critical_path(const struct plan *p, struct plan_step ***ret);
/* Chrome/Perfetto trace of the run; owned text of JSON. */
char *plan_trace_json(const struct plan *p);
/* The plan as JSON for -o json; owned text. */
char *plan_json(const struct plan *p);
