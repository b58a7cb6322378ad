#include "sim/kube/types.h"

#include "base/strbuf.h"

#define NS KUBE_NAMESPACED
#define ST KUBE_STATUS
#define SC KUBE_SCALE
#define GEN KUBE_GENERATION

/* kubernetes: pkg/controlplane and `kubectl api-resources` of 1.36, those a small cluster uses. Order is that of discovery. */
static const struct { const char *group, *version, *kind, *plural, *short_names; unsigned flags; } built_in[] = {
        { "", "v1", "ConfigMap", "configmaps", "cm", NS },
        { "", "v1", "Endpoints", "endpoints", "ep", NS },
        { "", "v1", "Event", "events", "ev", NS },
        { "", "v1", "LimitRange", "limitranges", "limits", NS },
        { "", "v1", "Namespace", "namespaces", "ns", ST },
        { "", "v1", "Node", "nodes", "no", ST },
        { "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", NS | ST },
        { "", "v1", "PersistentVolume", "persistentvolumes", "pv", ST },
        { "", "v1", "Pod", "pods", "po", NS | ST | GEN },
        { "", "v1", "ReplicationController", "replicationcontrollers", "rc", NS | ST | SC | GEN },
        { "", "v1", "ResourceQuota", "resourcequotas", "quota", NS | ST },
        { "", "v1", "Secret", "secrets", "", NS },
        { "", "v1", "ServiceAccount", "serviceaccounts", "sa", NS },
        { "", "v1", "Service", "services", "svc", NS | ST },
        { "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "", GEN },
        { "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "", GEN },
        { "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd,crds", ST | GEN },
        { "apiregistration.k8s.io", "v1", "APIService", "apiservices", "", ST },
        { "apps", "v1", "ControllerRevision", "controllerrevisions", "", NS },
        { "apps", "v1", "DaemonSet", "daemonsets", "ds", NS | ST | GEN },
        { "apps", "v1", "Deployment", "deployments", "deploy", NS | ST | SC | GEN },
        { "apps", "v1", "ReplicaSet", "replicasets", "rs", NS | ST | SC | GEN },
        { "apps", "v1", "StatefulSet", "statefulsets", "sts", NS | ST | SC | GEN },
        { "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", NS | ST },
        { "batch", "v1", "CronJob", "cronjobs", "cj", NS | ST | GEN },
        { "batch", "v1", "Job", "jobs", "", NS | ST | GEN },
        { "certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", "csr", ST },
        { "coordination.k8s.io", "v1", "Lease", "leases", "", NS },
        { "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", NS | GEN },
        { "events.k8s.io", "v1", "Event", "events", "ev", NS },
        { "networking.k8s.io", "v1", "IngressClass", "ingressclasses", "", GEN },
        { "networking.k8s.io", "v1", "Ingress", "ingresses", "ing", NS | ST | GEN },
        { "networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "netpol", NS | GEN },
        { "node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", "", 0 },
        { "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", NS | ST | GEN },
        { "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", 0 },
        { "rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", 0 },
        { "rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", NS },
        { "rbac.authorization.k8s.io", "v1", "Role", "roles", "", NS },
        { "scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", 0 },
        { "storage.k8s.io", "v1", "CSIDriver", "csidrivers", "", 0 },
        { "storage.k8s.io", "v1", "CSINode", "csinodes", "", 0 },
        { "storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc", 0 },
        { "storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", "", ST },
};

static char *lower(const char *s) {
        char *copy = xstrdup(s);
        for (char *p = copy; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p + 'a' - 'A');
        return copy;
}

struct kube_type *kube_types_add(struct kube_types *t, const char *group, const char *version, const char *kind,
                                 const char *plural,
                                 const char *singular, const char *short_names, unsigned flags) {
        struct kube_type *type = xnew0(struct kube_type);
        type->group = xstrdup(group);
        type->version = xstrdup(version);
        type->kind = xstrdup(kind);
        type->plural = xstrdup(plural);
        type->singular = singular ? xstrdup(singular) : lower(kind);
        type->short_names = xstrdup(short_names ? short_names : "");
        type->flags = flags;
        ARRAY_APPEND(t->items, t->n, type);
        return type;
}

static void type_free(struct kube_type *type) {
        for (size_t i = 0; i < type->n; i++) {
                free(type->items[i].key);
                json_decref(type->items[i].value);
        }
        free(type->items);
        free(type->group);
        free(type->version);
        free(type->kind);
        free(type->plural);
        free(type->singular);
        free(type->short_names);
        free(type);
}

void kube_types_init(struct kube_types *t) {
        *t = (struct kube_types) { 0 };
        for (size_t i = 0; i < ARRAY_SIZE(built_in); i++)
                kube_types_add(t, built_in[i].group, built_in[i].version, built_in[i].kind, built_in[i].plural, NULL,
                               built_in[i].short_names,
                               built_in[i].flags);
}

void kube_types_done(struct kube_types *t) {
        for (size_t i = 0; i < t->n; i++)
                type_free(t->items[i]);
        free(t->items);
        *t = (struct kube_types) { 0 };
}

void kube_types_drop(struct kube_types *t, struct kube_type *type) {
        for (size_t i = 0; i < t->n; i++) {
                if (t->items[i] != type)
                        continue;
                /* The order of the others stays; the array's growth rule only needs n to shrink by one. */
                memmove(&t->items[i], &t->items[i + 1], (t->n - i - 1) * sizeof(*t->items));
                t->n--;
                type_free(type);
                return;
        }
}

struct kube_type *kube_types_find(const struct kube_types *t, const char *group, const char *version, const char *plural) {
        for (size_t i = 0; i < t->n; i++)
                if (str_eq(t->items[i]->plural, plural) && str_eq(t->items[i]->group, group) &&
                    (!version || str_eq(t->items[i]->version, version)))
                        return t->items[i];
        return NULL;
}

char *kube_type_api_version(const struct kube_type *t) {
        return *t->group ? xasprintf("%s/%s", t->group, t->version) : xstrdup(t->version);
}

struct kube_type *kube_types_kind(const struct kube_types *t, const char *api_version, const char *kind) {
        for (size_t i = 0; i < t->n; i++) {
                _cleanup_str_ char *own = kube_type_api_version(t->items[i]);
                if (str_eq(t->items[i]->kind, kind) && str_eq(own, api_version))
                        return t->items[i];
        }
        return NULL;
}

bool kube_types_has_group_version(const struct kube_types *t, const char *group, const char *version) {
        for (size_t i = 0; i < t->n; i++)
                if (str_eq(t->items[i]->group, group) && str_eq(t->items[i]->version, version))
                        return true;
        return false;
}
