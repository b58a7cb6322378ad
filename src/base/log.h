/* Debug messages of library code. Nothing below src/cli prints; it may say things here, and only at debug level.
 * Secrets are never passed to these functions. */
#pragma once

#include "base/util.h"

typedef void (*log_sink)(void *data, const char *module, const char *message);

void log_set_sink(log_sink sink, void *data);   /* NULL: drop (the default). Set once, before threads start. */
bool log_enabled(void);
void log_debug_(const char *module, const char *fmt, ...) _printf_(2, 3);
#define log_debug(module, ...) do { if (log_enabled()) log_debug_(module, __VA_ARGS__); } while (0)
