/* The way every change takes: metadata of the server, defaults, validation, generation, managedFields, storage; and deletion. */
#include <stdio.h>

#include "base/clock.h"
#include "sim/kube/apply.h"
#include "sim/kube/cluster.h"
#include "sim/kube/fields.h"

/* Metadata that only the server writes. */
static void keep_server_metadata(json_t *value, const json_t *before) {
        static const char *const kept[] = { "uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp",
                                            "deletionGracePeriodSeconds", "generateName", "selfLink" };
        json_t *metadata = meta_object(value, "metadata"), *old = json_object_get(before, "metadata");
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
                json_t *v = json_object_get(old, kept[i]);
                if (v)
                        json_object_set(metadata, kept[i], v);
                else
                        json_object_del(metadata, kept[i]);
        }
}

/* The main resource keeps the status, the status subresource keeps all but the status (kubernetes: registry strategies). */
static void keep_other_half(const struct kube_type *t, json_t *value, const json_t *before, const char *subresource) {
        if (!kube_type_has(t, KUBE_STATUS))
                return;
        if (!*subresource) {
                json_t *status = json_object_get(before, "status");
                if (status)
                        json_object_set(value, "status", status);
                else
                        json_object_del(value, "status");
                return;
        }
        _cleanup_json_ json_t *status = json_incref(json_object_get(value, "status"));
        _cleanup_json_ json_t *metadata = json_incref(json_object_get(value, "metadata"));
        json_object_clear(value);
        _cleanup_json_ json_t *old = json_deep_copy(before);
        json_object_update(value, old);
        if (str_eq(t->kind, "Node"))     /* kubelets set annotations and labels together with the status */
                json_object_set(value, "metadata", metadata);
        else
                json_object_set(json_object_get(value, "metadata"), "managedFields", json_object_get(metadata, "managedFields"));
        if (status)
                json_object_set(value, "status", status);
}

static bool same_but_metadata_and_status(const json_t *a, const json_t *b) {
        _cleanup_json_ json_t *x = json_copy((json_t *) a), *y = json_copy((json_t *) b);
        static const char *const parts[] = { "metadata", "status" };
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                json_object_del(x, parts[i]);
                json_object_del(y, parts[i]);
        }
        return json_equal(x, y);
}

static bool same_but_managed_fields(const json_t *a, const json_t *b) {
        _cleanup_json_ json_t *x = json_copy((json_t *) a), *y = json_copy((json_t *) b);
        json_t *mx = json_copy(json_object_get(a, "metadata")), *my = json_copy(json_object_get(b, "metadata"));
        json_object_del(mx, "managedFields");
        json_object_del(my, "managedFields");
        json_object_set_new(x, "metadata", mx);
        json_object_set_new(y, "metadata", my);
        return json_equal(x, y);
}

/* Ownership without regard to the time of entries. */
static bool same_managed_fields(const json_t *a, const json_t *b) {
        json_t *x = json_object_get(json_object_get(a, "metadata"), "managedFields"), *y = json_object_get(json_object_get(b,
                                                                                          "metadata"), "managedFields");
        if (json_array_size(x) != json_array_size(y))
                return false;
        size_t i;
        json_t *entry;
        json_array_foreach(x, i, entry) {
                _cleanup_json_ json_t *p = json_copy(entry), *q = json_copy(json_array_get(y, i));
                json_object_del(p, "time");
                json_object_del(q, "time");
                if (!json_equal(p, q))
                        return false;
        }
        return true;
}

static void generate_name(struct kube_cluster *c, json_t *value) {
        const char *prefix = jget_text(value, "metadata.generateName");
        if (!str_empty(meta_name(value)) || !prefix)
                return;
        _cleanup_str_ char *suffix = kube_suffix(c, 5), *name = xasprintf("%.58s%s", prefix, suffix);
        json_object_set_new(meta_object(value, "metadata"), "name", json_string(name));
}

