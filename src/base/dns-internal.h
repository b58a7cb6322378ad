/* The messages of src/base/dns.c, apart from sockets, so that they can be tested and fuzzed. Private to base and its tests. */
#pragma once

#include "base/dns.h"
#include "base/strbuf.h"

/* A query for name's AAAA records (RFC 1035, 4; with EDNS0 for 1232 bytes). ERR_INVALID: name is no host name. */
int dns_write_query(const char *name, uint16_t id, struct strbuf *out, struct error *err);

/* Reads the answer to query. As dns_query_aaaa(); *ret_ignore instead of an error when it is not the answer to this query at all. */
int dns_read_answer(const uint8_t *p, size_t n, const struct strbuf *query, struct ip6_addr **ret, size_t *ret_n, bool *ret_ignore,
                    struct error *err);

/* dns_query_aaaa() at any port. */
int dns_query_aaaa_port(const struct ip6_addr *server, unsigned port, const char *name, int64_t timeout_ms,
                        const struct cancel *cancel, struct ip6_addr **ret, size_t *ret_n, struct error *err);
