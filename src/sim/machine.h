/* What the parts of the simulated cloud know of one simulated server, and whom they call when something happens to it.
 *
 *   hetzner (the REST API) owns every sim_machine and its power; talos (the node's operating system) lives between boot and halt;
 *   kube (the cluster that nodes form) hears of nodes that come and go. Everything runs on one thread, in the event loop of
 *   sim/net/loop.h; time is that loop's clock. */
#pragma once

#include "base/ip6.h"
#include "base/strbuf.h"

struct sim_world;         /* sim/world/world.h: loop, options, faults, the parts' states */
struct sim_talos;         /* sim/talos/talos.h */
struct sim_config;        /* sim/talos/config.h: a machine config that was accepted */

struct sim_machine {
        struct sim_world *world;
        int64_t server_id;
        char *name;                  /* hostname from metadata */
        char *location;              /* "hel1" */
        char *network_zone;
        char *server_type;
        char *arch;                  /* "x86" or "arm" */
        unsigned cores;              /* of the server type */
        double memory_gib;
        double disk_gb;
        struct ip6_prefix prefix;    /* its /64; len 0 without a public IPv6 */
        struct ip6_addr addr;        /* …::1 */
        char *user_data;             /* as given, or NULL */
        char *talos_version;         /* "v1.13.9" from the image, NULL: the image is not Talos */
        bool powered;
        bool private_network;        /* attached to one */
        struct strbuf disk;          /* Talos' STATE partition: the accepted config; empty before. Wiped by rebuild and reset */
        bool etcd_data;              /* etcd data directory is not empty */
        struct sim_talos *talos;     /* while running */
        void *kube;                  /* kube's own record of the node, or NULL */
        unsigned boot_count;
};

/* hetzner -> talos. boot: power came on and the latency of the firmware has passed (a machine without Talos image answers nothing).
 * halt: power went away; frees m->talos, closes its sockets. wipe: the disk is new (create, rebuild); only while halted. */
void sim_talos_boot(struct sim_machine *m);
void sim_talos_halt(struct sim_machine *m);
void sim_talos_wipe(struct sim_machine *m);

/* talos -> hetzner: the operating system switches the machine off, or resets it. */
void sim_hetzner_power_off(struct sim_machine *m);
void sim_hetzner_reset(struct sim_machine *m);

/* talos -> kube. All of them are called on the loop. config stays valid until the next call for this machine or node_down. */
/* A control plane was bootstrapped: etcd begins, the API server of this machine starts to listen on [addr]:6443 after its latency. */
void sim_kube_bootstrap(struct sim_machine *m, const struct sim_config *config);
/* The machine runs with an accepted config: kubelet starts, a control plane joins an existing etcd when there is one of its cluster (same
 * cluster id and Kubernetes CA), the Node registers when its API server can be reached. Also called when the config changes. */
void sim_kube_node_up(struct sim_machine *m, const struct sim_config *config);
void sim_kube_node_down(struct sim_machine *m);      /* power lost, reset or server deleted: its API server stops, its Node turns NotReady */
/* kube -> talos, asked by gates and talosctl. */
struct sim_etcd_member { uint64_t id; const char *hostname; struct ip6_addr addr; bool learner; };
size_t sim_kube_etcd_members(struct sim_machine *m, struct sim_etcd_member *ret, size_t max);
bool sim_kube_etcd_running(struct sim_machine *m);
bool sim_kube_node_ready(struct sim_machine *m);
