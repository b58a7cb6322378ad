#include "base/util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"

void cleanup_fd_(int *fd) {
        if (*fd >= 0) {
                int saved = errno;
                close(*fd);
                errno = saved;
        }
}

void *xcalloc(size_t n, size_t size) {
        void *p = calloc(n ? n : 1, size ? size : 1);
        if (!p)
                end_without("memory");
        return p;
}

void *xrealloc(void *p, size_t n, size_t size) {
        void *q = reallocarray(p, n ? n : 1, size ? size : 1);
        if (!q)
                end_without("memory");
        return q;
}

char *xstrdup(const char *s) {
        return s ? xmemdup(s, strlen(s) + 1) : NULL;
}

char *xstrndup(const char *s, size_t n) {
        if (!s)
                return NULL;
        n = strnlen(s, n);
        char *copy = xcalloc(n + 1, 1);
        memcpy(copy, s, n);
        return copy;
}

void *xmemdup(const void *p, size_t n) {
        void *copy = xcalloc(n, 1);
        if (n > 0)
                memcpy(copy, p, n);
        return copy;
}

char *xvasprintf(const char *fmt, va_list ap) {
        char *text = NULL;
        if (vasprintf(&text, fmt, ap) < 0)
                end_without("memory");
        return text;
}

char *xasprintf(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        char *text = xvasprintf(fmt, ap);
        va_end(ap);
        return text;
}

bool str_eq(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix) {
        return s && prefix && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix) {
        if (!s || !suffix)
                return false;
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

char *str_one_line(char *text) {
        for (unsigned char *p = (unsigned char *) text; *p; p++)
                if (*p < 0x20 || *p == 0x7f)
                        *p = *p == '\n' || *p == '\t' || *p == '\r' ? ' ' : '?';
                else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
                        p[0] = p[1] = '?';
        return text;
}

/* Edits that turn a into b: insert, delete, replace one letter, or swap two neighbours (the commonest slip of fingers). */
static size_t edit_distance(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b), width = m + 1;
        _cleanup_free_ size_t *d = xcalloc((n + 1) * width, sizeof(*d));
        for (size_t i = 0; i <= n; i++)
                d[i * width] = i;
        for (size_t j = 0; j <= m; j++)
                d[j] = j;
        for (size_t i = 1; i <= n; i++)
                for (size_t j = 1; j <= m; j++) {
                        size_t replaced = d[(i - 1) * width + j - 1] + (a[i - 1] != b[j - 1]);
                        size_t best = MIN(d[(i - 1) * width + j], d[i * width + j - 1]) + 1;
                        best = MIN(best, replaced);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                best = MIN(best, d[(i - 2) * width + j - 2] + 1);
                        d[i * width + j] = best;
                }
        return d[n * width + m];
}

const char *str_nearest(const char *word, const char *const *candidates) {
        if (!word || !candidates)
                return NULL;
        size_t length = strlen(word);
        if (length > 256) /* the table below grows with the product; nobody mistypes that much */
                return NULL;
        const char *best = NULL;
        size_t best_distance = MAX((size_t) 1, length / 3) + 1;
        for (; *candidates; candidates++) {
                size_t distance = edit_distance(word, *candidates);
                if (distance < best_distance) {
                        best = *candidates;
                        best_distance = distance;
                }
        }
        return best;
}

bool parse_int64(const char *s, int64_t min, int64_t max, int64_t *ret) {
        if (!s || (*s != '-' && (*s < '0' || *s > '9')))
                return false;
        char *end = NULL;
        errno = 0;
        long long v = strtoll(s, &end, 10);
        if (errno != 0 || end == s || *end || v < min || v > max)
                return false;
        *ret = v;
        return true;
}

extern char **environ;

char **environment_of_child(void) {
        size_t n = 0, kept = 0;
        while (environ && environ[n])
                n++;
        char **copy = xcalloc(n + 1, sizeof(*copy));
        for (size_t i = 0; i < n; i++)
                if (!str_starts(environ[i], "HCLOUD_TOKEN="))
                        copy[kept++] = environ[i];
        return copy;
}
