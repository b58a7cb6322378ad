/* The root file system of a pod that really runs, laid out before the process is made, so that the child only has to write it. */
#pragma once

#include "sim/real/internal.h"

struct pod_file { char *path; char *data; size_t len; unsigned mode; };  /* path in the pod: "/values/values.yaml" */
struct pod_root {
        struct strv folders;             /* in the pod, in the order of making */
        struct pod_file *files;
        size_t n_files;
        struct strv arguments, environment;
};
void pod_root_done(struct pod_root *r);
#define _cleanup_pod_root_ _cleanup_(pod_root_done)

/* Volumes (ConfigMap, Secret, emptyDir, projected token, CA and downward API) where the container mounts them, its environment with what the
 * kubelet adds, its words. ERR_NOT_FOUND and ERR_REFUSED as the kubelet would complain. */
int pod_root_make(struct mirror *m, struct kube_machine *machine, const json_t *pod, struct pod_root *ret, struct error *err);
/* In the child, in a mount namespace of its own: a tmpfs at folder becomes the root, with program at /usr/bin/NAME. Negative with errno. */
int pod_root_enter(const struct pod_root *r, const char *folder, const char *program, const char *name);
