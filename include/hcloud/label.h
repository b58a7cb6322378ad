/* Labels, label selectors, and the API's rules for names and labels, checked before a call is made. */
#pragma once

#include <hcloud/base.h>

struct hcloud_label { char *key, *value; };

/* Ordered pairs. As part of a returned object they belong to it; otherwise to whoever filled them: hcloud_labels_done(). */
struct hcloud_labels { struct hcloud_label *items; size_t n; };

HCLOUD_API void hcloud_labels_set(struct hcloud_labels *labels, const char *key,
                                  const char *value); /* adds or replaces; copies */
HCLOUD_API const char *hcloud_labels_get(const struct hcloud_labels *labels, const char *key);          /* borrowed, or NULL */
HCLOUD_API void hcloud_labels_unset(struct hcloud_labels *labels, const char *key);
HCLOUD_API void hcloud_labels_copy(struct hcloud_labels *dst,
                                   const struct hcloud_labels *src); /* dst is overwritten, not freed */
HCLOUD_API bool hcloud_labels_equal(const struct hcloud_labels *a, const struct hcloud_labels *b);      /* in any order */
/* Does labels hold every pair of wanted? An empty wanted is held by all. */
HCLOUD_API bool hcloud_labels_contain(const struct hcloud_labels *labels, const struct hcloud_labels *wanted);
HCLOUD_API void hcloud_labels_done(struct hcloud_labels *labels);

/* Key: optional prefix (a DNS subdomain up to 253, not hetzner.cloud) and "/", then 1…63 of [A-Za-z0-9._-] with alphanumeric ends.
 * Value: empty, or up to 63 of the same shape. (hcloud API: "Labels".) ERR_INVALID says which rule is broken. */
HCLOUD_API int hcloud_label_check(const char *key, const char *value, struct error *err);
HCLOUD_API int hcloud_labels_check(const struct hcloud_labels *labels, struct error *err);

/* What may be called what. Server names are host names of RFC 1123 (1…63 per label, 253 in all); volumes have 1…64 of
 * [A-Za-z0-9._-] with alphanumeric ends; networks, firewalls and load balancers 1…128, load balancers without blanks at the ends;
 * the rest may not be empty and have no documented maximum (255 is used). ERR_INVALID. */
enum hcloud_name_rule {
        HCLOUD_NAME_SERVER,
        HCLOUD_NAME_VOLUME,
        HCLOUD_NAME_LONG,       /* network, firewall, load balancer */
        HCLOUD_NAME_ANY,        /* primary IP, floating IP, placement group, SSH key, certificate */
};
HCLOUD_API int hcloud_name_check(enum hcloud_name_rule rule, const char *name, struct error *err);

/* Builds a label selector; the parts are joined by "and". An invalid key or value is remembered and reported by take(), so that the
 * calls need no checks of their own:
 *
 *     struct hcloud_selector *s = hcloud_selector_new();
 *     hcloud_selector_equal(s, "example.com/cluster", "blue");
 *     hcloud_selector_in(s, "role", (const char *[]) { "web", "db", NULL });
 *     int r = hcloud_selector_take(s, &text, err);     // "example.com/cluster=blue,role in (web,db)"; frees s
 */
struct hcloud_selector;
HCLOUD_API struct hcloud_selector *hcloud_selector_new(void);
HCLOUD_API void hcloud_selector_equal(struct hcloud_selector *s, const char *key, const char *value);
HCLOUD_API void hcloud_selector_not_equal(struct hcloud_selector *s, const char *key, const char *value);
HCLOUD_API void hcloud_selector_has(struct hcloud_selector *s, const char *key);
HCLOUD_API void hcloud_selector_has_not(struct hcloud_selector *s, const char *key);
HCLOUD_API void hcloud_selector_in(struct hcloud_selector *s, const char *key, const char *const *values); /* ends with NULL */
HCLOUD_API void hcloud_selector_not_in(struct hcloud_selector *s, const char *key, const char *const *values);
/* Gives the text to the caller and frees the builder, on failure too. An empty selector is ERR_INVALID: it would mean
 * "everything". */
HCLOUD_API int hcloud_selector_take(struct hcloud_selector *s, char **ret, struct error *err);
HCLOUD_API void hcloud_selector_free(struct hcloud_selector *s);
/* "key=value", checked, in one call. The caller frees it. */
HCLOUD_API int hcloud_selector_one(const char *key, const char *value, char **ret, struct error *err);
