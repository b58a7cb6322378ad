/* Server-side apply of any objects, in an order that works. */
#pragma once

#include "kube/client.h"

struct kube_apply_options {
        const char *field_manager;                /* NULL: "hcloud-v6" */
        bool force;                               /* take fields over from other managers */
        const char *ns;                           /* for namespaced objects that name none; NULL: "default" */
        int64_t wait_kind_ms;                     /* how long an unknown kind is waited for (its CRD may be starting); 0 = 30 s */
        bool dry_run;                             /* the server checks and keeps nothing */
};

/* PATCH …?fieldManager=M&force=B, content type application/apply-patch+yaml. ret (or NULL) is the object as it is now.
 * ERR_CONFLICT: other managers own fields (named in the message); ERR_INVALID: refused, e.g. an immutable field. */
int kube_apply(struct kube_client *c, const json_t *object, const struct kube_apply_options *o, json_t **ret, struct error *err);
/* An array of objects (Lists in it are opened): namespaces, CRDs, service accounts and RBAC, configuration, services, workloads,
 * the rest; else in the order given. The error names the object. */
int kube_apply_all(struct kube_client *c, const json_t *objects, const struct kube_apply_options *o, struct error *err);
/* The same from a YAML stream; name is used in messages. */
int kube_apply_yaml(struct kube_client *c, const char *name, const char *text, size_t len, const struct kube_apply_options *o,
                    struct error *err);
/* Deletes what the object names (its metadata only is read); absence is success. */
int kube_delete_object(struct kube_client *c, const json_t *object, const char *default_ns, struct error *err);

/* A kind's place in the API: a built-in table first, then discovery of /apis/<group>/<version>, kept for the client's life.
 * ERR_NOT_FOUND when the server does not know the kind. */
struct kube_resource { char *plural; bool namespaced; };
void kube_resource_done(struct kube_resource *r);
int kube_resource_find(struct kube_client *c, const char *api_version, const char *kind, struct kube_resource *ret, struct error *err);
/* The path of an object. *ret is owned. */
int kube_object_path(struct kube_client *c, const json_t *object, const char *default_ns, char **ret, struct error *err);
/* "DaemonSet kube-system/cilium"; owned. */
char *kube_object_name(const json_t *object);
