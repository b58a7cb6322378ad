/* One flag that asks all work of a run to stop. Thread-safe; triggering is async-signal-safe. Every blocking call of the program
 * takes one (or NULL) and ends with ERR_CANCELLED soon after it was triggered. */
#pragma once

#include "base/error.h"

struct cancel;

struct cancel *cancel_new(void);
void cancel_free(struct cancel *c);
DEFINE_CLEANUP(struct cancel *, cancel_free)

void cancel_trigger(struct cancel *c);          /* may be called from a signal handler */
bool cancel_is_set(const struct cancel *c);     /* NULL: never */
int cancel_fd(const struct cancel *c);          /* becomes readable when triggered and stays so; -1 for NULL */
int cancel_check(const struct cancel *c, struct error *err); /* 0, or ERR_CANCELLED "interrupted" */
