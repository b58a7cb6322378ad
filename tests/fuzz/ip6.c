/* Addresses, prefixes, URLs, and a resolver's answers. */
#include <arpa/inet.h>

#include "base/dns-internal.h"
#include "base/http.h"
#include "check.h"

static void check_text(const char *text) {
        struct ip6_addr a, again;
        struct ip6_prefix p, same;
        char buf[IP6_STR_MAX];
        uint8_t other[16];
        if (ip6_parse(text, &a)) {
                CHECK(ip6_parse(ip6_format(&a, buf), &again) && ip6_equal(&a, &again));
                CHECK(inet_pton(AF_INET6, buf, other) == 1 && memcmp(other, a.b, 16) == 0);
        }
        if (ip6_prefix_parse(text, &p, &a)) {
                CHECK(ip6_prefix_has(&p, &a));
                CHECK(ip6_prefix_parse(ip6_prefix_format(&p, buf), &same, NULL) && ip6_prefix_equal(&p, &same));
        }
        char *scheme, *host, *path;
        unsigned port;
        if (url_split(text, &scheme, &host, &port, &path)) {
                CHECK(port > 0 && port < 65536 && *path == '/');
                free(scheme);
                free(host);
                free(path);
        }
}

static void check_answer(const uint8_t *p, size_t n) {
        _cleanup_strbuf_ struct strbuf query = STRBUF_INIT;
        struct ip6_addr *list = NULL;
        size_t count;
        bool ignore;
        uint16_t id = n >= 2 ? (uint16_t) (p[0] << 8 | p[1]) : 0;
        CHECK(dns_write_query("ghcr.io", id, &query, NULL) >= 0);
        dns_read_answer(p, n, &query, &list, &count, &ignore, NULL);
        free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        check_text(text);
        check_answer(p, n);
        return 0;
}
