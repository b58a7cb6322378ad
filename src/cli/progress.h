/* Shows a running plan: moving lines on a terminal, timestamped lines otherwise, one JSON object a line for -o json.
 *
 * A progress is the observer of one plan_run(); it may be called from any thread (plan serialises). Lines go to standard error, so that
 * standard output carries only the result; JSON events go to standard output. */
#pragma once

#include "plan/plan.h"

enum progress_style { PROGRESS_LIVE, PROGRESS_LINES, PROGRESS_JSON };

struct progress;

/* LIVE when standard error is a terminal that moves, else LINES; JSON when json is set. */
struct progress *progress_new(bool json, struct clock *clock);
/* Stops the moving lines and leaves the last picture on the screen. */
void progress_stop(struct progress *p);
void progress_free(struct progress *p);
DEFINE_CLEANUP(struct progress *, progress_free)

/* While a question stands on the terminal nothing is drawn over it. */
void progress_hold(struct progress *p, bool held);

struct plan_observer progress_observer(struct progress *p);
/* A line of text that is no step (a warning, a fact): above the moving lines, or as a line, or as an event of kind "message". Thread-safe. */
void progress_say(struct progress *p, const char *level, const char *text);
