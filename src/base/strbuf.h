/* A growing byte string with a hard maximum. The buffer owns its bytes; strbuf_take() gives them away.
 *
 * Appends never fail visibly: past the maximum the buffer becomes "failed", keeps what it has, and ignores further appends; test
 * strbuf_failed() once at the end. data is always NUL-terminated (and may contain NULs when bytes were appended). */
#pragma once

#include <stdarg.h>

#include "base/util.h"

struct strbuf {
        char *data;   /* NULL while empty */
        size_t len;   /* bytes, without the terminator */
        size_t cap;
        size_t max;   /* 0 = 64 MiB */
        bool failed;
        bool secret;  /* contents are wiped on growth and on done */
};

#define STRBUF_INIT ((struct strbuf) { 0 })
#define STRBUF_MAX(n) ((struct strbuf) { .max = (n) })
#define _cleanup_strbuf_ _cleanup_(strbuf_done)

void strbuf_done(struct strbuf *b);
void strbuf_clear(struct strbuf *b);                          /* length 0, memory kept */
void strbuf_add(struct strbuf *b, const void *p, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap) _printf_(2, 0);
static inline bool strbuf_failed(const struct strbuf *b) { return b->failed; }
const char *strbuf_str(const struct strbuf *b);               /* "" when empty; borrowed */
char *strbuf_take(struct strbuf *b);                          /* owned, never NULL; the buffer is empty afterwards */

/* A list of owned strings. */
struct strv { char **items; size_t n; };
#define _cleanup_strv_ _cleanup_(strv_done)
void strv_done(struct strv *v);
void strv_add(struct strv *v, const char *s);                 /* copies */
void strv_take(struct strv *v, char *s);                      /* takes ownership */
bool strv_has(const struct strv *v, const char *s);
void strv_copy(struct strv *dst, const struct strv *src);     /* dst is overwritten, not freed */
char *strv_join(const struct strv *v, const char *sep);       /* owned */
void strv_split(struct strv *v, const char *s, char sep);     /* appends the parts, empty ones too */

/* Ordered list of owned key/value pairs (labels, annotations, headers). */
struct kv { char *key, *value; };
struct kvs { struct kv *items; size_t n; };
#define _cleanup_kvs_ _cleanup_(kvs_done)
void kvs_done(struct kvs *m);
void kvs_set(struct kvs *m, const char *key, const char *value); /* adds or replaces; copies */
void kvs_add(struct kvs *m, const char *key, const char *value); /* the same for a key that is known not to be there: no search */
const char *kvs_get(const struct kvs *m, const char *key);       /* borrowed, or NULL */
void kvs_unset(struct kvs *m, const char *key);
void kvs_copy(struct kvs *dst, const struct kvs *src);           /* dst is overwritten, not freed */
bool kvs_equal(const struct kvs *a, const struct kvs *b);        /* same pairs in any order */
