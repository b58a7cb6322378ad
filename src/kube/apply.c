#include "kube/apply.h"

#include "base/codec.h"
#include "base/secret.h"
#include "base/yaml.h"
#include "kube/client-private.h"

/* ---- where a kind lives ---- */

static const struct builtin { const char *api_version, *kind, *plural; bool namespaced; } builtins[] = {
        { "v1", "Namespace", "namespaces", false },
        { "v1", "Node", "nodes", false },
        { "v1", "PersistentVolume", "persistentvolumes", false },
        { "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true },
        { "v1", "Pod", "pods", true },
        { "v1", "Secret", "secrets", true },
        { "v1", "ConfigMap", "configmaps", true },
        { "v1", "Service", "services", true },
        { "v1", "ServiceAccount", "serviceaccounts", true },
        { "v1", "Endpoints", "endpoints", true },
        { "v1", "LimitRange", "limitranges", true },
        { "v1", "ResourceQuota", "resourcequotas", true },
        { "apps/v1", "DaemonSet", "daemonsets", true },
        { "apps/v1", "Deployment", "deployments", true },
        { "apps/v1", "StatefulSet", "statefulsets", true },
        { "apps/v1", "ReplicaSet", "replicasets", true },
        { "batch/v1", "Job", "jobs", true },
        { "batch/v1", "CronJob", "cronjobs", true },
        { "rbac.authorization.k8s.io/v1", "Role", "roles", true },
        { "rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true },
        { "rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false },
        { "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false },
        { "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true },
        { "networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true },
        { "networking.k8s.io/v1", "Ingress", "ingresses", true },
        { "networking.k8s.io/v1", "IngressClass", "ingressclasses", false },
        { "storage.k8s.io/v1", "StorageClass", "storageclasses", false },
        { "storage.k8s.io/v1", "CSIDriver", "csidrivers", false },
        { "scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", false },
        { "coordination.k8s.io/v1", "Lease", "leases", true },
        { "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true },
        { "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false },
        { "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false },
        { "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false },
        { "certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests", false },
};

void kube_resource_done(struct kube_resource *r) {
        if (!r)
                return;
        free(r->plural);
        *r = (struct kube_resource) { 0 };
}

static bool find_known(struct kube_client *c, const char *api_version, const char *kind, struct kube_resource *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
                if (str_eq(builtins[i].api_version, api_version) && str_eq(builtins[i].kind, kind)) {
                        *ret = (struct kube_resource) { xstrdup(builtins[i].plural), builtins[i].namespaced };
                        return true;
                }
        bool found = false;
        pthread_mutex_lock(&c->lock);
        for (size_t i = 0; i < c->n_kinds && !found; i++)
                if (str_eq(c->kinds[i].api_version, api_version) && str_eq(c->kinds[i].kind, kind)) {
                        *ret = (struct kube_resource) { xstrdup(c->kinds[i].plural), c->kinds[i].namespaced };
                        found = true;
                }
        pthread_mutex_unlock(&c->lock);
        return found;
}

static void remember(struct kube_client *c, const char *api_version, const char *kind, const struct kube_resource *r) {
        struct known_kind k = { xstrdup(api_version), xstrdup(kind), xstrdup(r->plural), r->namespaced };
        pthread_mutex_lock(&c->lock);
        ARRAY_APPEND(c->kinds, c->n_kinds, k);
        pthread_mutex_unlock(&c->lock);
}

int kube_resource_find(struct kube_client *c, const char *api_version, const char *kind, struct kube_resource *ret, struct error *err) {
        if (find_known(c, api_version, kind, ret))
                return 0;
        _cleanup_str_ char *path = xasprintf("/%s/%s", strchr(api_version, '/') ? "apis" : "api", api_version);
        _cleanup_json_ json_t *list = NULL;
        if (kube_get(c, path, &list, err) < 0)
                return error_wrap(err, "looking for kind %s of %s", kind, api_version);
        const json_t *resources = jget(list, "resources");
        for (size_t i = 0; i < json_array_size(resources); i++) {
                const json_t *r = json_array_get(resources, i);
                const char *name = jget_text(r, "name");
                /* "deployments/scale" and such are sub-resources, some with the kind of their parent. */
                if (!name || strchr(name, '/') || !str_eq(jget_text(r, "kind"), kind))
                        continue;
                *ret = (struct kube_resource) { xstrdup(name), json_is_true(jget(r, "namespaced")) };
                remember(c, api_version, kind, ret);
                return 0;
        }
        return error_set(err, ERR_NOT_FOUND, "the server knows no kind %s of %s", kind, api_version);
}

/* ---- what an object says of itself ---- */

char *kube_object_name(const json_t *object) {
        const char *kind = jget_text(object, "kind"), *ns = jget_text(object, "metadata.namespace");
        const char *name = jget_text(object, "metadata.name");
        return xasprintf("%s %s%s%s", kind ? kind : "object", ns ? ns : "", ns ? "/" : "", name ? name : "?");
}

int kube_object_path(struct kube_client *c, const json_t *object, const char *default_ns, char **ret, struct error *err) {
        const char *api_version = jget_text(object, "apiVersion"), *kind = jget_text(object, "kind");
        const char *name = jget_text(object, "metadata.name"), *ns = jget_text(object, "metadata.namespace");
        _cleanup_(kube_resource_done) struct kube_resource r = { 0 };
        if (str_empty(api_version) || str_empty(kind) || str_empty(name))
                return error_set(err, ERR_INVALID, "an object needs apiVersion, kind and metadata.name");
        if (kube_resource_find(c, api_version, kind, &r, err) < 0)
                return -1;
        if (!ns)
                ns = default_ns ? default_ns : "default";
        *ret = kube_path(api_version, r.plural, r.namespaced ? ns : NULL, name, NULL);
        return 0;
}

/* ---- apply ---- */

static int apply_once(struct kube_client *c, const json_t *object, const struct kube_apply_options *o, json_t **ret, struct error *err) {
        _cleanup_str_ char *path = NULL;
        if (kube_object_path(c, object, o->ns, &path, err) < 0)
                return -1;
        _cleanup_str_ char *manager = percent_encode(o->field_manager ? o->field_manager : "hcloud-v6");
        _cleanup_str_ char *query = xasprintf("fieldManager=%s&force=%s%s", manager, o->force ? "true" : "false",
                                              o->dry_run ? "&dryRun=All" : "");
        _cleanup_secret_ char *text = json_write(object); /* it may be a Secret */
        _cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
        struct kube_request r = {
                .method = "PATCH", .path = path, .query = query, .content_type = "application/apply-patch+yaml", .retry = true,
                .body = text, .body_len = strlen(text),
        };
        if (kube_call(c, &r, NULL, &body, err) < 0)
                return -1;
        return ret ? json_parse(path, body.data, body.len, ret, err) : 0;
}

/* A kind may be unknown because its CRD was applied a moment ago; a namespace that is missing will not come by itself. */
static bool kind_may_come(const struct error *err) {
        if (err->kind != ERR_NOT_FOUND)
                return false;
        return !err->details || !strstr(err->details, "\"kind\":\"namespaces\"");
}

int kube_apply(struct kube_client *c, const json_t *object, const struct kube_apply_options *o, json_t **ret, struct error *err) {
        static const struct kube_apply_options defaults;
        if (!o)
                o = &defaults;
        int64_t deadline = clock_mono_ms(c->clock) + (o->wait_kind_ms ? o->wait_kind_ms : 30000);
        for (;;) {
                _cleanup_error_ struct error try_err = ERROR_INIT;
                if (apply_once(c, object, o, ret, &try_err) == 0)
                        return 0;
                if (!kind_may_come(&try_err) || clock_mono_ms(c->clock) >= deadline) {
                        _cleanup_str_ char *name = kube_object_name(object);
                        error_move(err, &try_err);
                        return error_wrap(err, "applying %s", name);
                }
                if (clock_sleep(c->clock, 500, c->cancel, err) < 0)
                        return -1;
        }
}

/* What must be there before what. */
static int rank_of(const json_t *object) {
        static const struct { const char *kind; int rank; } ranks[] = {
                { "Namespace", 0 }, { "CustomResourceDefinition", 1 }, { "PriorityClass", 2 }, { "StorageClass", 2 },
                { "ServiceAccount", 3 }, { "ClusterRole", 4 }, { "Role", 4 }, { "ClusterRoleBinding", 5 }, { "RoleBinding", 5 },
                { "ConfigMap", 6 }, { "Secret", 6 }, { "PersistentVolume", 6 }, { "PersistentVolumeClaim", 6 }, { "Service", 7 },
                { "DaemonSet", 8 }, { "Deployment", 8 }, { "StatefulSet", 8 }, { "ReplicaSet", 8 }, { "Pod", 8 }, { "Job", 8 },
                { "CronJob", 8 },
        };
        const char *kind = jget_text(object, "kind");
        for (size_t i = 0; i < ARRAY_SIZE(ranks); i++)
                if (str_eq(ranks[i].kind, kind))
                        return ranks[i].rank;
        return 9;
}

struct ranked { const json_t *object; int rank; size_t place; };

static int compare_ranked(const void *a, const void *b) {
        const struct ranked *x = a, *y = b;
        if (x->rank != y->rank)
                return x->rank < y->rank ? -1 : 1;
        return x->place < y->place ? -1 : x->place > y->place;
}

static void collect(const json_t *objects, struct ranked **all, size_t *n) {
        for (size_t i = 0; i < json_array_size(objects); i++) {
                const json_t *o = json_array_get(objects, i), *items = jget(o, "items");
                const char *kind = jget_text(o, "kind");
                if (json_is_array(items) && kind && str_ends(kind, "List"))
                        collect(items, all, n);
                else if (json_is_object(o)) {
                        struct ranked r = { o, rank_of(o), *n };
                        ARRAY_APPEND(*all, *n, r);
                }
        }
}

int kube_apply_all(struct kube_client *c, const json_t *objects, const struct kube_apply_options *o, struct error *err) {
        _cleanup_free_ struct ranked *all = NULL;
        size_t n = 0;
        collect(objects, &all, &n);
        if (n)
                qsort(all, n, sizeof(*all), compare_ranked);
        for (size_t i = 0; i < n; i++)
                if (kube_apply(c, all[i].object, o, NULL, err) < 0)
                        return -1;
        return 0;
}

int kube_apply_yaml(struct kube_client *c, const char *name, const char *text, size_t len, const struct kube_apply_options *o,
                    struct error *err) {
        _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 };
        _cleanup_json_ json_t *objects = json_array();
        if (yaml_parse(name, text, len, &docs, err) < 0)
                return -1;
        for (size_t i = 0; i < docs.n; i++)
                if (docs.items[i]->type != YAML_NULL)
                        json_array_append_new(objects, yaml_to_json(docs.items[i]));
        return kube_apply_all(c, objects, o, err);
}

int kube_delete_object(struct kube_client *c, const json_t *object, const char *default_ns, struct error *err) {
        _cleanup_str_ char *path = NULL, *name = kube_object_name(object);
        _cleanup_error_ struct error gone = ERROR_INIT;
        /* An unknown kind has no objects either. */
        if ((kube_object_path(c, object, default_ns, &path, &gone) == 0 && kube_delete(c, path, NULL, &gone) == 0) ||
            gone.kind == ERR_NOT_FOUND)
                return 0;
        error_move(err, &gone);
        return error_wrap(err, "deleting %s", name);
}
