/* Firewall rules as values: comparing them by what they let pass, and checking them before the API does. */
#include <hcloud/firewall.h>

#include <arpa/inet.h>

#include "base/error.h"
#include "base/ip6.h"
#include "base/strbuf.h"

struct hcloud_firewall_rule *hcloud_firewall_rules_add(struct hcloud_firewall_rules *rules, const char *direction,
                                                       const char *protocol, const char *port, const char *description) {
        const struct hcloud_firewall_rule rule = {
                .direction = xstrdup(direction),
                .protocol = xstrdup(protocol),
                .port = xstrdup(port),
                .description = xstrdup(description),
        };
        ARRAY_APPEND(rules->items, rules->n, rule);
        return &rules->items[rules->n - 1];
}

void hcloud_firewall_rules_copy(struct hcloud_firewall_rules *dst, const struct hcloud_firewall_rules *src) {
        *dst = (struct hcloud_firewall_rules) { 0 };
        for (size_t i = 0; i < src->n; i++) {
                const struct hcloud_firewall_rule *from = &src->items[i];
                struct hcloud_firewall_rule *to = hcloud_firewall_rules_add(dst, from->direction, from->protocol, from->port,
                                                                            from->description);
                strv_copy((struct strv *) &to->source_ips, (const struct strv *) &from->source_ips);
                strv_copy((struct strv *) &to->destination_ips, (const struct strv *) &from->destination_ips);
        }
}

void hcloud_firewall_rules_done(struct hcloud_firewall_rules *rules) {
        if (!rules)
                return;
        for (size_t i = 0; i < rules->n; i++) {
                struct hcloud_firewall_rule *rule = &rules->items[i];
                free(rule->direction);
                free(rule->protocol);
                free(rule->port);
                free(rule->description);
                hcloud_strings_done(&rule->source_ips);
                hcloud_strings_done(&rule->destination_ips);
        }
        free(rules->items);
        *rules = (struct hcloud_firewall_rules) { 0 };
}

/* ---- ports ---- */

static bool port_number(const char *s, size_t n, unsigned *ret) {
        _cleanup_str_ char *text = xstrndup(s, n);
        int64_t value;
        if (!parse_int64(text, 1, 65535, &value))
                return false;
        *ret = (unsigned) value;
        return true;
}

/* "80", "1-5", or "any", which the API takes and echoes although only ranges are documented. */
static bool port_range(const char *port, unsigned *ret_first, unsigned *ret_last) {
        if (str_eq(port, "any")) {
                *ret_first = 1;
                *ret_last = 65535;
                return true;
        }
        const char *dash = strchr(port, '-');
        size_t n = dash ? (size_t) (dash - port) : strlen(port);
        if (!port_number(port, n, ret_first))
                return false;
        *ret_last = *ret_first;
        return !dash || (port_number(dash + 1, strlen(dash + 1), ret_last) && *ret_first <= *ret_last);
}

static bool ports_equal(const char *a, const char *b) {
        unsigned a1, a2, b1, b2;
        if (str_empty(a) || str_empty(b))
                return str_empty(a) && str_empty(b);
        if (!port_range(a, &a1, &a2) || !port_range(b, &b1, &b2))
                return strcmp(a, b) == 0;
        return a1 == b1 && a2 == b2;
}

/* ---- networks ---- */

struct cidr { int family; unsigned len; uint8_t bytes[16]; };  /* family 0: unreadable */

