/* Gates and smoke-test results on the screen. */
#pragma once

#include "cli/app.h"

/* Failed ones always, passed ones as a count (text), all of them as events (JSON). */
void gates_print(struct app *app, const struct gate_list *g);
/* Every one of them, passed or not. */
void gates_print_all(struct app *app, const struct gate_list *g);
