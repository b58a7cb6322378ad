/* Nodes: as read, and the few changes the program makes to them. */
#pragma once

#include "kube/client.h"

struct kube_taint { char *key, *value, *effect; };
struct kube_condition { char *type, *status, *reason, *message; int64_t since_ms; };
struct kube_conditions { struct kube_condition *items; size_t n; };
struct kube_address { char *type, *address; };    /* "InternalIP", "ExternalIP", "Hostname" */

struct kube_node {
        char *name, *uid, *resource_version;
        struct kvs labels, annotations;
        struct kube_taint *taints;
        size_t n_taints;
        struct kube_conditions conditions;
        struct kube_address *addresses;
        size_t n_addresses;
        char *provider_id;                        /* "hcloud://123", or NULL */
        struct strv pod_cidrs;                    /* spec.podCIDRs */
        bool unschedulable;
        char *kubelet_version, *os_image, *kernel_version, *architecture, *container_runtime;
        struct kvs capacity, allocatable;         /* quantities as text (quantity.h) */
        int64_t created_ms;
        bool deleting;
};
struct kube_nodes { struct kube_node *items; size_t n; };

void kube_conditions_done(struct kube_conditions *c);
const struct kube_condition *kube_condition_find(const struct kube_conditions *c, const char *type);   /* borrowed, or NULL */
bool kube_condition_is_true(const struct kube_conditions *c, const char *type);
/* Reads an array of conditions; NULL is none. */
int kube_conditions_parse(const json_t *a, struct kube_conditions *ret, struct error *err);

void kube_node_done(struct kube_node *n);
void kube_nodes_done(struct kube_nodes *n);
int kube_node_parse(const json_t *o, struct kube_node *ret, struct error *err);
int kube_nodes_list(struct kube_client *c, struct kube_nodes *ret, struct error *err);
int kube_node_get(struct kube_client *c, const char *name, struct kube_node *ret, struct error *err);
const struct kube_node *kube_nodes_find(const struct kube_nodes *n, const char *name);       /* borrowed, or NULL */
const struct kube_taint *kube_node_taint(const struct kube_node *n, const char *key);        /* borrowed, or NULL */
const char *kube_node_address(const struct kube_node *n, const char *type);                  /* the first of that type, or NULL */
bool kube_node_is_ready(const struct kube_node *n);

/* Sets spec.podCIDR and spec.podCIDRs (the first is podCIDR). Kubernetes lets them be set once: ERR_INVALID when they differ. */
int kube_node_set_pod_cidrs(struct kube_client *c, const char *name, const struct strv *cidrs, struct error *err);
/* Removes all taints with that key; guarded by resourceVersion and tried again on conflict. No such taint is success. */
int kube_node_remove_taint(struct kube_client *c, const char *name, const char *key, struct error *err);
/* Adds or replaces the taint with that key and effect. */
int kube_node_set_taint(struct kube_client *c, const char *name, const struct kube_taint *taint, struct error *err);
/* Values of labels or annotations; a NULL value removes the key. */
struct kube_change { const char *key, *value; };
int kube_node_set_labels(struct kube_client *c, const char *name, const struct kube_change *changes, size_t n, struct error *err);
int kube_node_set_annotations(struct kube_client *c, const char *name, const struct kube_change *changes, size_t n, struct error *err);
int kube_node_cordon(struct kube_client *c, const char *name, bool cordon, struct error *err);
int kube_node_delete(struct kube_client *c, const char *name, const char *uid, struct error *err);    /* absence is success */
