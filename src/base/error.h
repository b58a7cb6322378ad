/* Making errors and adding context to them. The type itself is public: <hcloud/error.h>. */
#pragma once

#include <hcloud/error.h>

#include "base/util.h"

#define _cleanup_error_ _cleanup_(error_done)

/* Fills *err (whatever it held is freed) and returns a negative number, so that creating and returning is one line. err may be
 * NULL. The kinds RATE_LIMITED, LOCKED, CONFLICT, UNAVAILABLE and TIMEOUT are marked retryable; change the field if not. */
int error_set(struct error *err, enum error_kind kind, const char *fmt, ...) _printf_(3, 4);

/* error_set with ": <strerror(errno)>" appended; kind ERR_IO. errno is read on entry. */
int error_set_errno(struct error *err, const char *fmt, ...) _printf_(2, 3);

/* Prefixes the message with "context: ", keeps everything else; returns a negative number. */
int error_wrap(struct error *err, const char *fmt, ...) _printf_(2, 3);

/* Sets the hint, what to type or do next; keeps an existing one; returns a negative number. */
int error_hint(struct error *err, const char *fmt, ...) _printf_(2, 3);

/* Moves src into *dst (freeing what dst held) and resets src; returns a negative number. */
int error_move(struct error *dst, struct error *src);

/* Deep copy; dst is overwritten, not freed. */
void error_copy(struct error *dst, const struct error *src);

/* The message, or "unknown error" when none is set. Borrowed. */
const char *error_text(const struct error *err);

/* The frozen exit codes (docs/design.md, "Names"): 0 done, 1 error, 2 pending, 3 partial, 4 usage or profile, 5 credentials,
 * 6 quota or capacity, 7 lock held, 8 timed out, 130 interrupted. One table. */
int error_exit_code(enum error_kind kind);
