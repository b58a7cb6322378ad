/* The simulated operating system of one server: Talos' API on [addr]:50000, trustd's port on control planes, from boot to halt.
 *
 * hetzner calls it through sim/machine.h; kube asks it through this file. A sim_talos exists while its machine is powered. */
#pragma once

#include "sim/net/loop.h"
#include "sim/talos/config.h"
#include "sim/world/world.h"

/* MachineStatus.stage (talos: api/resource/definitions/enums, MachineStage). */
enum sim_stage {
        SIM_STAGE_UNKNOWN = 0,
        SIM_STAGE_BOOTING,
        SIM_STAGE_INSTALLING,
        SIM_STAGE_MAINTENANCE,
        SIM_STAGE_RUNNING,
        SIM_STAGE_REBOOTING,
        SIM_STAGE_SHUTTING_DOWN,
        SIM_STAGE_RESETTING,
        SIM_STAGE_UPGRADING,
};

/* The config the machine runs with, or NULL (off, booting, in maintenance). Borrowed until the next turn of the loop. */
const struct sim_config *sim_talos_config(const struct sim_machine *m);
enum sim_stage sim_talos_stage(const struct sim_machine *m);     /* UNKNOWN when off */
/* The node's name in Kubernetes: static hostname of the config, else the server's name. Borrowed. */
const char *sim_talos_hostname(const struct sim_machine *m);
/* kube tells that something of this node's state changed (etcd came up, the Node turned Ready): watches and services look again.
 */
void sim_talos_changed(struct sim_machine *m);

/* For tests, which have one loopback address for all machines: where machines that boot from now on listen (0: any free port;
 * default 50000 and 50001), and where one does. */
void sim_talos_set_ports(struct sim_world *w, unsigned api_port, unsigned trustd_port);
unsigned sim_talos_api_port(const struct sim_machine *m);
