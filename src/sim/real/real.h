/* The real control plane of the simulated cloud (--kubernetes real): etcd, kube-apiserver, kube-controller-manager and kube-scheduler run as
 * processes on the simulated control planes' own addresses, with the certificates that Talos would make of the pushed config.
 *
 *   programs.c, layout.c, plane.c   the programs: found, furnished, started, ended
 *   client.c, mirror.c, pod-run.c   those who talk to the API server: the doubles of kubelet, CCM, Cilium and the Helm Job's pod
 *
 * sim/kube/part.c calls real_plane_…() where the double would start an API server of its own, and is told through struct real_listener when the
 * real one answers. Everything is called on the loop. With --kubernetes double sim_real_on() is false and nothing here does anything. */
#pragma once

#include "sim/talos/config.h"
#include "sim/world/world.h"

/* The part of the world; started before kube's, so that it is stopped after it. Removes its folder and ends all processes when it stops. */
extern const struct sim_part sim_real_part;

/* Finds etcd, kube-apiserver, kube-controller-manager and kube-scheduler: in dir, else in $HCLOUD_V6_KUBERNETES (folders, separated by colons),
 * else in PATH. To be asked before the world starts: ERR_NOT_FOUND names what is missing and how to get it. */
int sim_real_check(const char *dir, struct error *err);

/* Is this world's Kubernetes real? */
bool sim_real_on(const struct sim_world *w);
/* A folder of this world for files and logs, gone with it (kept with SIM_DEBUG set, and named). Borrowed. */
const char *sim_real_folder(const struct sim_world *w);

/* --- one control plane --- */

/* Who hears of control planes; one a world, set by sim/kube. */
struct real_listener {
        void *data;
        /* etcd of this machine runs or no longer does. */
        void (*etcd_changed)(void *data, struct sim_machine *m);
        /* The API server of this machine answers readyz, and Talos' bootstrap manifests are applied (by the first of a cluster). */
        void (*api_up)(void *data, struct sim_machine *m);
        /* It no longer answers: power lost, reset, process ended. Others of the cluster may still. */
        void (*api_down)(void *data, struct sim_machine *m);
};
void real_listen(struct sim_world *w, const struct real_listener *l /* copied */);

/* Lays out what Talos would and starts the programs. bootstrap: a new etcd begins here; else this one joins the etcd of its cluster (same
 * cluster id and Kubernetes CA) by MemberAdd, or goes on with its own data where machine.etcd_data says that there are some. */
void real_plane_start(struct sim_machine *m, const struct sim_config *config, bool bootstrap);
/* Power lost or machine going down: the processes are killed; the data stay for the next start. */
void real_plane_stop(struct sim_machine *m);
/* Its disk was wiped: its etcd data go too. Stops first. Also when the server is deleted. */
void real_plane_wipe(struct sim_machine *m);

bool real_plane_etcd_running(const struct sim_machine *m);
bool real_plane_api_ready(const struct sim_machine *m);
/* etcd's own list of members, at most some seconds old; 0 when m's cluster has no etcd that answers. */
size_t real_etcd_members(struct sim_machine *m, struct sim_etcd_member *ret, size_t max);
/* MemberRemove, through any etcd of m's cluster; the etcd that left ends itself. False when there is no such member. */
bool real_etcd_remove(struct sim_machine *m, uint64_t id);

/* --- for clients of the API server --- */

/* "https://[2001:db8:…::1]:6443" of this machine's own API server; owned. */
char *real_plane_url(const struct sim_machine *m);
/* The identity of the cluster's administrator (CN admin, O system:masters), of one control plane's config; borrowed while the plane exists. */
const struct cert_pair *real_plane_admin(const struct sim_machine *m);

/* One HTTPS exchange on a thread of its own; the answer comes on the loop. Texts are copied. */
struct real_request {
        const char *method, *url;
        const char *content_type;        /* of the body; NULL: application/json */
        const char *body;                /* or NULL */
        const char *ca_pem;              /* whom to trust */
        const struct cert_pair *identity;/* or NULL */
        const char *token;               /* bearer token, or NULL */
        int64_t timeout_ms;              /* 0: 10 s */
};
struct real_call;
/* status 0: no answer came, err says why. body ends with a zero byte. */
typedef void (*real_answer_fn)(void *data, int status, const char *body, size_t len, const struct error *err);
/* *slot, when given, holds the call until its answer was given, and is NULL before fn is called. */
void real_call(struct sim_world *w, const struct real_request *r, real_answer_fn fn, void *data, struct real_call **slot);
void real_call_cancel(struct real_call **slot);          /* *slot may be NULL; fn is not called any more */
