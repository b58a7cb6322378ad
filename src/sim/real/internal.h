/* What the files of the mirror share. */
#pragma once

#include "sim/real/client.h"
#include "sim/real/mirror.h"

struct feeds;

struct mirror {
        struct sim_world *world;
        struct kube_cluster *cluster;
        struct kube_remote remote;
        struct api_client client;
        struct feeds *feeds;
        json_t *refused;                         /* "who what" -> {who, what, code, message, count, next_ms, wait_ms, last_ms} */
        struct pod_process *pods;                /* pod-run.c; linked list */
};

/* feeds.c: list and watch. */
int feeds_new(struct mirror *m, struct feeds **ret, struct error *err);
void feeds_free(struct feeds *f);
void feeds_start(struct feeds *f);               /* those that do not run; also after servers changed */
bool feeds_synced(const struct feeds *f);

/* write.c: struct kube_remote's write, remove and call. */
int mirror_write(void *data, struct kube_type *t, const json_t *before, const json_t *value, const struct kube_writer *w, json_t **ret,
                 struct kube_failure *f);
int mirror_remove(void *data, struct kube_type *t, const json_t *object, const struct kube_delete *how, struct kube_failure *f);
int mirror_call(void *data, const char *method, const char *path, const json_t *body, json_t **ret, struct kube_failure *f);

/* join.c: kubelets' certificates and their own API. */
bool mirror_join(void *data, struct kube_machine *m);
void mirror_forget(void *data, struct kube_machine *m);
void mirror_serve(void *data, struct kube_machine *m, const char *certificate_pem);

/* pod-run.c */
bool mirror_run(void *data, struct kube_machine *m, const json_t *pod, struct pod_run *run);
void mirror_stop_pod(void *data, const char *uid);
void mirror_stop_pods(struct mirror *m);
/* The log so far of a pod's container; owned, NULL: there is none. */
char *mirror_pod_log(const struct mirror *m, const char *name_space, const char *name);
