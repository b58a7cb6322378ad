/* IPv6 addresses and prefixes as values with arithmetic. Brackets are added in one function, ip6_bracket(). */
#pragma once

#include "base/error.h"

struct ip6_addr { uint8_t b[16]; };
struct ip6_prefix { struct ip6_addr addr; unsigned len; };   /* host bits are always zero */

#define IP6_STR_MAX 64                                       /* enough for any text form here */

bool ip6_parse(const char *s, struct ip6_addr *ret);
/* "a::/64" or a bare address (then /128). Host bits set: false, unless ret_addr is given, which gets the address as written. */
bool ip6_prefix_parse(const char *s, struct ip6_prefix *ret, struct ip6_addr *ret_addr);
const char *ip6_format(const struct ip6_addr *a, char buf[static IP6_STR_MAX]);          /* RFC 5952; returns buf */
const char *ip6_prefix_format(const struct ip6_prefix *p, char buf[static IP6_STR_MAX]);
char *ip6_str(const struct ip6_addr *a);                     /* owned */
char *ip6_prefix_str(const struct ip6_prefix *p);            /* owned */
/* "[a::1]" or "[a::1]:port" (port 0: none); owned. */
char *ip6_bracket(const struct ip6_addr *a, unsigned port);

bool ip6_equal(const struct ip6_addr *a, const struct ip6_addr *b);
int ip6_compare(const struct ip6_addr *a, const struct ip6_addr *b);
bool ip6_prefix_equal(const struct ip6_prefix *a, const struct ip6_prefix *b);
bool ip6_prefix_has(const struct ip6_prefix *p, const struct ip6_addr *a);
bool ip6_prefix_covers(const struct ip6_prefix *outer, const struct ip6_prefix *inner);
bool ip6_prefix_overlaps(const struct ip6_prefix *a, const struct ip6_prefix *b);
struct ip6_prefix ip6_mask(const struct ip6_addr *a, unsigned len);
/* Address number n of the prefix (n added to the network address): ip6_host(p, 1) is "…::1". */
struct ip6_addr ip6_host(const struct ip6_prefix *p, uint64_t n);
/* The n-th subnet of length len inside p, e.g. ip6_subnet(p64, 80, 1) is "<prefix>:1::/80". */
bool ip6_subnet(const struct ip6_prefix *p, unsigned len, uint64_t n, struct ip6_prefix *ret);
bool ip6_is_global(const struct ip6_addr *a);                /* 2000::/3, and so 2001:db8::/32 too */
bool ip6_is_loopback(const struct ip6_addr *a);
