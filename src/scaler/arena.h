/* Memory that is freed all at once, and strings of which equal ones are one pointer. Everything of a snapshot lies in one arena. */
#pragma once

#include "base/util.h"

struct arena {
        struct arena_block *blocks;
        size_t left;                       /* bytes of the newest block */
        const char **table;                /* interned strings, open addressing */
        size_t n, slots;
};
void arena_done(struct arena *a);
void *arena_alloc(struct arena *a, size_t n, size_t size);     /* zeroed; lives as long as the arena */
void *arena_copy(struct arena *a, const void *p, size_t n, size_t size);
const char *arena_text(struct arena *a, const char *s);        /* interned; NULL gives NULL */
const char *arena_text_n(struct arena *a, const char *s, size_t len);
/* The interned string, or NULL when nobody interned it: equal to no other then. */
const char *arena_find(const struct arena *a, const char *s);

uint64_t hash_bytes(const void *p, size_t len);                /* FNV-1a, 64 bits, stirred */
