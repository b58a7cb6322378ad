/* What programs.c, calls.c, plane.c, etcd.c and manifests.c share. */
#pragma once

#include "sim/net/loop.h"
#include "sim/real/layout.h"
#include "sim/real/real.h"

/* --- programs.c --- */

struct real_programs { char *paths[REAL_PROGRAMS]; };
void real_programs_done(struct real_programs *p);
int real_programs_find(const char *dir, struct real_programs *ret, struct error *err);
const char *real_program_name(enum real_program which);

/* One program that runs, in a process group of its own; it dies with the simulator whatever happens. */
struct real_process {
        struct sim_world *world;
        pid_t pid;                       /* 0: does not run */
        int pidfd;
        struct loop_watch *watch;
        void (*ended)(void *data, int status);   /* by itself, not by real_process_kill() */
        void *data;
};
struct real_program_start {
        const char *path;
        const struct strv *arguments;
        const char *hostname;
        const char *proxy;               /* "http://…", its way out */
        const char *log;                 /* its output is appended */
};
int real_process_start(struct real_process *p, struct sim_world *w, const struct real_program_start *s, struct error *err);
/* At once and whole; waits until it is gone. */
void real_process_kill(struct real_process *p);

/* Removes a folder with all that is in it. */
void real_remove_folder(const char *path);

/* --- relay.c --- */

struct real_relay;
#define REAL_RELAY_PORT 3128
/* A proxy on loopback:REAL_RELAY_PORT whose connections come from source. */
int real_relay_new(const uint8_t loopback[static 4], const struct ip6_addr *source, struct real_relay **ret, struct error *err);
void real_relay_free(struct real_relay *r);      /* NULL-safe; ends all its connections */

/* --- calls.c --- */

struct real_calls;
int real_calls_new(struct sim_world *w, struct real_calls **ret, struct error *err);
void real_calls_free(struct real_calls *c);      /* NULL-safe; ends all calls, and waits for their threads */

/* The call goes on, but nobody hears of its answer. */
void real_call_detach(struct real_call **slot);

/* --- plane.c --- */

enum real_stage {
        REAL_STOPPED,
        REAL_JOINING,                    /* asks another control plane's etcd to add this member */
        REAL_ETCD_STARTING,              /* its etcd does not answer yet */
        REAL_LEARNING,                   /* a learner, not yet promoted */
        REAL_API_STARTING,
        REAL_MANIFESTS,                  /* readyz answered, the bootstrap manifests are on their way */
        REAL_RUNNING,
};

struct real_member { uint64_t id; char *name; struct ip6_addr addr; bool learner; };

struct real_slot { struct real_plane *plane; enum real_program which; };

struct real_plane {
        struct real_state *state;
        struct sim_machine *m;
        struct sim_config *config;       /* of the last start */
        char *folder, *hostname;
        uint8_t loopback[4];
        struct real_relay *relay;        /* while it is not stopped */
        struct cert_pair admin, etcd_client;
        enum real_stage stage;
        bool leaving;                    /* its member was removed: what ends does not begin again */
        char *problem;                   /* why it does not get on, or NULL */
        struct real_process processes[REAL_PROGRAMS];
        struct real_slot slots[REAL_PROGRAMS];   /* for callbacks of one program */
        struct loop_timer *restarts[REAL_PROGRAMS];
        unsigned failures[REAL_PROGRAMS];
        struct loop_timer *timer;        /* the next step, or the next try of this one */
        struct real_call *call;          /* of this step */
        struct real_call *members_call, *leave_call;
        struct real_member *members;     /* as its etcd last said */
        size_t n_members;
        int64_t members_at_ms;           /* monotonic; 0: never */
        struct manifests *manifests;     /* being applied */
};

struct real_state {
        struct sim_world *world;
        char *folder;
        struct real_programs programs;
        struct real_calls *calls;
        struct real_plane **planes;      /* one for each machine that ever was a control plane and is not deleted */
        size_t n_planes;
        struct real_listener listener;
        unsigned next_loopback;
};

struct real_state *real_state_of(const struct sim_world *w);     /* NULL: the double */
struct real_plane *real_plane_of(const struct sim_machine *m);   /* NULL: never was a control plane */
bool real_same_cluster(const struct sim_config *a, const struct sim_config *b);
/* After so long, unless the stage changes before. */
void real_plane_later(struct real_plane *p, int64_t ms, loop_fn fn);
void real_plane_problem(struct real_plane *p, const char *fmt, ...) _printf_(2, 3);
void real_plane_start_etcd(struct real_plane *p, const struct real_etcd_start *start);
/* etcd is a voter now: on with the API server. */
void real_plane_etcd_ready(struct real_plane *p);
void real_plane_manifests_applied(struct real_plane *p);
/* Stops everything and forgets etcd's data. */
void real_plane_left(struct real_plane *p);

/* --- etcd.c: etcd's own API, by its JSON gateway --- */
void real_etcd_join(void *plane);                /* MemberAdd as a learner, then real_plane_start_etcd() */
void real_etcd_wait(void *plane);                /* until it answers; promotes a learner; then real_plane_etcd_ready() */
void real_etcd_refresh(struct real_plane *p);
void real_etcd_done(struct real_plane *p);

/* --- manifests.c: Talos' bootstrap manifests --- */
void real_manifests_apply(struct real_plane *p);
void real_manifests_stop(struct real_plane *p);
json_t *real_manifests_of(const struct sim_config *c, struct error *err);        /* array of objects in order; new reference */
