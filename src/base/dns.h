/* Just enough DNS to ask one given resolver one AAAA question over UDP: preflight checks of DNS64. */
#pragma once

#include "base/cancel.h"
#include "base/ip6.h"

/* Asks server (port 53, UDP, two tries) for name's AAAA records. *ret is owned by the caller, *ret_n may be 0 (name exists
 * without). ERR_NOT_FOUND (NXDOMAIN), ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_PROTOCOL. */
int dns_query_aaaa(const struct ip6_addr *server, const char *name, int64_t timeout_ms, const struct cancel *cancel,
                   struct ip6_addr **ret, size_t *ret_n, struct error *err);

/* The source address the kernel would use towards dest: a connected UDP socket's name; nothing is sent. ERR_UNAVAILABLE without a route. */
int net_source_address(const struct ip6_addr *dest, struct ip6_addr *ret, struct error *err);

/* Can a TCP connection be opened? 0, ERR_TIMEOUT or ERR_UNAVAILABLE. */
int net_probe_tcp(const struct ip6_addr *a, unsigned port, int64_t timeout_ms, const struct cancel *cancel, struct error *err);
