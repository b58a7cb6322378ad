/* Time as text: RFC 3339, HTTP dates, spans for people. Without strptime and locale: month names are English on the wire. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

/* Reads exactly n digits; moves on. */
static bool read_digits(const char **s, int n, int *ret) {
        int v = 0;
        for (int i = 0; i < n; i++) {
                if (!isdigit((unsigned char) (*s)[i]))
                        return false;
                v = v * 10 + ((*s)[i] - '0');
        }
        *s += n;
        *ret = v;
        return true;
}

static bool read_char(const char **s, char c) {
        if (**s != c)
                return false;
        (*s)++;
        return true;
}

static bool read_clock_time(const char **s, struct tm *t) {
        return read_digits(s, 2, &t->tm_hour) && read_char(s, ':') && read_digits(s, 2, &t->tm_min) && read_char(s, ':') &&
               read_digits(s, 2, &t->tm_sec);
}

static bool read_month(const char **s, struct tm *t) {
        for (int i = 0; i < 12; i++)
                if (strncmp(*s, month_names[i], 3) == 0) {
                        t->tm_mon = i;
                        *s += 3;
                        return true;
                }
        return false;
}

static int days_of_month(int year, int month) {
        static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        return days[month] + (month == 1 && leap);
}

/* Fields (tm_year still the full year) to milliseconds. A leap second counts as the second after it. */
static bool to_ms(struct tm t, int64_t *ret_ms) {
        if (t.tm_mon < 0 || t.tm_mon > 11 || t.tm_mday < 1 || t.tm_mday > days_of_month(t.tm_year, t.tm_mon) || t.tm_hour > 23 ||
            t.tm_min > 59 || t.tm_sec > 60)
                return false;
        t.tm_year -= 1900;
        *ret_ms = (int64_t) timegm(&t) * 1000;
        return true;
}

/* "Z", "z" or "+hh:mm"; minutes east of Greenwich. */
static bool read_offset(const char **s, int *ret_minutes) {
        if (**s == 'Z' || **s == 'z') {
                (*s)++;
                *ret_minutes = 0;
                return true;
        }
        int hours, minutes, sign = **s == '-' ? -1 : 1;
        if (**s != '+' && **s != '-')
                return false;
        (*s)++;
        if (!read_digits(s, 2, &hours) || !read_char(s, ':') || !read_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
                return false;
        *ret_minutes = sign * (hours * 60 + minutes);
        return true;
}

bool time_parse_rfc3339(const char *s, int64_t *ret_ms) {
        struct tm t = { 0 };
        if (!s || !read_digits(&s, 4, &t.tm_year) || !read_char(&s, '-') || !read_digits(&s, 2, &t.tm_mon) || !read_char(&s, '-') ||
            !read_digits(&s, 2, &t.tm_mday))
                return false;
        t.tm_mon--;
        if ((!read_char(&s, 'T') && !read_char(&s, 't')) || !read_clock_time(&s, &t))
                return false;
        int fraction = 0;
        if (read_char(&s, '.')) {
                if (!isdigit((unsigned char) *s))
                        return false;
                for (int weight = 100; isdigit((unsigned char) *s); s++, weight /= 10)
                        fraction += (*s - '0') * weight;
        }
        int offset;
        int64_t ms;
        if (!read_offset(&s, &offset) || *s || !to_ms(t, &ms))
                return false;
        *ret_ms = ms + fraction - (int64_t) offset * 60000;
        return true;
}

static struct tm to_tm(int64_t ms) {
        int64_t seconds = ms / 1000 - (ms % 1000 < 0);
        time_t clock = (time_t) seconds;
        struct tm t = { 0 };
        gmtime_r(&clock, &t);
        return t;
}

char *time_format_rfc3339(int64_t ms) {
        struct tm t = to_tm(ms);
        return xasprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

char *time_format_micro(int64_t ms) {
        struct tm t = to_tm(ms);
        int fraction = (int) (((ms % 1000) + 1000) % 1000);
        return xasprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03d000Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                         t.tm_sec, fraction);
}

/* "06 Nov 1994 08:49:37 GMT", what follows the weekday in RFC 9110's preferred form. */
static bool read_imf_date(const char *s, struct tm *t) {
        return read_digits(&s, 2, &t->tm_mday) && read_char(&s, ' ') && read_month(&s, t) && read_char(&s, ' ') &&
               read_digits(&s, 4, &t->tm_year) && read_char(&s, ' ') && read_clock_time(&s, t) && strcmp(s, " GMT") == 0;
}

/* "06-Nov-94 08:49:37 GMT", the form of RFC 850, which recipients must still read (RFC 9110, 5.6.7). */
static bool read_rfc850_date(const char *s, struct tm *t) {
        if (!read_digits(&s, 2, &t->tm_mday) || !read_char(&s, '-') || !read_month(&s, t) || !read_char(&s, '-') ||
            !read_digits(&s, 2, &t->tm_year) || !read_char(&s, ' ') || !read_clock_time(&s, t) || strcmp(s, " GMT") != 0)
                return false;
        t->tm_year += t->tm_year < 70 ? 2000 : 1900;
        return true;
}

/* "Nov  6 08:49:37 1994", asctime(). */
static bool read_asctime_date(const char *s, struct tm *t) {
        if (!read_month(&s, t) || !read_char(&s, ' '))
                return false;
        bool one_digit = read_char(&s, ' ');
        return read_digits(&s, one_digit ? 1 : 2, &t->tm_mday) && read_char(&s, ' ') && read_clock_time(&s, t) && read_char(&s, ' ') &&
               read_digits(&s, 4, &t->tm_year) && !*s;
}

bool time_parse_http_date(const char *s, int64_t *ret_ms) {
        if (!s)
                return false;
        const char *comma = strchr(s, ',');
        size_t weekday = comma ? (size_t) (comma - s) : strcspn(s, " ");
        if (weekday < 3)
                return false;
        bool known = false;
        for (size_t i = 0; i < ARRAY_SIZE(day_names); i++)
                known = known || strncmp(s, day_names[i], 3) == 0;
        const char *rest = s + weekday + (comma ? 1 : 0);
        if (!known || !read_char(&rest, ' '))
                return false;
        struct tm a = { 0 }, b = { 0 }, c = { 0 };
        if (comma)
                return read_imf_date(rest, &a) ? to_ms(a, ret_ms) : read_rfc850_date(rest, &b) && to_ms(b, ret_ms);
        return read_asctime_date(rest, &c) && to_ms(c, ret_ms);
}

char *time_format_http_date(int64_t ms) {
        struct tm t = to_tm(ms);
        return xasprintf("%s, %02d %s %04d %02d:%02d:%02d GMT", day_names[t.tm_wday], t.tm_mday, month_names[t.tm_mon],
                         t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

char *time_format_span(int64_t ms) {
        int64_t s = MAX(ms, (int64_t) 0) / 1000;
        if (s < 60)
                return xasprintf("%lld s", (long long) s);
        if (s < 3600)
                return xasprintf("%lld min %02lld s", (long long) (s / 60), (long long) (s % 60));
        return xasprintf("%lld h %02lld min", (long long) (s / 3600), (long long) (s / 60 % 60));
}
