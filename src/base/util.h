/* Small things that C lacks: cleanup attributes, checked allocation, array growth.
 *
 * Memory: the x… allocators never return NULL; when memory is out the program ends with a message (docs/design.md says why).
 * What they return belongs to the caller and is freed with free(). */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _must_check_ __attribute__((warn_unused_result))
#define _unused_ __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ({ __typeof__(a) _min_a = (a); __typeof__(b) _min_b = (b); _min_a < _min_b ? _min_a : _min_b; })
#define MAX(a, b) ({ __typeof__(a) _max_a = (a); __typeof__(b) _max_b = (b); _max_a > _max_b ? _max_a : _max_b; })

/* Gives a pointer away: its value is returned, the variable becomes NULL. */
#define TAKE(p) ({ __typeof__(p) *_pp = &(p); __typeof__(p) _v = *_pp; *_pp = NULL; _v; })

/* Defines fn##p, usable as _cleanup_(fn##p), for a function that takes the pointer itself and is NULL-safe. */
#define DEFINE_CLEANUP(type, fn) static inline _unused_ void fn##p(type *p) { if (*p) fn(*p); }

static inline void cleanup_free_(void *p) { free(*(void **) p); }
#define _cleanup_str_ _cleanup_(cleanup_free_)
#define _cleanup_free_ _cleanup_(cleanup_free_)

/* Closes the descriptor if it is not negative. */
void cleanup_fd_(int *fd);
#define _cleanup_fd_ _cleanup_(cleanup_fd_)

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size); /* n * size, overflow checked */
char *xstrdup(const char *s);                   /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xasprintf(const char *fmt, ...) _printf_(1, 2);
char *xvasprintf(const char *fmt, va_list ap) _printf_(1, 0);
#define xnew0(type) ((type *) xcalloc(1, sizeof(type)))

/* Appends one value to an array that is a pair (pointer, count). Amortised: grows at powers of two. */
#define ARRAY_APPEND(items, count, value)                                                        \
        do {                                                                                     \
                if (((count) & ((count) - 1)) == 0)                                              \
                        (items) = xrealloc((items), (count) ? 2 * (size_t) (count) : 1, sizeof(*(items))); \
                (items)[(count)++] = (value);                                                    \
        } while (0)

/* Equal strings; NULL equals only NULL. */
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Empty or NULL. */
static inline bool str_empty(const char *s) { return !s || !*s; }

/* Makes a text that others wrote one line that cannot move a terminal's cursor: line ends and tabs become blanks, other control characters '?', those
 * that UTF-8 writes in two bytes (U+0080 to U+009F, which terminals obey too) "??". In place; returns text. */
char *str_one_line(char *text);
/* The environment for a child that has no use for the cloud's token: all but HCLOUD_TOKEN. The array is owned (free()), its texts are the environment's own. */
char **environment_of_child(void);

/* The candidate with the smallest edit distance to word, or NULL when none is near enough to be a likely slip (distance at most
 * max(1, length/3)). Borrowed from candidates, which ends with NULL. */
const char *str_nearest(const char *word, const char *const *candidates);

/* Decimal integer without sign prefix '+', blanks or trailing text, in min..max. Returns false when it is none. */
bool parse_int64(const char *s, int64_t min, int64_t max, int64_t *ret);
