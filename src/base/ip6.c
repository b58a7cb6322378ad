#include "base/ip6.h"

#include <arpa/inet.h>
#include <stdio.h>

__extension__ typedef unsigned __int128 uint128;

static uint128 to_number(const struct ip6_addr *a) {
        uint128 v = 0;
        for (size_t i = 0; i < 16; i++)
                v = v << 8 | a->b[i];
        return v;
}

static struct ip6_addr from_number(uint128 v) {
        struct ip6_addr a;
        for (size_t i = 16; i-- > 0; v >>= 8)
                a.b[i] = (uint8_t) v;
        return a;
}

bool ip6_parse(const char *s, struct ip6_addr *ret) {
        struct ip6_addr a;
        if (!s || inet_pton(AF_INET6, s, a.b) != 1)
                return false;
        *ret = a;
        return true;
}

bool ip6_prefix_parse(const char *s, struct ip6_prefix *ret, struct ip6_addr *ret_addr) {
        char text[INET6_ADDRSTRLEN];
        int64_t len = 128;
        const char *slash = s ? strchr(s, '/') : NULL;
        size_t n = slash ? (size_t) (slash - s) : s ? strlen(s) : 0;
        if (n == 0 || n >= sizeof(text) || (slash && !parse_int64(slash + 1, 0, 128, &len)))
                return false;
        if (slash && (slash[1] == '-' || (slash[1] == '0' && slash[2]))) /* "/-0" and "/064" are slips, not lengths */
                return false;
        memcpy(text, s, n);
        text[n] = '\0';
        struct ip6_addr a;
        if (!ip6_parse(text, &a))
                return false;
        struct ip6_prefix p = ip6_mask(&a, (unsigned) len);
        if (!ret_addr && !ip6_equal(&p.addr, &a))
                return false;
        if (ret_addr)
                *ret_addr = a;
        *ret = p;
        return true;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952, 4.2). */
static int longest_zero_run(const unsigned group[static 8], int *ret_length) {
        int best = -1, best_length = 1;
        for (int i = 0; i < 8; i++) {
                int length = 0;
                while (i + length < 8 && group[i + length] == 0)
                        length++;
                if (length > best_length) {
                        best = i;
                        best_length = length;
                }
                i += length;
        }
        *ret_length = best < 0 ? 0 : best_length;
        return best;
}

const char *ip6_format(const struct ip6_addr *a, char buf[static IP6_STR_MAX]) {
        if (to_number(a) >> 32 == 0xffff) { /* IPv4-mapped: mixed notation (RFC 5952, 5) */
                snprintf(buf, IP6_STR_MAX, "::ffff:%u.%u.%u.%u", a->b[12], a->b[13], a->b[14], a->b[15]);
                return buf;
        }
        unsigned group[8];
        for (size_t i = 0; i < 8; i++)
                group[i] = (unsigned) a->b[2 * i] << 8 | a->b[2 * i + 1];
        int run_length, run = longest_zero_run(group, &run_length);
        char *p = buf, *end = buf + IP6_STR_MAX;
        for (int i = 0; i < 8; i++) {
                if (i == run) {
                        p += snprintf(p, (size_t) (end - p), "::");
                        i += run_length - 1;
                        continue;
                }
                bool colon = i > 0 && i != run + run_length;
                p += snprintf(p, (size_t) (end - p), "%s%x", colon || (run < 0 && i > 0) ? ":" : "", group[i]);
        }
        return buf;
}

const char *ip6_prefix_format(const struct ip6_prefix *p, char buf[static IP6_STR_MAX]) {
        ip6_format(&p->addr, buf);
        size_t n = strlen(buf);
        snprintf(buf + n, IP6_STR_MAX - n, "/%u", p->len);
        return buf;
}

char *ip6_str(const struct ip6_addr *a) {
        char buf[IP6_STR_MAX];
        return xstrdup(ip6_format(a, buf));
}

char *ip6_prefix_str(const struct ip6_prefix *p) {
        char buf[IP6_STR_MAX];
        return xstrdup(ip6_prefix_format(p, buf));
}

char *ip6_bracket(const struct ip6_addr *a, unsigned port) {
        char buf[IP6_STR_MAX];
        ip6_format(a, buf);
        return port ? xasprintf("[%s]:%u", buf, port) : xasprintf("[%s]", buf);
}

int ip6_compare(const struct ip6_addr *a, const struct ip6_addr *b) {
        return memcmp(a->b, b->b, sizeof(a->b));
}

bool ip6_equal(const struct ip6_addr *a, const struct ip6_addr *b) {
        return ip6_compare(a, b) == 0;
}

bool ip6_prefix_equal(const struct ip6_prefix *a, const struct ip6_prefix *b) {
        return a->len == b->len && ip6_equal(&a->addr, &b->addr);
}

struct ip6_prefix ip6_mask(const struct ip6_addr *a, unsigned len) {
        len = MIN(len, 128u);
        uint128 mask = len == 0 ? 0 : ~(uint128) 0 << (128 - len);
        return (struct ip6_prefix) { .addr = from_number(to_number(a) & mask), .len = len };
}

bool ip6_prefix_has(const struct ip6_prefix *p, const struct ip6_addr *a) {
        struct ip6_prefix q = ip6_mask(a, p->len);
        return ip6_equal(&p->addr, &q.addr);
}

bool ip6_prefix_covers(const struct ip6_prefix *outer, const struct ip6_prefix *inner) {
        return inner->len >= outer->len && ip6_prefix_has(outer, &inner->addr);
}

bool ip6_prefix_overlaps(const struct ip6_prefix *a, const struct ip6_prefix *b) {
        return ip6_prefix_covers(a, b) || ip6_prefix_covers(b, a);
}

struct ip6_addr ip6_host(const struct ip6_prefix *p, uint64_t n) {
        return from_number(to_number(&p->addr) + n);
}

bool ip6_subnet(const struct ip6_prefix *p, unsigned len, uint64_t n, struct ip6_prefix *ret) {
        if (len < p->len || len > 128)
                return false;
        unsigned bits = len - p->len;
        if (bits < 64 && n >> bits != 0)
                return false;
        uint128 offset = len == 0 ? 0 : (uint128) n << (128 - len);
        *ret = (struct ip6_prefix) { .addr = from_number(to_number(&p->addr) + offset), .len = len };
        return true;
}

bool ip6_is_global(const struct ip6_addr *a) {
        return (a->b[0] & 0xe0) == 0x20;
}

bool ip6_is_loopback(const struct ip6_addr *a) {
        return to_number(a) == 1;
}
