/* The double of Kubernetes: one cluster for each (cluster id, Kubernetes CA) that a bootstrapped control plane brought, an API
 * server
 * on [addr]:6443 of each of its control planes, and the controllers, kubelets and add-ons whose work a client can see.
 *
 * The world starts and stops this part through sim_kube_part (sim/world/world.h); Talos calls sim_kube_bootstrap(), _node_up()
 * and
 * _node_down() (sim/machine.h). Nothing here opens a container: what a pod "does" is decided by kubelet.c, ccm.c and helm.c.
 *
 * Faults that are looked at (names for sim_fault_on / sim_fault_machine):
 *   dns64-down, nat64-down   images of IPv4-only registries (ghcr.io) cannot be pulled: ErrImagePull, then ImagePullBackOff
 *   image-pull               (machine) no image can be pulled on it
 *   kubelet-csr-early        (machine) the kubelet asks for its serving certificate before its Node exists; the CCM skips that
 * request
 *   ccm-silent               the CCM's pod runs and does nothing
 *   job-fails                pods of Jobs that only pretend to run end with exit code 1 */
#pragma once

#include "sim/world/world.h"

/* The node's own pod CIDR as its Node says, for Talos' address filter (own-address trap); false when it has none yet. */
bool sim_kube_node_pod_cidr(struct sim_machine *m, struct ip6_prefix *ret);
/* A member leaves etcd (etcd's MemberRemove, a graceful reset). False when m's cluster has no member of this id. */
bool sim_kube_etcd_remove(struct sim_machine *m, uint64_t id);
