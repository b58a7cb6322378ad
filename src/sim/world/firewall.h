/* The cloud's firewalls in the kernel of the world's network namespace: one nftables table, replaced as a whole by nft(8), which runs
 * beside the loop. Requests that come while it runs are served together by the next run. */
#pragma once

#include "sim/world/world.h"

typedef void (*sim_firewall_fn)(void *data);

/* Sets w->firewall. Without nft on PATH, or where the kernel refuses, firewalls are not enforced: *ret_why then says why (owned), else NULL. */
int sim_firewall_start(struct sim_world *w, char **ret_why, struct error *err);
void sim_firewall_stop(struct sim_world *w);

/* Calls fn when the kernel has what hetzner wants now: at once without enforcement, else later. Requests of freed owners: sim_firewall_forget. */
void sim_firewall_sync(struct sim_world *w, sim_firewall_fn fn, void *data);
void sim_firewall_forget(struct sim_world *w, const void *data);
uint64_t sim_firewall_runs(const struct sim_world *w);

/* hetzner/filter.c: the table of that name as nft's input; what had the name before is replaced. */
void sim_hetzner_filter(struct sim_world *w, const char *table, struct strbuf *out);
