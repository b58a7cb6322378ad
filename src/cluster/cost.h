/* What things cost, exactly: prices are decimal strings with up to 16 fractional digits and are kept as integers of 10^-10. */
#pragma once

#include "base/error.h"

#define MONEY_UNIT 10000000000LL           /* units of one euro or dollar */

/* "0.0070000000000000" to units; further digits are rounded half up. False when it is no such number. */
bool money_parse(const char *s, int64_t *ret);
/* "12.34", rounded half up to the given fractional digits (0..6); owned. */
char *money_format(int64_t units, unsigned digits);

/* A price per hour and its cap per month, net. */
struct money { int64_t hour, month; };
struct cost_line { char *what; int64_t count; struct money each; };        /* "cax11 in hel1" */
struct cost {
        struct cost_line *lines; size_t n;
        struct money total;
        struct money worst;                /* if every server falls back to the dearest type of its list; equal to total when there is none */
        char *currency;                    /* "EUR", or NULL while nobody asked the API for it */
};
void cost_done(struct cost *c);
/* Adds to the line of that name, or makes one. */
void cost_add(struct cost *c, const char *what, int64_t count, struct money each);
void cost_copy(struct cost *dst, const struct cost *src);                  /* dst is overwritten, not freed */
/* "0.0156 EUR an hour, 10.98 EUR a month (net)"; owned. */
char *cost_text(const struct cost *c);
