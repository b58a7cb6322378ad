/* What every header of libhcloud uses: the export mark, ids, lists of strings and ids, and money.
 *
 * Lists are a pair (items, n). A list that is part of a returned object belongs to that object; one made with the …_add functions
 * belongs to whoever made it and is emptied with …_done. Memory that is out ends the program: a line on standard error, _exit(1). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hcloud/error.h>

#ifdef __cplusplus
#  error "libhcloud is a C library; wrap its headers in extern \"C\" yourself"
#endif

#define HCLOUD_API __attribute__((visibility("default")))

/* Defines fn##p for __attribute__((cleanup(fn##p))) of a pointer that fn() frees. */
#define HCLOUD_DEFINE_CLEANUP(type, fn) \
        static inline __attribute__((unused)) void fn##p(type **p) { fn(*p); }

struct hcloud_strings { char **items; size_t n; };
HCLOUD_API void hcloud_strings_add(struct hcloud_strings *list, const char *text);          /* copies */
HCLOUD_API bool hcloud_strings_has(const struct hcloud_strings *list, const char *text);
HCLOUD_API void hcloud_strings_done(struct hcloud_strings *list);

/* Ids are 1…2^53-1; 0 means "none". */
struct hcloud_ids { int64_t *items; size_t n; };
HCLOUD_API void hcloud_ids_add(struct hcloud_ids *list, int64_t id);                        /* 0 is not added */
HCLOUD_API void hcloud_ids_add_all(struct hcloud_ids *list, const struct hcloud_ids *more);
HCLOUD_API bool hcloud_ids_has(const struct hcloud_ids *list, int64_t id);
HCLOUD_API void hcloud_ids_done(struct hcloud_ids *list);

/* Points in time are milliseconds since 1970-01-01T00:00:00Z; 0 where the API says null. */

/* Money: decimal text as the API gives it, up to 16 fraction digits ("0.0088000000"). Without and with value added tax. */
struct hcloud_price { char *net, *gross; };

/* Decimal text to billionths of the currency unit, rounded to nearest; false when it is no number or too large. NULL is false. */
HCLOUD_API bool hcloud_amount_parse(const char *decimal, int64_t *ret_nano);
/* Billionths to text with so many decimals (0…9), rounded to nearest. The caller frees it. */
HCLOUD_API char *hcloud_amount_format(int64_t nano, unsigned decimals);
