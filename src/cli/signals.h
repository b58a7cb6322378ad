/* ^C: once asks the run to stop cleanly, twice ends the program at once with 130. */
#pragma once

#include "base/cancel.h"

/* SIGINT and SIGTERM trigger c; a second one calls _exit(130). SIGPIPE is ignored. c must outlive the program's work. */
void signals_install(struct cancel *c);
/* Was a signal seen? */
bool signals_interrupted(void);
