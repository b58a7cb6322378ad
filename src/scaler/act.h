/* What a decision becomes. Private to src/scaler. */
#pragma once

#include "scaler/drain.h"
#include "scaler/observe.h"
#include "scaler/tick.h"

struct acting {
        struct cluster *c;
        const struct tick_options *o;
        struct observation *seen;
        struct hold *hold;
        struct tick_report *report;
        struct clock *clock;
        const struct cancel *cancel;
};
/* Marks, then what comes and what is drained at the same time, then what goes. Goes on after a failure of one part where the others do not need it; the first
 * failure is returned. */
int act(struct acting *a, struct error *err);
/* The plan of what comes and is finished, without running it; for a dry run. *ret_work: steps that would change something. */
int act_preview(struct acting *a, size_t *ret_work, struct error *err);
