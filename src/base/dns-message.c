#include <strings.h>

#include "base/dns-internal.h"

enum { HEADER = 12, TYPE_AAAA = 28, TYPE_OPT = 41, CLASS_IN = 1, FLAG_ANSWER = 0x8000, FLAG_TRUNCATED = 0x0200, UDP_SIZE = 1232 };
enum { RCODE_OK = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

static void add16(struct strbuf *b, unsigned v) {
        strbuf_addc(b, (char) (v >> 8));
        strbuf_addc(b, (char) v);
}

static unsigned get16(const uint8_t *p) {
        return (unsigned) p[0] << 8 | p[1];
}

static int add_name(const char *name, struct strbuf *out, struct error *err) {
        size_t before = out->len;
        for (const char *p = name; *p;) {
                size_t n = strcspn(p, ".");
                if (n == 0 || n > 63)
                        return error_set(err, ERR_INVALID, "'%s' is no host name", name);
                strbuf_addc(out, (char) n);
                strbuf_add(out, p, n);
                p += n + (p[n] == '.');
        }
        strbuf_addc(out, 0);
        if (out->len - before > 255 || out->len - before < 2)
                return error_set(err, ERR_INVALID, "'%s' is no host name", name);
        return 0;
}

int dns_write_query(const char *name, uint16_t id, struct strbuf *out, struct error *err) {
        strbuf_clear(out);
        add16(out, id);
        add16(out, 0x0100); /* recursion desired */
        add16(out, 1);      /* questions */
        add16(out, 0);
        add16(out, 0);
        add16(out, 1); /* additional: OPT */
        int r = add_name(name, out, err);
        if (r < 0)
                return r;
        add16(out, TYPE_AAAA);
        add16(out, CLASS_IN);
        strbuf_addc(out, 0); /* the root, RFC 6891, 6.1.2 */
        add16(out, TYPE_OPT);
        add16(out, UDP_SIZE);
        add16(out, 0);
        add16(out, 0);
        add16(out, 0);
        return 0;
}

/* The place after the name at at, or 0 when it runs past the end. A pointer ends a name; it is not followed. */
static size_t skip_name(const uint8_t *p, size_t n, size_t at) {
        while (at < n) {
                unsigned length = p[at];
                if (length == 0)
                        return at + 1;
                if (length >= 0xc0)
                        return at + 2 <= n ? at + 2 : 0;
                if (length > 63)
                        return 0;
                at += 1 + length;
        }
        return 0;
}

/* The question must come back as sent, apart from the letters' case. */
static bool is_our_question(const uint8_t *p, size_t n, const struct strbuf *query) {
        const uint8_t *q = (const uint8_t *) query->data;
        size_t end = skip_name(q, query->len, HEADER) + 4;
        return n >= end && get16(p + 4) == 1 && strncasecmp((const char *) p + HEADER, (const char *) q + HEADER, end - HEADER) == 0 &&
               memcmp(p + end - 4, q + end - 4, 4) == 0;
}

static int check_code(unsigned code, struct error *err) {
        switch (code) {
        case RCODE_OK:
                return 0;
        case RCODE_NXDOMAIN:
                return error_set(err, ERR_NOT_FOUND, "the resolver says that the name does not exist");
        case RCODE_SERVFAIL:
                return error_set(err, ERR_UNAVAILABLE, "the resolver failed (SERVFAIL)");
        case RCODE_REFUSED:
                return error_set(err, ERR_UNAVAILABLE, "the resolver refused the question");
        default:
                return error_set(err, ERR_PROTOCOL, "the resolver answered with code %u", code);
        }
}

int dns_read_answer(const uint8_t *p, size_t n, const struct strbuf *query, struct ip6_addr **ret, size_t *ret_n, bool *ret_ignore,
                    struct error *err) {
        *ret_ignore = n < HEADER || get16(p) != get16((const uint8_t *) query->data) || !(get16(p + 2) & FLAG_ANSWER);
        if (*ret_ignore)
                return 0;
        unsigned flags = get16(p + 2), records = get16(p + 6);
        int r = check_code(flags & 0xf, err); /* some servers leave the question out of an error */
        if (r < 0)
                return r;
        if (!is_our_question(p, n, query))
                return error_set(err, ERR_PROTOCOL, "the resolver answered another question");
        _cleanup_free_ struct ip6_addr *list = NULL;
        size_t found = 0, at = skip_name(p, n, HEADER) + 4;
        for (unsigned i = 0; i < records; i++) {
                at = skip_name(p, n, at);
                if (at == 0 || n - at < 10 || n - at - 10 < get16(p + at + 8)) {
                        if (flags & FLAG_TRUNCATED)
                                break;
                        return error_set(err, ERR_PROTOCOL, "the resolver's answer is cut off");
                }
                unsigned type = get16(p + at), class = get16(p + at + 2), length = get16(p + at + 8);
                struct ip6_addr a;
                if (type == TYPE_AAAA && class == CLASS_IN && length == sizeof(a.b)) {
                        memcpy(a.b, p + at + 10, sizeof(a.b));
                        ARRAY_APPEND(list, found, a);
                }
                at += 10 + length;
        }
        if (found == 0 && (flags & FLAG_TRUNCATED))
                return error_set(err, ERR_PROTOCOL, "the resolver's answer is too large for UDP");
        *ret = TAKE(list);
        *ret_n = found;
        return 0;
}