static int check_namespace(struct kube_cluster *c, const struct kube_type *t, const json_t *value, struct kube_failure *f) {
        if (!kube_type_has(t, KUBE_NAMESPACED))
                return 0;
        const char *name_space = meta_namespace(value);
        const json_t *there = kube_find(c, "", "namespaces", NULL, name_space);
        if (!there)
                return kube_fail_of(f, 404, "NotFound", kube_type(c, "", "namespaces"), name_space,
                                    "namespaces \"%s\" not found", name_space);
        if (!meta_deleting(there))
                return 0;
        _cleanup_str_ char *qualified = *t->group ? xasprintf("%s.%s", t->plural, t->group) : xstrdup(t->plural);
        kube_fail_of(f, 403, "Forbidden", t, meta_name(value),
                     "%s \"%s\" is forbidden: unable to create new content in namespace %s because it is being terminated",
                     qualified, meta_name(value),
                     name_space);
        _cleanup_str_ char *message = xasprintf("namespace %s is being terminated", name_space);
        kube_fail_cause(f, "NamespaceTerminating", "metadata.namespace", message);
        return -1;
}

static int create(struct kube_cluster *c, struct kube_type *t, json_t *value, const struct kube_writer *w,
                  struct kube_failure *f) {
        generate_name(c, value);
        if (check_namespace(c, t, value, f) < 0)
                return -1;
        if (!str_empty(meta_name(value)) && kube_get(c, t, meta_namespace(value), meta_name(value))) {
                _cleanup_str_ char *qualified = *t->group ? xasprintf("%s.%s", t->plural, t->group) : xstrdup(t->plural);
                return kube_fail_of(f, 409, "AlreadyExists", t, meta_name(value), "%s \"%s\" already exists", qualified,
                                    meta_name(value));
        }
        json_t *metadata = meta_object(value, "metadata");
        _cleanup_str_ char *uid = kube_uuid(c);
        json_object_set_new(metadata, "uid", json_string(uid));
        json_object_set_new(metadata, "creationTimestamp", meta_time(kube_now(c)));
        json_object_del(metadata, "deletionTimestamp");
        json_object_del(metadata, "resourceVersion");
        json_object_del(metadata, "selfLink");
        if (kube_type_has(t, KUBE_GENERATION))
                json_object_set_new(metadata, "generation", json_integer(1));
        /* Controllers make mirror pods and nodes together with their status; clients cannot, as their strategies drop it. */
        if (kube_type_has(t, KUBE_STATUS) && w->user && !str_eq(t->kind, "Namespace"))
                json_object_del(value, "status");
        if (str_eq(t->kind, "CertificateSigningRequest") && w->user) {
                json_t *spec = meta_object(value, "spec"), *groups = json_array();
                for (size_t i = 0; w->groups && i < w->groups->n; i++)
                        json_array_append_new(groups, json_string(w->groups->items[i]));
                json_object_set_new(spec, "username", json_string(w->user));
                json_object_set_new(spec, "groups", groups);
        }
        if (!w->tracked)
                apply_track_update(NULL, value, w->manager, w->subresource, kube_now(c));
        admit_defaults(c, t, value, NULL);
        return admit_validate(c, t, NULL, value, f);
}

static int update(struct kube_cluster *c, struct kube_type *t, const json_t *before, json_t *value, const struct kube_writer *w,
                  bool *ret_same,
                  struct kube_failure *f) {
        keep_server_metadata(value, before);
        keep_other_half(t, value, before, w->subresource);
        admit_defaults(c, t, value, before);
        if (admit_immutable(t, before, value, f) < 0 || admit_validate(c, t, before, value, f) < 0)
                return -1;
        if (kube_type_has(t, KUBE_GENERATION) && !same_but_metadata_and_status(before, value))
                json_object_set_new(meta_object(value, "metadata"), "generation", json_integer(meta_generation(before) + 1));
        if (!w->tracked)
                apply_track_update(before, value, w->manager, w->subresource, kube_now(c));
        *ret_same = same_but_managed_fields(before, value) && same_managed_fields(before, value);
        return 0;
}

int kube_write(struct kube_cluster *c, struct kube_type *t, const json_t *before, json_t *value, const struct kube_writer *w,
               json_t **ret,
               struct kube_failure *f) {
        _cleanup_json_ json_t *taken = value, *old = json_incref((json_t *) before);
        bool same = false;
        if (kube_is_copy(c))
                return c->env.remote->write(c->env.remote->data, t, old, value, w, ret, f);
        if (before ? update(c, t, old, value, w, &same, f) < 0 : create(c, t, value, w, f) < 0)
                return -1;
        if (same) {
                *ret = json_incref(old);
                return 0;
        }
        if (w->dry_run) {
                json_object_set_new(meta_object(value, "metadata"), "resourceVersion", json_strf("%lld", (long long) c->rv));
                *ret = TAKE(taken);
                return 0;
        }
        /* The last finalizer went: the object goes. */
        if (old && meta_deleting(old) && !str_eq(t->kind, "Pod") && !str_eq(t->kind, "Namespace") &&
            json_array_size(json_object_get(json_object_get(value, "metadata"), "finalizers")) == 0) {
                kube_drop(c, t, meta_namespace(old), meta_name(old));
                *ret = TAKE(taken);
                return 0;
        }
        *ret = json_incref(taken);
        kube_put(c, t, TAKE(taken));
        return 0;
}

