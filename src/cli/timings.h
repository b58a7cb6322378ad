/* What --timings prints: each step, the critical path, the calls; or the trace file that Perfetto and Chrome open. */
#pragma once

#include <stdio.h>

#include "plan/plan.h"

void timings_print(const struct plan *p, FILE *f);
/* ERR_IO when the file cannot be written. */
int timings_write_trace(const struct plan *p, const char *path, struct error *err);
