/* Exact money. */
#include "cluster/cost.h"

#include <ctype.h>
#include <stdio.h>

#include "base/util.h"

bool money_parse(const char *s, int64_t *ret) {
        if (!s || !isdigit((unsigned char) *s))
                return false;
        int64_t whole = 0, part = 0, scale = MONEY_UNIT;
        for (; isdigit((unsigned char) *s); s++) {
                if (whole > 90000000)
                        return false;
                whole = whole * 10 + (*s - '0');
        }
        bool up = false, first_cut = true;
        if (*s == '.') {
                if (!isdigit((unsigned char) *++s))
                        return false;
                for (; isdigit((unsigned char) *s); s++) {
                        if (scale > 1) {
                                scale /= 10;
                                part += (*s - '0') * scale;
                        } else if (first_cut) {
                                up = *s >= '5';
                                first_cut = false;
                        }
                }
        }
        if (*s)
                return false;
        *ret = whole * MONEY_UNIT + part + (up ? 1 : 0);
        return true;
}

char *money_format(int64_t units, unsigned digits) {
        int64_t step = MONEY_UNIT;
        for (unsigned i = 0; i < digits; i++)
                step /= 10;
        bool negative = units < 0;
        int64_t n = ((negative ? -units : units) + step / 2) / step, unit = MONEY_UNIT / step;
        if (digits == 0)
                return xasprintf("%s%lld", negative && n ? "-" : "", (long long) n);
        return xasprintf("%s%lld.%0*lld", negative && n ? "-" : "", (long long) (n / unit), (int) digits, (long long) (n % unit));
}

void cost_done(struct cost *c) {
        for (size_t i = 0; i < c->n; i++)
                free(c->lines[i].what);
        free(c->lines);
        free(c->currency);
        *c = (struct cost) { 0 };
}

void cost_add(struct cost *c, const char *what, int64_t count, struct money each) {
        struct cost_line *line = NULL;
        for (size_t i = 0; i < c->n && !line; i++)
                if (str_eq(c->lines[i].what, what) && c->lines[i].each.hour == each.hour && c->lines[i].each.month == each.month)
                        line = &c->lines[i];
        if (!line) {
                ARRAY_APPEND(c->lines, c->n, ((struct cost_line) { .what = xstrdup(what), .each = each }));
                line = &c->lines[c->n - 1];
        }
        line->count += count;
        c->total.hour += count * each.hour;
        c->total.month += count * each.month;
        c->worst.hour += count * each.hour;
        c->worst.month += count * each.month;
}

void cost_copy(struct cost *dst, const struct cost *src) {
        *dst = *src;
        dst->currency = xstrdup(src->currency);
        size_t n = 0;
        struct cost_line *lines = NULL;
        for (size_t i = 0; i < src->n; i++) {
                struct cost_line l = src->lines[i];
                l.what = xstrdup(l.what);
                ARRAY_APPEND(lines, n, l);
        }
        dst->lines = lines;
        dst->n = n;
}

char *cost_text(const struct cost *c) {
        _cleanup_str_ char *hour = money_format(c->total.hour, 4), *month = money_format(c->total.month, 2), *worst = money_format(c->worst.month, 2);
        const char *unit = c->currency ? c->currency : "in the project's currency";
        if (c->worst.month > c->total.month)
                return xasprintf("%s an hour, %s a month, at most %s with fallback types (%s, net)", hour, month, worst, unit);
        return xasprintf("%s an hour, %s a month (%s, net)", hour, month, unit);
}
