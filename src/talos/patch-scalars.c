/* Texts that Talos parses while it reads a config, so that a wrong one makes it refuse the whole. */
#include "talos/patch-schema.h"

#include <arpa/inet.h>
#include <ctype.h>

static bool is_text(const struct yaml_node *n) { return n->type == YAML_STR; }

/* An empty text is the zero address (Go: net/netip UnmarshalText). */
static bool is_address(const struct yaml_node *n) {
        unsigned char bytes[sizeof(struct in6_addr)];
        const char *s = n->text ? n->text : "";
        _cleanup_str_ char *without_zone = xstrndup(s, strcspn(s, "%"));

        return !*s || inet_pton(AF_INET6, without_zone, bytes) == 1 || inet_pton(AF_INET, s, bytes) == 1;
}

static bool is_prefix(const struct yaml_node *n) {
        unsigned char bytes[sizeof(struct in6_addr)];
        const char *s = n->text ? n->text : "", *slash = strchr(s, '/');
        size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;
        long len = digits > 0 && digits < 4 ? strtol(slash + 1, NULL, 10) : -1;

        if (!*s)
                return true;
        if (len < 0 || slash[1 + digits] || (slash[1] == '0' && digits > 1))
                return false;
        _cleanup_str_ char *address = xstrndup(s, (size_t) (slash - s));
        return (len <= 128 && inet_pton(AF_INET6, address, bytes) == 1) || (len <= 32 && inet_pton(AF_INET, address, bytes) == 1);
}

/* Go: time.ParseDuration(). A plain number is none, quoted or not, but for "0". */
static bool is_duration(const struct yaml_node *n) {
        static const char *const units[] = { "ns", "us", "µs", "μs", "ms", "s", "m", "h" };
        const char *s = n->text;

        if (!is_text(n) || !s)
                return false;
        s += *s == '-' || *s == '+';
        if (str_eq(s, "0"))
                return true;
        if (!*s)
                return false;
        while (*s) {
                size_t whole = strspn(s, "0123456789"), part = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0, len = 0;
                if (whole + part == 0)
                        return false;
                s += whole + (s[whole] == '.' ? 1 + part : 0);
                for (size_t i = 0; i < ARRAY_SIZE(units) && len == 0; i++)
                        if (strncmp(s, units[i], strlen(units[i])) == 0)
                                len = strlen(units[i]);
                if (len == 0)
                        return false;
                s += len;
        }
        return true;
}

static bool is_one_of(const struct yaml_node *n, const char *const *words) {
        for (; *words; words++)
                if (str_eq(n->text, *words))
                        return true;
        return false;
}

static bool is_action(const struct yaml_node *n) { return is_one_of(n, (const char *const[]) { "accept", "block", NULL }); }
static bool is_protocol(const struct yaml_node *n) { return is_one_of(n, (const char *const[]) { "tcp", "udp", "icmp", "icmpv6", NULL }); }
static bool is_host_auto(const struct yaml_node *n) { return is_one_of(n, (const char *const[]) { "stable", "off", NULL }); }

static bool is_natural(const struct yaml_node *n) { return n->type != YAML_INT || n->integer >= 0; }

/* 80, "80" or 443-444 (talos: config/types/network/port_range.go). */
static bool is_port(const struct yaml_node *n) {
        const char *s = n->text ? n->text : "";
        size_t first = strspn(s, "0123456789"), second = s[first] == '-' ? strspn(s + first + 1, "0123456789") : 0;

        if (first == 0 || first > 5 || second > 5 || (s[first] && (s[first] != '-' || second == 0 || s[first + 1 + second])))
                return false;
        long low = strtol(s, NULL, 10), high = second ? strtol(s + first + 1, NULL, 10) : low;
        return low <= high && high <= 65535;
}

static bool is_mapping(const struct yaml_node *n) { return n->type == YAML_MAP; }

const struct schema schema_object = { .kind = SCHEMA_FREE, .what = "a mapping", .valid = is_mapping };
const struct schema schema_port = { .kind = SCHEMA_FREE, .what = "a port or a range of ports", .valid = is_port };
const struct schema schema_natural = { .kind = SCHEMA_NUMBER, .what = "a number that is not negative", .valid = is_natural };
const struct schema schema_address = { .kind = SCHEMA_TEXT, .what = "an IP address", .valid = is_address };
const struct schema schema_prefix = { .kind = SCHEMA_TEXT, .what = "an IP prefix such as 2001:db8::/64", .valid = is_prefix };
const struct schema schema_duration = { .kind = SCHEMA_TEXT, .what = "a duration such as 1h30m", .valid = is_duration };
const struct schema schema_action = { .kind = SCHEMA_TEXT, .what = "'accept' or 'block'", .valid = is_action, .zero = "accept" };
const struct schema schema_protocol = { .kind = SCHEMA_TEXT, .what = "tcp, udp, icmp or icmpv6", .valid = is_protocol };
const struct schema schema_host_auto = { .kind = SCHEMA_TEXT, .what = "'stable' or 'off'", .valid = is_host_auto };