static void mask(uint8_t *bytes, unsigned total, unsigned len) {
        for (unsigned i = len; i < total; i++)
                bytes[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
}

/* ret_exact: no bits stood behind the length. */
static struct cidr cidr_parse(const char *text, bool *ret_exact) {
        struct cidr c = { 0 };
        const char *slash = strchr(text, '/');
        _cleanup_str_ char *address = slash ? xstrndup(text, (size_t) (slash - text)) : xstrdup(text);
        int family = strchr(address, ':') ? AF_INET6 : AF_INET;
        unsigned total = family == AF_INET6 ? 128 : 32;
        int64_t len = total;
        uint8_t whole[16];
        *ret_exact = false;
        if (inet_pton(family, address, c.bytes) != 1 || (slash && !parse_int64(slash + 1, 0, total, &len)))
                return (struct cidr) { 0 };
        memcpy(whole, c.bytes, sizeof(whole));
        mask(c.bytes, total, (unsigned) len);
        *ret_exact = memcmp(whole, c.bytes, total / 8) == 0;
        c.family = family;
        c.len = (unsigned) len;
        return c;
}

static bool cidrs_hold(const struct hcloud_strings *set, const char *text) {
        bool exact;
        const struct cidr wanted = cidr_parse(text, &exact);
        for (size_t i = 0; i < set->n; i++) {
                const struct cidr c = cidr_parse(set->items[i], &exact);
                if (wanted.family == 0 ? strcmp(set->items[i], text) == 0 :
                    c.family == wanted.family && c.len == wanted.len && memcmp(c.bytes, wanted.bytes, sizeof(c.bytes)) == 0)
                        return true;
        }
        return false;
}

static bool cidrs_equal(const struct hcloud_strings *a, const struct hcloud_strings *b) {
        for (size_t i = 0; i < a->n; i++)
                if (!cidrs_hold(b, a->items[i]))
                        return false;
        for (size_t i = 0; i < b->n; i++)
                if (!cidrs_hold(a, b->items[i]))
                        return false;
        return true;
}

/* ---- rules ---- */

bool hcloud_firewall_rule_equal(const struct hcloud_firewall_rule *a, const struct hcloud_firewall_rule *b,
                                bool with_descriptions) {
        if (!str_eq(a->direction, b->direction) || !str_eq(a->protocol, b->protocol) || !ports_equal(a->port, b->port))
                return false;
        if (with_descriptions && strcmp(a->description ? a->description : "", b->description ? b->description : "") != 0)
                return false;
        return cidrs_equal(&a->source_ips, &b->source_ips) && cidrs_equal(&a->destination_ips, &b->destination_ips);
}

bool hcloud_firewall_rules_equal(const struct hcloud_firewall_rules *a, const struct hcloud_firewall_rules *b,
                                 bool with_descriptions) {
        if (a->n != b->n)
                return false;
        _cleanup_free_ bool *used = b->n ? xcalloc(b->n, sizeof(bool)) : NULL;
        for (size_t i = 0; i < a->n; i++) {
                size_t k = 0;
                while (k < b->n && (used[k] || !hcloud_firewall_rule_equal(&a->items[i], &b->items[k], with_descriptions)))
                        k++;
                if (k == b->n)
                        return false;
                used[k] = true;
        }
        return true;
}

static int check_cidrs(const struct hcloud_strings *list, size_t number, struct error *err) {
        if (list->n > HCLOUD_FIREWALL_MAX_CIDRS)
                return error_set(err, ERR_INVALID, "firewall rule %zu names %zu networks; at most %d are allowed", number,
                                 list->n, HCLOUD_FIREWALL_MAX_CIDRS);
        for (size_t i = 0; i < list->n; i++) {
                bool exact;
                if (!strchr(list->items[i], '/') || cidr_parse(list->items[i], &exact).family == 0)
                        return error_set(err, ERR_INVALID, "firewall rule %zu: '%s' is no network (address/length)", number,
                                         list->items[i]);
                if (!exact)
                        return error_set(err, ERR_INVALID, "firewall rule %zu: '%s' has host bits set", number, list->items[i]);
        }
        return 0;
}

static int check_rule(const struct hcloud_firewall_rule *rule, size_t number, struct error *err) {
        unsigned first, last;
        bool in = str_eq(rule->direction, "in"), has_port = str_eq(rule->protocol, "tcp") || str_eq(rule->protocol, "udp");
        if (!in && !str_eq(rule->direction, "out"))
                return error_set(err, ERR_INVALID, "firewall rule %zu: direction '%s' is neither in nor out", number,
                                 rule->direction ? rule->direction : "");
        if (!has_port && !str_eq(rule->protocol, "icmp") && !str_eq(rule->protocol, "esp") && !str_eq(rule->protocol, "gre"))
                return error_set(err, ERR_INVALID, "firewall rule %zu: protocol '%s' is none of tcp, udp, icmp, esp, gre", number,
                                 rule->protocol ? rule->protocol : "");
        if (has_port != !str_empty(rule->port))
                return error_set(err, ERR_INVALID, "firewall rule %zu: a port is needed with tcp and udp, and allowed only there",
                                 number);
        if (has_port && !port_range(rule->port, &first, &last))
                return error_set(err, ERR_INVALID, "firewall rule %zu: port '%s' is none of N, N-M (1 to 65535) and any", number,
                                 rule->port);
        const struct hcloud_strings *used = in ? &rule->source_ips : &rule->destination_ips,
                                    *unused = in ? &rule->destination_ips : &rule->source_ips;
        if (used->n == 0 || unused->n > 0)
                return error_set(err, ERR_INVALID, "firewall rule %zu: direction %s needs %s_ips and nothing else", number,
                                 rule->direction, in ? "source" : "destination");
        if (rule->description && strlen(rule->description) > 255)
                return error_set(err, ERR_INVALID, "firewall rule %zu: the description has more than 255 characters", number);
        return check_cidrs(used, number, err);
}

int hcloud_firewall_rules_check(const struct hcloud_firewall_rules *rules, struct error *err) {
        if (rules->n > HCLOUD_FIREWALL_MAX_RULES)
                return error_set(err, ERR_INVALID, "%zu firewall rules; at most %d are allowed", rules->n,
                                 HCLOUD_FIREWALL_MAX_RULES);
        for (size_t i = 0; i < rules->n; i++) {
                int r = check_rule(&rules->items[i], i + 1, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