static bool save(struct kube_cluster *c, const char *manager, const char *subresource, json_t *value, bool replace) {
        _cleanup_json_ json_t *owned = value, *written = NULL;
        struct kube_type *t = kube_types_kind(&c->types, jget_text(value, "apiVersion"), jget_text(value, "kind"));
        if (!t)
                return false;
        const json_t *before = str_empty(meta_name(value)) ? NULL : kube_get(c, t, meta_namespace(value), meta_name(value));
        struct kube_writer w = { .manager = manager, .subresource = subresource, .replace = replace };
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        int64_t rv = c->rv;
        return kube_write(c, t, before, TAKE(owned), &w, &written, &f) == 0 && c->rv != rv;
}

bool kube_save(struct kube_cluster *c, const char *manager, const char *subresource, json_t *value) {
        return save(c, manager, subresource, value, false);
}

bool kube_replace(struct kube_cluster *c, const char *manager, const char *subresource, json_t *value) {
        return save(c, manager, subresource, value, true);
}

void kube_remove(struct kube_cluster *c, const json_t *object) {
        struct kube_type *t = kube_types_kind(&c->types, jget_text(object, "apiVersion"), jget_text(object, "kind"));
        _cleanup_json_ json_t *gone = NULL;
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        struct kube_delete how = { .grace = 0 };
        if (t)
                (void) kube_delete(c, t, object, &how, &gone, &f);
}

/* Dependents of an orphaning delete lose their reference instead of being collected. */
static void orphan(struct kube_cluster *c, const char *uid) {
        for (size_t i = 0; i < c->types.n; i++) {
                struct kube_type *t = c->types.items[i];
                for (size_t k = 0; k < t->n; k++) {
                        if (!meta_controlled_by(t->items[k].value, uid))
                                continue;
                        json_t *copy = json_deep_copy(t->items[k].value), *references = meta_array(copy,
                                                                                          "metadata.ownerReferences");
                        for (size_t r = json_array_size(references); r > 0; r--)
                                if (str_eq(jget_text(json_array_get(references, r - 1), "uid"), uid))
                                        json_array_remove(references, r - 1);
                        kube_put(c, t, copy);
                }
        }
}

static void empty_namespace(struct kube_cluster *c, const char *name) {
        for (size_t i = 0; i < c->types.n; i++) {
                struct kube_type *t = c->types.items[i];
                if (!kube_type_has(t, KUBE_NAMESPACED))
                        continue;
                _cleanup_str_ char *prefix = xasprintf("%s/", name);
                for (size_t at; (at = kube_lower_bound(t, prefix)) < t->n && str_starts(t->items[at].key, prefix);) {
                        _cleanup_json_ json_t *object = json_incref(t->items[at].value);
                        kube_drop(c, t, name, meta_name(object));
                }
        }
}

/* Pods on a running node go away when their kubelet has stopped them. */
static bool waits_for_kubelet(struct kube_cluster *c, const json_t *pod, int64_t grace) {
        const char *node = jget_text(pod, "spec.nodeName");
        if (grace == 0 || !node || pod_finished(pod))
                return false;
        return kube_find(c, "", "nodes", NULL, node) != NULL;
}

static int check_preconditions(const struct kube_type *t, const json_t *object, const struct kube_delete *how,
                               struct kube_failure *f) {
        if (how->uid && !str_eq(how->uid, meta_uid(object)))
                return kube_fail_of(f, 409, "Conflict", t, meta_name(object),
                                    "Operation cannot be fulfilled on %s \"%s\": Precondition failed: UID in precondition: %s, UID in object meta: %s",
                                    t->plural, meta_name(object), how->uid, meta_uid(object));
        if (how->resource_version && !str_eq(how->resource_version, jget_text(object, "metadata.resourceVersion")))
                return kube_fail_of(f, 409, "Conflict", t, meta_name(object),
                                    "Operation cannot be fulfilled on %s \"%s\": Precondition failed: ResourceVersion in precondition: %s, "
                                    "ResourceVersion in object meta: %s", t->plural, meta_name(object), how->resource_version,
                                    jget_text(object, "metadata.resourceVersion"));
        return 0;
}

