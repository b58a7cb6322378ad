/* What an unquoted scalar means, and to whom. */
#include <ctype.h>
#include <errno.h>
#include <math.h>

#include "base/yaml-internal.h"

static bool is_one_of(const char *text, const char *const *words) {
        for (; *words; words++)
                if (strcmp(text, *words) == 0)
                        return true;
        return false;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "true", "True", "TRUE", NULL };
static const char *const falses[] = { "false", "False", "FALSE", NULL };
static const char *const infinities[] = { ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL };
static const char *const negative_infinities[] = { "-.inf", "-.Inf", "-.INF", NULL };
static const char *const not_numbers[] = { ".nan", ".NaN", ".NAN", NULL };
/* Booleans of YAML 1.1 that 1.2 reads as strings. */
static const char *const old_booleans[] = { "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
                                            "OFF", NULL };

static bool all_of(const char *s, const char *digits) {
        return *s && s[strspn(s, digits)] == '\0';
}

/* [-+]?[0-9]+, 0o17, 0x1f, and 017 as octal, as Go reads it. False when it is none or does not fit. */
static bool parse_integer(const char *text, int64_t *ret) {
        const char *s = text;
        bool negative = *s == '-';
        if (*s == '-' || *s == '+')
                s++;
        int base = 10;
        if (s == text && (str_starts(s, "0o") || str_starts(s, "0x"))) {
                base = s[1] == 'o' ? 8 : 16;
                s += 2;
        } else if (s[0] == '0' && s[1])
                base = 8;
        if (!all_of(s, base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "0123456789"))
                return false;
        errno = 0;
        unsigned long long v = strtoull(s, NULL, base);
        if (errno != 0 || v > (unsigned long long) INT64_MAX + negative)
                return false;
        *ret = negative ? (int64_t) (0 - v) : (int64_t) v;
        return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_decimal(const char *s) {
        if (*s == '-' || *s == '+')
                s++;
        size_t whole = strspn(s, "0123456789"), fraction = 0;
        s += whole;
        if (*s == '.') {
                s++;
                fraction = strspn(s, "0123456789");
                s += fraction;
        }
        if (whole + fraction == 0)
                return false;
        if (*s == 'e' || *s == 'E') {
                s++;
                if (*s == '-' || *s == '+')
                        s++;
                size_t exponent = strspn(s, "0123456789");
                if (exponent == 0)
                        return false;
                s += exponent;
        }
        return !*s;
}

void yaml_resolve(struct yaml_node *n) {
        const char *s = n->text;
        if (is_one_of(s, nulls))
                n->type = YAML_NULL;
        else if (is_one_of(s, trues) || is_one_of(s, falses)) {
                n->type = YAML_BOOL;
                n->boolean = is_one_of(s, trues);
        } else if (parse_integer(s, &n->integer)) {
                n->type = YAML_INT;
                n->number = (double) n->integer;
        } else if (is_decimal(s)) {
                n->type = YAML_FLOAT;
                n->number = strtod(s, NULL);
        } else if (is_one_of(s, infinities) || is_one_of(s, negative_infinities)) {
                n->type = YAML_FLOAT;
                n->number = *s == '-' ? -(double) INFINITY : (double) INFINITY;
        } else if (is_one_of(s, not_numbers)) {
                n->type = YAML_FLOAT;
                n->number = NAN;
        } else
                n->type = YAML_STR;
}

/* 1:30, 190:20:30.15: base 60 in YAML 1.1. */
static bool is_base60(const char *s) {
        if (*s == '-' || *s == '+')
                s++;
        if (!isdigit((unsigned char) *s))
                return false;
        s += strspn(s, "0123456789_");
        size_t groups = 0;
        for (; *s == ':'; groups++) {
                s++;
                size_t n = strspn(s, "0123456789");
                if (n == 0 || n > 2 || (n == 2 && s[0] > '5'))
                        return false;
                s += n;
        }
        if (*s == '.')
                s += 1 + strspn(s + 1, "0123456789_");
        return groups > 0 && !*s;
}

static bool skip_digits(const char **s, size_t min, size_t max) {
        size_t n = strspn(*s, "0123456789");
        *s += n;
        return n >= min && n <= max;
}

static bool skip_char(const char **s, char c) {
        if (**s != c)
                return false;
        (*s)++;
        return true;
}

/* 2001-12-14, 2001-12-14T21:59:43.10-05:00 and the like. Generous: quoting too much is harmless. */
static bool is_timestamp(const char *s) {
        if (!skip_digits(&s, 4, 4) || !skip_char(&s, '-') || !skip_digits(&s, 1, 2) || !skip_char(&s, '-') || !skip_digits(&s, 1, 2))
                return false;
        if (!*s)
                return true;
        if (*s != 'T' && *s != 't' && *s != ' ')
                return false;
        s += strspn(s, "Tt ");
        return skip_digits(&s, 1, 2) && skip_char(&s, ':') && skip_digits(&s, 1, 2) && skip_char(&s, ':') && skip_digits(&s, 1, 2) &&
               s[strspn(s, "0123456789.:+-Zz ")] == '\0';
}

/* Go and YAML 1.1 skip underscores in numbers: 1_000, 0b1010_0111. */
static bool is_number_of_somebody(const char *text) {
        if (!strchr("+-.0123456789", *text))
                return false;
        _cleanup_str_ char *plain = xstrdup(text);
        char *to = plain;
        for (const char *from = text; *from; from++)
                if (*from != '_')
                        *to++ = *from;
        *to = '\0';
        const char *s = plain + (*plain == '-' || *plain == '+');
        if (s[0] == '0' && s[1] && strchr("xX", s[1]))
                return all_of(s + 2, "0123456789abcdefABCDEF");
        if (s[0] == '0' && s[1] && strchr("oO", s[1]))
                return all_of(s + 2, "01234567");
        if (s[0] == '0' && s[1] && strchr("bB", s[1]))
                return all_of(s + 2, "01");
        return is_decimal(plain);
}

bool yaml_looks_typed(const char *text) {
        return is_one_of(text, nulls) || is_one_of(text, trues) || is_one_of(text, falses) || is_one_of(text, old_booleans) ||
               is_one_of(text, infinities) || is_one_of(text, negative_infinities) || is_one_of(text, not_numbers) ||
               strcmp(text, "<<") == 0 || strcmp(text, "=") == 0 || is_number_of_somebody(text) || is_base60(text) || is_timestamp(text);
}
