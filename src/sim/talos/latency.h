/* How long the phases of a node's life take in reality. At --speed instant they take no time. */
#pragma once

#include <stdint.h>

#include "sim/world/world.h"

enum talos_phase {
        PHASE_KERNEL, /* power on (firmware is hetzner's) to machined asking the platform for its config */
        PHASE_MAINTENANCE, /* no config found to maintenance mode's API answering */
        PHASE_CONFIG, /* config at hand to apid answering with its certificate (control plane) */
        PHASE_CRI, /* config at hand to CRI healthy: Bootstrap becomes possible, the kubelet is pulled and started */
        PHASE_TRUSTD, /* trustd reached to a worker's apid answering */
        PHASE_APPLY, /* ApplyConfiguration answered to the API restarting (maintenance) */
        PHASE_STOP, /* Reboot, Shutdown or Reset accepted to the machine going down */
};

int64_t talos_latency(const struct sim_machine *m, enum talos_phase phase);
