/* What the files of sim/world share. */
#pragma once

#include "sim/hetzner/hetzner.h"
#include "sim/net/http1.h"
#include "sim/world/faults.h"
#include "sim/world/firewall.h"
#include "sim/world/world.h"

/* Options are borrowed until sim_world_done(). The world may not be moved in memory afterwards. */
int sim_world_init(struct sim_world *w, const struct sim_options *o, struct error *err);
/* Trace, hetzner, then the parts (ends with NULL; may be NULL). */
int sim_world_start(struct sim_world *w, const struct sim_part *const *parts, struct error *err);
void sim_world_done(struct sim_world *w);

/* trace.c */
int sim_trace_open(struct sim_world *w, const char *path, struct error *err);
void sim_trace_close(struct sim_world *w);
/* Replaces what must not be written down, in place: tokens, passwords, keys, user_data, contents of Secrets. */
void sim_trace_cut(json_t *j);

/* services.c: everything of the world that listens. */
struct sim_places {
        struct ip6_addr api;             /* where the Hetzner API listens */
        unsigned api_port;
        bool namespaced;                 /* control, charts and name servers too */
};
/* Fills the ports that were 0. */
int sim_services_start(struct sim_world *w, struct sim_places *places, struct error *err);
void sim_services_stop(struct sim_world *w);
char *sim_services_endpoint(struct sim_world *w);        /* "http://[::1]:8080/v1", owned */
char *sim_services_control(struct sim_world *w);         /* "http://[::1]:8080/control", owned */
char *sim_services_factory(struct sim_world *w);         /* "http://[::1]:8080/factory", owned */
char *sim_services_charts(struct sim_world *w);          /* "http://[::1]:8080/charts", owned */

/* A fault was added or all were removed: listeners that faults switch look again. */
void sim_services_faults_changed(struct sim_world *w);

/* control.c: below /control. path without it; answers the exchange. */
void sim_control_handle(struct sim_world *w, const char *path, struct http1_exchange *x);

/* charts.c: below /charts. */
void sim_charts_handle(struct sim_world *w, const char *path, const char *base, struct http1_exchange *x);
void sim_charts_free(void);

/* dns.c: the DNS64 resolvers, and what stands behind NAT64. */
struct sim_dns;
int sim_dns_start(struct sim_world *w, struct sim_dns **ret, struct error *err);
void sim_dns_stop(struct sim_dns *d);
void sim_dns_faults_changed(struct sim_dns *d);
/* One question in, one answer out (for tests); the answer's length, 0: no answer. */
size_t sim_dns_answer(const uint8_t *question, size_t n, const struct ip6_prefix *nat64, uint8_t ret[static 512]);

#define SIM_OPERATOR_ADDRESS "2001:db8:ffff::10"         /* the source address of programs in the world */
#define SIM_API_ADDRESS "2001:db8:ffff::1"
enum { SIM_API_PORT = 8080 };

/* namespace.c: user and network namespace of a world. */
/* Enters new ones; afterwards this process and its children live in them. ERR_REFUSED with what to do when the kernel does not allow it. */
int namespace_enter_new(struct error *err);
/* Addresses, routes and settings inside. */
int namespace_furnish(struct error *err);
/* Enters those of a running world. */
int namespace_enter(long pid, struct error *err);

/* run.c: the commands. */
struct sim_command_line {
        struct sim_options options;
        struct strv faults;
        const char *name;                /* --world */
        const char *listen;
        char **command;                  /* NULL-terminated */
};
int sim_run_exec(const struct sim_command_line *o);
int sim_run_start(const struct sim_command_line *o);
int sim_run_stop(const struct sim_command_line *o);
int sim_run_exec_in(const struct sim_command_line *o);
int sim_run_serve(const struct sim_command_line *o);
