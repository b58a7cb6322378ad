/* Labels and the rules for labels and names. */
#include <hcloud/label.h>

#include <ctype.h>

#include "base/error.h"
#include "base/strbuf.h"

_Static_assert(sizeof(struct hcloud_labels) == sizeof(struct kvs) &&
                       offsetof(struct hcloud_labels, n) == offsetof(struct kvs, n) &&
                       sizeof(struct hcloud_label) == sizeof(struct kv) &&
                       offsetof(struct hcloud_label, value) == offsetof(struct kv, value),
               "same layout");

void hcloud_labels_set(struct hcloud_labels *labels, const char *key, const char *value) {
        kvs_set((struct kvs *) labels, key, value ? value : "");
}

const char *hcloud_labels_get(const struct hcloud_labels *labels, const char *key) {
        return labels ? kvs_get((const struct kvs *) labels, key) : NULL;
}

void hcloud_labels_unset(struct hcloud_labels *labels, const char *key) {
        kvs_unset((struct kvs *) labels, key);
}

void hcloud_labels_copy(struct hcloud_labels *dst, const struct hcloud_labels *src) {
        kvs_copy((struct kvs *) dst, (const struct kvs *) src);
}

bool hcloud_labels_equal(const struct hcloud_labels *a, const struct hcloud_labels *b) {
        return kvs_equal((const struct kvs *) a, (const struct kvs *) b);
}

bool hcloud_labels_contain(const struct hcloud_labels *labels, const struct hcloud_labels *wanted) {
        for (size_t i = 0; wanted && i < wanted->n; i++)
                if (!str_eq(hcloud_labels_get(labels, wanted->items[i].key), wanted->items[i].value))
                        return false;
        return true;
}

void hcloud_labels_done(struct hcloud_labels *labels) {
        kvs_done((struct kvs *) labels);
}

/* ASCII only: the locale must not widen the rules. */
static bool is_alnum(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(const char *s, size_t n, size_t max, const char *inner) {
        if (n == 0 || n > max || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_alnum(s[i]) && !strchr(inner, s[i]))
                        return false;
        return true;
}

/* Dot-separated parts of letters, digits and inner dashes. */
static bool is_domain(const char *s, size_t n) {
        if (n == 0 || n > 253)
                return false;
        for (size_t start = 0; start <= n;) {
                const char *dot = memchr(s + start, '.', n - start);
                size_t end = dot ? (size_t) (dot - s) : n;
                if (!is_word(s + start, end - start, 63, "-"))
                        return false;
                start = end + 1;
        }
        return true;
}

int hcloud_label_check(const char *key, const char *value, struct error *err) {
        if (str_empty(key))
                return error_set(err, ERR_INVALID, "a label's key is empty");
        const char *slash = strrchr(key, '/'), *name = slash ? slash + 1 : key;
        if (slash && !is_domain(key, (size_t) (slash - key)))
                return error_set(err, ERR_INVALID,
                                 "label key '%s': the part before '/' must be a domain name of at most 253 characters", key);
        if (slash && strncmp(key, "hetzner.cloud/", 14) == 0)
                return error_set(err, ERR_INVALID, "label key '%s': the prefix hetzner.cloud/ is reserved", key);
        if (!is_word(name, strlen(name), 63, "-_."))
                return error_set(err, ERR_INVALID,
                                 "label key '%s': 1 to 63 of letters, digits, '-', '_' and '.', beginning and ending with "
                                 "a letter or digit",
                                 key);
        if (!str_empty(value) && !is_word(value, strlen(value), 63, "-_."))
                return error_set(err, ERR_INVALID,
                                 "value '%s' of label '%s': at most 63 of letters, digits, '-', '_' and '.', beginning and "
                                 "ending with a letter or digit",
                                 value, key);
        return 0;
}

int hcloud_labels_check(const struct hcloud_labels *labels, struct error *err) {
        for (size_t i = 0; labels && i < labels->n; i++) {
                int r = hcloud_label_check(labels->items[i].key, labels->items[i].value, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int hcloud_name_check(enum hcloud_name_rule rule, const char *name, struct error *err) {
        if (str_empty(name))
                return error_set(err, ERR_INVALID, "the name is empty");
        size_t n = strlen(name);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) name[i] < 0x20 || name[i] == 0x7f)
                        return error_set(err, ERR_INVALID, "the name has a control character at position %zu", i + 1);
        switch (rule) {
        case HCLOUD_NAME_SERVER:
                if (!is_domain(name, n))
                        return error_set(err, ERR_INVALID,
                                         "server name '%s' is no host name (RFC 1123: letters, digits, '-', parts of at most 63 "
                                         "separated by '.')",
                                         name);
                return 0;
        case HCLOUD_NAME_VOLUME:
                if (!is_word(name, n, 64, "-_."))
                        return error_set(
                                err, ERR_INVALID,
                                "volume name '%s': 1 to 64 of letters, digits, '-', '_' and '.', beginning and ending with "
                                "a letter or digit",
                                name);
                return 0;
        case HCLOUD_NAME_LONG:
                if (n > 128)
                        return error_set(err, ERR_INVALID, "name '%.40s…' has %zu characters; at most 128 are allowed", name, n);
                if (name[0] == ' ' || name[n - 1] == ' ')
                        return error_set(err, ERR_INVALID, "name '%s' begins or ends with a blank", name);
                return 0;
        default:
                return n > 255 ? error_set(err, ERR_INVALID, "name '%.40s…' has %zu characters; at most 255 are allowed", name, n)
                               : 0;
        }
}
