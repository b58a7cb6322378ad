/* Time as a parameter, so that tests do not sleep. clock_system() is the real one; tests make their own. */
#pragma once

#include "base/cancel.h"

struct clock {
        int64_t (*now_ms)(struct clock *c);        /* wall clock, milliseconds since 1970-01-01T00:00:00Z */
        int64_t (*mono_ms)(struct clock *c);       /* monotonic milliseconds */
        void (*sleep_ms)(struct clock *c, int64_t ms, const struct cancel *cancel); /* returns early when cancelled */
        void *data;
};

struct clock *clock_system(void);                  /* a static object, never freed */
int64_t clock_now_ms(struct clock *c);             /* NULL means the system's */
int64_t clock_mono_ms(struct clock *c);
/* 0, or ERR_CANCELLED. */
int clock_sleep(struct clock *c, int64_t ms, const struct cancel *cancel, struct error *err);

/* A clock for tests and for simulators: stands still; sleeping moves it on at once. Thread-safe. */
struct clock *clock_manual_new(int64_t start_ms);
void clock_manual_forward(struct clock *c, int64_t ms);
void clock_manual_free(struct clock *c);

/* RFC 3339 ("2016-01-30T23:55:00Z", "+00:00", fractions) to milliseconds; false when it is none. */
bool time_parse_rfc3339(const char *s, int64_t *ret_ms);
char *time_format_rfc3339(int64_t ms);             /* seconds precision, "Z"; owned */
char *time_format_micro(int64_t ms);               /* Kubernetes MicroTime, six fraction digits; owned */
/* RFC 9110 HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"). */
bool time_parse_http_date(const char *s, int64_t *ret_ms);
char *time_format_http_date(int64_t ms);
/* "4 s", "2 min 05 s", "1 h 03 min" for people; owned. */
char *time_format_span(int64_t ms);
