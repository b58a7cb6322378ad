/* Pods as read. */
#pragma once

#include "kube/node.h"

enum kube_container_state { KUBE_CONTAINER_UNKNOWN, KUBE_CONTAINER_WAITING, KUBE_CONTAINER_RUNNING, KUBE_CONTAINER_TERMINATED };

struct kube_container {
        char *name, *image;
        bool init;                                /* an init container */
        bool sidecar;                             /* an init container with restartPolicy Always */
        bool ready;
        int64_t restarts;
        enum kube_container_state state;
        char *reason, *message;                   /* of waiting ("ImagePullBackOff") or terminated ("Error") */
        int64_t exit_code;                        /* terminated */
        char *last_reason, *last_message;         /* of the previous run's end, or NULL */
        int64_t last_exit_code;
        struct kvs requests;                      /* quantities as text */
};

struct kube_pod {
        char *ns, *name, *uid;
        struct kvs labels, annotations;
        char *phase;                              /* "Pending", "Running", "Succeeded", "Failed", "Unknown" */
        char *node;                               /* or NULL */
        char *owner_kind, *owner_name, *owner_uid;/* its controller, or NULL */
        struct kube_conditions conditions;
        struct kube_container *containers;        /* init containers first */
        size_t n_containers;
        struct strv ips;
        bool host_network;
        int64_t priority;
        bool gated;                               /* has scheduling gates */
        int64_t created_ms;
        bool deleting;
        char *reason, *message;                   /* of the status, e.g. "Evicted", or NULL */
};
struct kube_pods { struct kube_pod *items; size_t n; };

void kube_pod_done(struct kube_pod *p);
void kube_pods_done(struct kube_pods *p);
int kube_pod_parse(const json_t *o, struct kube_pod *ret, struct error *err);
/* ns NULL: of all namespaces. Selectors as kubectl writes them ("app=x", "spec.nodeName=n"), or NULL. */
int kube_pods_list(struct kube_client *c, const char *ns, const char *label_selector, const char *field_selector, struct kube_pods *ret,
                   struct error *err);
bool kube_pod_is_ready(const struct kube_pod *p);
bool kube_pod_is_finished(const struct kube_pod *p);      /* Succeeded or Failed */
/* Why a pod does not get on, e.g. "kube-system/cilium-x on n1: container config: ImagePullBackOff: Back-off pulling image …" or
 * "…: Unschedulable: 0/1 nodes are available"; NULL when nothing is wrong (yet). Owned. */
char *kube_pod_trouble(const struct kube_pod *p);
/* True when a container cannot have its image (ErrImagePull, ImagePullBackOff, InvalidImageName); the container in *ret. */
bool kube_pod_image_trouble(const struct kube_pod *p, const struct kube_container **ret);
