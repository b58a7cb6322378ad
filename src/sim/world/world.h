/* The simulated world: what its parts share. One struct, one thread, one event loop (sim/net/loop.h); time is that loop's clock.
 *
 * The parts are hetzner (the REST API and every sim_machine), talos (the machines' operating system), kube (the clusters the machines
 * form) and world itself (firewall in the kernel, name servers, chart repository, control interface, trace). The world owns them
 * all and frees them in the reverse order of their start. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "sim/machine.h"

struct sim_loop;          /* sim/net/loop.h */
struct sim_faults;        /* sim/world/faults.h */
struct sim_trace;         /* sim/world/trace.h */
struct sim_hetzner;       /* sim/hetzner/hetzner.h */
struct sim_firewall;      /* sim/world/firewall.h */
struct sim_world;

/* A part of the world that is started with it. world/main.c lists the parts; unit tests start only those they need. */
struct sim_part {
        const char *name;                                            /* key of its object in GET /state */
        int (*start)(struct sim_world *w, struct error *err);        /* may be NULL */
        void (*stop)(struct sim_world *w);                           /* may be NULL; sockets closed, memory freed */
        json_t *(*machine_state)(struct sim_machine *m);             /* new reference for GET /state, or NULL; never secrets */
        void (*machine_gone)(struct sim_machine *m);                 /* the server was deleted (already halted): forget it */
};

/* Provided by sim/talos and sim/kube (in any of their files). */
extern const struct sim_part sim_talos_part, sim_kube_part;

struct sim_options {
        bool speed_real;          /* latencies of the real thing (world/latency.h), else none */
        unsigned speed_times;     /* … divided by this; 0 and 1: as they are */
        bool no_images;           /* no Talos snapshots at the start */
        size_t image_mib;         /* size of the image factory's images; 0: 16 */
        bool namespaced;          /* inside exec/start: own addresses, nftables, DNS; false with "serve" */
        bool any_token;           /* "serve": every token of 64 characters is good */
        bool legacy_assignee;     /* a free primary IP says assignee_type "server", as before 2026-09-23 */
        bool no_rate_limit;       /* for fuzzers */
        uint64_t seed;
        int64_t start_ms;         /* wall clock at the start, milliseconds since 1970; 0: now */
        const char *trace_file;   /* or NULL */
        const char *token;        /* the only read-write token */
        const char *readonly_token;
        bool kubernetes_real;     /* real programs instead of the double (sim/real/real.h) */
        const char *kubernetes_dir;      /* folders to find them in, separated by colons; NULL: environment and PATH */
};

struct sim_world {
        struct sim_options options;
        struct sim_loop *loop;
        uint64_t rng[2];                        /* state of sim_random */
        struct sim_faults *faults;
        struct sim_trace *trace;                /* or NULL */
        struct sim_hetzner *hetzner;
        struct sim_firewall *firewall;          /* or NULL: not enforced */
        void *talos;                            /* talos' own state shared by all machines, or NULL */
        void *kube;                             /* kube's own state, or NULL */
        void *real;                             /* of the real control planes, or NULL: the double (sim/real/real.h) */
        void *net;                              /* world/services.c: listeners */
        const struct sim_part *parts[8];        /* ends with NULL */
};

/* The same seed gives the same numbers: everything random that a client can see comes from here (keys and tokens do not). */
uint64_t sim_random(struct sim_world *w);
uint32_t sim_random_below(struct sim_world *w, uint32_t upper);      /* 0..upper-1 */
double sim_random_unit(struct sim_world *w);                         /* 0 <= x < 1 */

/* Wall clock of the simulated world in milliseconds since 1970: the loop's clock, which POST /clock moves forward. */
int64_t sim_now_ms(struct sim_world *w);

/* How long something that takes real_ms in reality takes here: 0 at --speed instant, else real_ms with a seeded spread of +-15 %, and
 * times the machine's slowness when a "slow-node" fault holds for m (m may be NULL). With a slow-node fault at instant speed the
 * fault's own delay counts. */
int64_t sim_latency(struct sim_world *w, const struct sim_machine *m, int64_t real_ms);

/* One line for the operator of the simulator (stderr with SIM_DEBUG set, else dropped). No secrets. */
void sim_say(struct sim_world *w, const char *fmt, ...) _printf_(2, 3);

/* The record of one exchange for --trace; does nothing without it. part: "hetzner", "talos", "kube", "charts". json bodies are parsed
 * and their secrets cut; others are given by length. peer may be NULL. */
/* The next exchange in the trace gets "fault": its answer was spoilt on purpose. */
void sim_trace_spoilt(struct sim_world *w, const char *fault);
void sim_trace_exchange(struct sim_world *w, const char *part, const char *peer, const char *method, const char *target,
                        const char *request_body, size_t request_len, int status, const char *response_body, size_t response_len);

/* The machines, in order of creation. NULL ends. Borrowed from hetzner. */
struct sim_machine *sim_machine_by_id(struct sim_world *w, int64_t server_id);
struct sim_machine *sim_machine_nth(struct sim_world *w, size_t n);

/* Is a fault of this name (without arguments on routes, e.g. "dns64-down", "nat64-down") switched on? */
bool sim_fault_on(struct sim_world *w, const char *name);
/* Is it switched on for this machine ("node-never-boots:name=worker-*")? Counts are used up by asking. */
bool sim_fault_machine(struct sim_world *w, const char *name, const struct sim_machine *m);
