/* Lists of strings and ids, and money. */
#include <hcloud/base.h>
#include <hcloud/client.h>

#include "base/strbuf.h"
#include "version.h"

/* The public lists are the base's lists under public names. */
_Static_assert(sizeof(struct hcloud_strings) == sizeof(struct strv) &&
                       offsetof(struct hcloud_strings, n) == offsetof(struct strv, n),
               "same layout");

void hcloud_strings_add(struct hcloud_strings *list, const char *text) {
        strv_add((struct strv *) list, text);
}

bool hcloud_strings_has(const struct hcloud_strings *list, const char *text) {
        return strv_has((const struct strv *) list, text);
}

void hcloud_strings_done(struct hcloud_strings *list) {
        strv_done((struct strv *) list);
}

void hcloud_ids_add(struct hcloud_ids *list, int64_t id) {
        if (id != 0)
                ARRAY_APPEND(list->items, list->n, id);
}

void hcloud_ids_add_all(struct hcloud_ids *list, const struct hcloud_ids *more) {
        for (size_t i = 0; i < more->n; i++)
                hcloud_ids_add(list, more->items[i]);
}

bool hcloud_ids_has(const struct hcloud_ids *list, int64_t id) {
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i] == id)
                        return true;
        return false;
}

void hcloud_ids_done(struct hcloud_ids *list) {
        if (!list)
                return;
        free(list->items);
        *list = (struct hcloud_ids) { 0 };
}

#define NANO 1000000000LL

bool hcloud_amount_parse(const char *decimal, int64_t *ret_nano) {
        if (str_empty(decimal))
                return false;
        bool negative = *decimal == '-';
        const char *p = decimal + negative;
        int64_t whole = 0, fraction = 0, digit = NANO / 10;
        if (*p < '0' || *p > '9')
                return false;
        for (; *p >= '0' && *p <= '9'; p++) {
                whole = whole * 10 + (*p - '0');
                if (whole > INT64_MAX / NANO - 1)
                        return false;
        }
        if (*p == '.') {
                p++;
                bool rounded = false;
                for (; *p >= '0' && *p <= '9'; p++) {
                        fraction += (*p - '0') * digit;
                        if (digit == 0 && !rounded) {
                                fraction += *p >= '5';
                                rounded = true;
                        }
                        digit /= 10;
                }
        }
        if (*p)
                return false;
        int64_t nano = whole * NANO + fraction;
        *ret_nano = negative ? -nano : nano;
        return true;
}

char *hcloud_amount_format(int64_t nano, unsigned decimals) {
        int64_t unit = NANO;
        decimals = MIN(decimals, 9u);
        for (unsigned i = 0; i < decimals; i++)
                unit /= 10;
        uint64_t magnitude = nano < 0 ? 0 - (uint64_t) nano : (uint64_t) nano;
        uint64_t units = (magnitude + (uint64_t) unit / 2) / (uint64_t) unit, per_whole = (uint64_t) (NANO / unit);
        const char *sign = nano < 0 && units > 0 ? "-" : "";
        if (decimals == 0)
                return xasprintf("%s%llu", sign, (unsigned long long) units);
        return xasprintf("%s%llu.%0*llu", sign, (unsigned long long) (units / per_whole), (int) decimals,
                         (unsigned long long) (units % per_whole));
}

const char *hcloud_version(void) {
        return HCLOUD_V6_VERSION;
}
