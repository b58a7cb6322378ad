/* Label keys, values and selectors (docs.hetzner.cloud, "Labels" and "Label Selector"). */
#include "sim/hetzner/internal.h"

#include <ctype.h>

/* 1..63 characters, begins and ends alphanumeric, inner '-', '_', '.'. */
static bool is_name(const char *s, size_t n) {
        if (n < 1 || n > 63 || !isalnum((unsigned char) s[0]) || !isalnum((unsigned char) s[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr("-_.", s[i]))
                        return false;
        return true;
}

static bool is_subdomain(const char *s, size_t n) {
        if (n < 1 || n > 253)
                return false;
        for (size_t from = 0; from <= n;) {
                size_t len = 0;
                while (from + len < n && s[from + len] != '.')
                        len++;
                if (len < 1 || len > 63 || !isalnum((unsigned char) s[from]) || !isalnum((unsigned char) s[from + len - 1]))
                        return false;
                for (size_t i = from; i < from + len; i++)
                        if (!isalnum((unsigned char) s[i]) && s[i] != '-')
                                return false;
                from += len + 1;
        }
        return true;
}

static bool key_shape(const char *key, size_t n) {
        const char *slash = memchr(key, '/', n);

        if (!slash)
                return is_name(key, n);
        return is_subdomain(key, (size_t) (slash - key)) && is_name(slash + 1, n - (size_t) (slash - key) - 1);
}

bool cloud_label_key_valid(const char *key) {
        return key_shape(key, strlen(key)) && !str_starts(key, "hetzner.cloud/");
}

bool cloud_label_value_valid(const char *value) {
        return !*value || is_name(value, strlen(value));
}

/* One requirement of a selector. */
enum test { TEST_EQUAL, TEST_NOT_EQUAL, TEST_EXISTS, TEST_ABSENT, TEST_IN, TEST_NOT_IN };
struct requirement { enum test test; char *key; struct strv values; };

static const char *skip_blanks(const char *p) {
        while (*p == ' ' || *p == '\t')
                p++;
        return p;
}

static size_t word(const char *p) {
        size_t n = 0;
        while (p[n] && (isalnum((unsigned char) p[n]) || strchr("-_./", p[n])))
                n++;
        return n;
}

static bool parse_set(const char **pp, struct strv *values) {
        const char *p = skip_blanks(*pp);

        if (*p++ != '(')
                return false;
        for (;;) {
                p = skip_blanks(p);
                size_t n = word(p);
                _cleanup_str_ char *v = xstrndup(p, n);
                if (!cloud_label_value_valid(v))
                        return false;
                strv_add(values, v);
                p = skip_blanks(p + n);
                if (*p == ')')
                        break;
                if (*p++ != ',')
                        return false;
        }
        *pp = p + 1;
        return true;
}

static bool parse_value(const char **pp, struct strv *values) {
        const char *p = skip_blanks(*pp);
        size_t n = word(p);
        _cleanup_str_ char *v = xstrndup(p, n);

        if (!cloud_label_value_valid(v))
                return false;
        strv_add(values, v);
        *pp = p + n;
        return true;
}

static bool parse_requirement(const char **pp, struct requirement *r) {
        const char *p = skip_blanks(*pp);
        bool negated = *p == '!';

        if (negated)
                p = skip_blanks(p + 1);
        size_t n = word(p);
        if (!key_shape(p, n))
                return false;
        r->key = xstrndup(p, n);
        p = skip_blanks(p + n);
        r->test = negated ? TEST_ABSENT : TEST_EXISTS;
        bool good = true;
        if (!negated && *p == '=') {
                r->test = TEST_EQUAL;
                p += p[1] == '=' ? 2 : 1;
                good = parse_value(&p, &r->values);
        } else if (!negated && p[0] == '!' && p[1] == '=') {
                r->test = TEST_NOT_EQUAL;
                p += 2;
                good = parse_value(&p, &r->values);
        } else if (!negated && strncmp(p, "in", 2) == 0 && strchr(" (", p[2])) {
                r->test = TEST_IN;
                p += 2;
                good = parse_set(&p, &r->values);
        } else if (!negated && strncmp(p, "notin", 5) == 0) {
                r->test = TEST_NOT_IN;
                p += 5;
                good = parse_set(&p, &r->values);
        }
        *pp = skip_blanks(p);
        return good;
}

static bool holds(const struct requirement *r, const struct kvs *labels) {
        const char *v = kvs_get(labels, r->key);

        switch (r->test) {
        case TEST_EXISTS: return v;
        case TEST_ABSENT: return !v;
        case TEST_EQUAL:
        case TEST_IN: return v && strv_has(&r->values, v);
        case TEST_NOT_EQUAL:
        case TEST_NOT_IN: return !v || !strv_has(&r->values, v);
        }
        return false;
}

/* -1: malformed, else whether it matches. labels may be NULL: only the shape counts. */
static int evaluate(const char *selector, const struct kvs *labels) {
        const char *p = skip_blanks(selector);
        int result = 1;

        while (*p) {
                struct requirement r = { 0 };
                bool good = parse_requirement(&p, &r);
                if (good && labels && !holds(&r, labels))
                        result = 0;
                free(r.key);
                strv_done(&r.values);
                if (!good || (*p && *p != ','))
                        return -1;
                if (*p == ',' && !*skip_blanks(++p))
                        return -1;
        }
        return result;
}

bool cloud_label_selector_valid(const char *selector) {
        return evaluate(selector, NULL) >= 0;
}

bool cloud_label_selector_matches(const char *selector, const struct kvs *labels) {
        return evaluate(selector, labels) == 1;
}
