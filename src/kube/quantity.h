/* Kubernetes quantities ("100m", "1.5Gi", "1e3"), exact. apimachinery pkg/api/resource. */
#pragma once

#include "base/util.h"

/* Billionths; enough for every Ei and for sums of thousands of them. Saturates. */
struct quantity { __int128 nano; };

/* Decimal with suffix n u m k M G T P E, or Ki Mi Gi Ti Pi Ei, or exponent e/E with digits ("1E3"; "1E" is exa). What is finer than
 * 1n is rounded up (away from zero), as Kubernetes does. False when it is none. */
bool quantity_parse(const char *s, struct quantity *ret);
struct quantity quantity_of(int64_t units);
struct quantity quantity_add(struct quantity a, struct quantity b);
struct quantity quantity_sub(struct quantity a, struct quantity b);
int quantity_compare(struct quantity a, struct quantity b);
int64_t quantity_milli(struct quantity q);        /* thousandths, rounded up, saturating: cpu */
int64_t quantity_units(struct quantity q);        /* whole units, rounded up, saturating: bytes, pods */
double quantity_real(struct quantity q);
/* For people: cpu as "1.5" or "250m", bytes as "1.5 GiB"; owned. */
char *quantity_text_cpu(struct quantity q);
char *quantity_text_bytes(struct quantity q);