static const json_t *mark_deleted(struct kube_cluster *c, struct kube_type *t, const json_t *object, int64_t grace) {
        json_t *copy = json_deep_copy(object), *metadata = meta_object(copy, "metadata");
        json_object_set_new(metadata, "deletionTimestamp", meta_time(kube_now(c) + grace * 1000));
        json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(grace));
        if (kube_type_has(t, KUBE_GENERATION))
                json_object_set_new(metadata, "generation", json_integer(meta_generation(object) + 1));
        if (str_eq(t->kind, "Namespace"))
                json_object_set_new(meta_object(copy, "status"), "phase", json_string("Terminating"));
        return kube_put(c, t, copy);
}

int kube_delete(struct kube_cluster *c, struct kube_type *t, const json_t *object, const struct kube_delete *how, json_t **ret,
                struct kube_failure *f) {
        _cleanup_json_ json_t *held = json_incref((json_t *) object);
        if (kube_is_copy(c)) {
                *ret = NULL;
                return c->env.remote->remove(c->env.remote->data, t, held, how, f);
        }
        if (check_preconditions(t, held, how, f) < 0)
                return -1;
        if (str_eq(t->kind, "Namespace") && (str_starts(meta_name(held), "kube-") || str_eq(meta_name(held), "default")))
                return kube_fail_of(f, 403, "Forbidden", t, meta_name(held),
                                    "namespaces \"%s\" is forbidden: this namespace may not be deleted",
                                    meta_name(held));
        if (how->dry_run) {
                *ret = TAKE(held);
                return 0;
        }
        if (how->orphan)
                orphan(c, meta_uid(held));
        bool pod = str_eq(t->kind, "Pod"), name_space = str_eq(t->kind, "Namespace");
        int64_t grace = how->grace >= 0 ? how->grace : pod ? meta_int(held, "spec.terminationGracePeriodSeconds", 30) : 0;
        bool finalizers = json_array_size(jget(held, "metadata.finalizers")) > 0;
        if (finalizers || (pod && waits_for_kubelet(c, held, grace))) {
                *ret = json_incref((json_t *) (meta_deleting(held) ? held : mark_deleted(c, t, held, grace)));
                return 0;
        }
        if (name_space) {
                _cleanup_json_ json_t *marked = json_incref((json_t *) mark_deleted(c, t, held, 0));
                empty_namespace(c, meta_name(held));
                *ret = TAKE(marked);
        } else {
                *ret = json_incref(held);
        }
        kube_drop(c, t, meta_namespace(held), meta_name(held));
        return 0;
}

void kube_say(struct kube_cluster *c, const json_t *about, const char *component, const char *type, const char *reason,
              const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_str_ char *message = xvasprintf(fmt, ap);
        va_end(ap);
        const char *name_space = meta_namespace(about) ? meta_namespace(about) : "default";
        unsigned hash = 5381;
        for (const char *p = message; *p; p++)
                hash = hash * 33 + (unsigned char) *p;
        /* The same words about the same object are one event with a count, as kubelets do. */
        _cleanup_str_ char *name = xasprintf("%s.%08x%08x", meta_name(about), hash, (unsigned) (reason[0] << 8 | component[0]));
        const json_t *old = kube_find(c, "", "events", name_space, name);
        json_t *event = old ? json_deep_copy(old) :
                json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:O, s:O, s:s, s:s}, s:s, s:s, s:s, s:{s:s}, s:o, s:s, s:s}",
                          "apiVersion", "v1", "kind", "Event",
                          "metadata", "name", name, "namespace", name_space, "involvedObject", "apiVersion",
                          json_object_get(about, "apiVersion"),
                          "kind", json_object_get(about, "kind"), "name", meta_name(about), "uid", meta_uid(about) ?
                          meta_uid(about) : "", "reason",
                          reason, "message", message, "type", type, "source", "component", component, "firstTimestamp",
                          meta_time(kube_now(c)),
                          "reportingComponent", component, "reportingInstance", "");
        if (meta_namespace(about))
                json_object_set_new(meta_object(event, "involvedObject"), "namespace", json_string(meta_namespace(about)));
        json_object_set_new(event, "count", json_integer(meta_int(old, "count", 0) + 1));
        json_object_set_new(event, "lastTimestamp", meta_time(kube_now(c)));
        kube_save(c, component, "", event);
}
