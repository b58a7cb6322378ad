#include "sim/talos/latency.h"

/* Where the figures come from. [T]: reports of Talos on Hetzner have port 50000 answering 20 to 60 s after the server is
 * `running`; the Terraform provider of Talos waits up to 10 minutes for it. No source splits that span, so the split into kernel,
 * network and API is an estimate [G] whose sum, with the firmware of world/latency.h, lies inside it. They are the right order of
 * magnitude and no measurement. */
static const int64_t milliseconds[] = {
        [PHASE_KERNEL] = 9000,           /* [T] [G] */
        [PHASE_MAINTENANCE] = 3000,      /* [T] [G] */
        [PHASE_CONFIG] = 4000,           /* [T] [G] */
        [PHASE_CRI] = 12000,             /* [G] containerd, and the first image pull of a node */
        [PHASE_TRUSTD] = 1500,           /* [G] one request and apid's start */
        [PHASE_APPLY] = 1000,            /* [G] */
        [PHASE_STOP] = 5000,             /* [G] the reboot sequence without pods */
};

int64_t talos_latency(const struct sim_machine *m, enum talos_phase phase) {
        return sim_latency(m->world, m, milliseconds[phase]);
}
