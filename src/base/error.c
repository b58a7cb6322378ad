#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/strbuf.h"

enum { MESSAGE_MAX = 16 * 1024 };

static const struct {
        const char *name;
        int exit_code;
        bool retryable;
} kinds[_ERR_KIND_MAX] = {
        [ERR_NONE]         = { "none", 0, false },
        [ERR_BUG]          = { "bug", 1, false },
        [ERR_IO]           = { "io", 1, false },
        [ERR_INVALID]      = { "invalid", 1, false },
        [ERR_USAGE]        = { "usage", 4, false },
        [ERR_PROFILE]      = { "profile", 4, false },
        [ERR_AUTH]         = { "auth", 5, false },
        [ERR_NOT_FOUND]    = { "not_found", 1, false },
        [ERR_CONFLICT]     = { "conflict", 1, true },
        [ERR_EXISTS]       = { "exists", 1, false },
        [ERR_LOCKED]       = { "locked", 7, true },
        [ERR_RATE_LIMITED] = { "rate_limited", 1, true },
        [ERR_QUOTA]        = { "quota", 6, false },
        [ERR_CAPACITY]     = { "capacity", 6, false },
        [ERR_UNAVAILABLE]  = { "unavailable", 1, true },
        [ERR_TIMEOUT]      = { "timeout", 8, true },
        [ERR_TLS]          = { "tls", 1, false },
        [ERR_PROTOCOL]     = { "protocol", 1, false },
        [ERR_REFUSED]      = { "refused", 1, false },
        [ERR_CANCELLED]    = { "cancelled", 130, false },
        [ERR_PENDING]      = { "pending", 2, false },
        [ERR_PARTIAL]      = { "partial", 3, false },
};

static bool is_kind(enum error_kind kind) {
        return (unsigned) kind < _ERR_KIND_MAX;
}

const char *error_kind_name(enum error_kind kind) {
        return is_kind(kind) ? kinds[kind].name : "unknown";
}

int error_exit_code(enum error_kind kind) {
        return is_kind(kind) ? kinds[kind].exit_code : 1;
}

void error_done(struct error *err) {
        if (!err)
                return;
        free(err->message);
        free(err->api_code);
        free(err->correlation_id);
        free(err->details);
        free(err->hint);
        *err = ERROR_INIT;
}

const char *error_text(const struct error *err) {
        return err && err->message ? err->message : "unknown error";
}

static int result(const struct error *err) {
        return err && err->kind != ERR_NONE ? -(int) err->kind : -ERR_BUG;
}

/* Messages quote what other machines sent: one line, nothing that moves a terminal's cursor, and no megabytes. */
_printf_(1, 0) static char *format(const char *fmt, va_list ap) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_vaddf(&b, fmt, ap);
        if (b.len > MESSAGE_MAX) {
                size_t whole = b.len;
                b.len = MESSAGE_MAX;
                while (b.len > 0 && ((unsigned char) b.data[b.len] & 0xc0) == 0x80) /* not inside a character */
                        b.len--;
                strbuf_addf(&b, "… (%zu bytes)", whole);
        }
        return str_one_line(strbuf_take(&b));
}

/* Takes message. */
static int set_message(struct error *err, enum error_kind kind, char *message) {
        error_done(err);
        err->kind = kind;
        err->retryable = is_kind(kind) && kinds[kind].retryable;
        err->message = message;
        return result(err);
}

int error_set(struct error *err, enum error_kind kind, const char *fmt, ...) {
        if (!err)
                return kind == ERR_NONE ? -ERR_BUG : -(int) kind;
        va_list ap;
        va_start(ap, fmt);
        char *message = format(fmt, ap); /* before anything is freed: the arguments may point into err */
        va_end(ap);
        return set_message(err, kind, message);
}

int error_set_errno(struct error *err, const char *fmt, ...) {
        int number = errno;
        if (!err)
                return -ERR_IO;
        char reason[128];
        va_list ap;
        va_start(ap, fmt);
        _cleanup_str_ char *what = format(fmt, ap);
        va_end(ap);
        return set_message(err, ERR_IO, xasprintf("%s: %s", what, strerror_r(number, reason, sizeof(reason))));
}

int error_wrap(struct error *err, const char *fmt, ...) {
        if (!err)
                return -ERR_BUG;
        va_list ap;
        va_start(ap, fmt);
        _cleanup_str_ char *context = format(fmt, ap);
        va_end(ap);
        char *message = xasprintf("%s: %s", context, error_text(err));
        free(err->message);
        err->message = message;
        return result(err);
}

int error_hint(struct error *err, const char *fmt, ...) {
        if (!err || err->hint)
                return result(err);
        va_list ap;
        va_start(ap, fmt);
        err->hint = format(fmt, ap);
        va_end(ap);
        return result(err);
}

int error_move(struct error *dst, struct error *src) {
        int r = result(src);
        if (dst == src)
                return r;
        if (dst) {
                error_done(dst);
                *dst = *src;
                *src = ERROR_INIT;
        } else
                error_done(src);
        return r;
}

void error_copy(struct error *dst, const struct error *src) {
        *dst = *src;
        dst->message = xstrdup(src->message);
        dst->api_code = xstrdup(src->api_code);
        dst->correlation_id = xstrdup(src->correlation_id);
        dst->details = xstrdup(src->details);
        dst->hint = xstrdup(src->hint);
}
