/* Writes through to the real API server in the writer's own name. What is refused is said, kept for /state and tried again with a growing pause, as
 * the real components do. */
#include "sim/real/internal.h"

#include "sim/real/difference.h"

#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 30000
#define CONFLICT_MS 50
#define KEPT 200                         /* different refusals that are remembered */

static const char *writer_name(const struct kube_identity *as) {
        return as && as->name ? as->name : as && as->at ? as->at->settings.name : "Talos";
}

static char *key_of(const struct mirror *m, const char *method, const char *path) {
        return xasprintf("%s: %s %.*s", writer_name(m->cluster->as), method, (int) strcspn(path, "?"), path);
}

/* Is it too early for what was refused a moment ago? */
static bool must_wait(struct mirror *m, const char *key, struct kube_failure *f) {
        const json_t *entry = json_object_get(m->refused, key);
        int64_t next = meta_int(entry, "next_ms", 0);
        if (next <= kube_now(m->cluster))
                return false;
        kube_wake_at(m->cluster, next);
        kube_fail(f, (int) meta_int(entry, "code", 0), "Waiting", "it was refused before");
        return true;
}

static void note_refusal(struct mirror *m, const char *key, const struct kube_failure *f) {
        int64_t now = kube_now(m->cluster);
        json_t *entry = json_object_get(m->refused, key);
        if (!entry) {
                if (json_object_size(m->refused) >= KEPT)
                        return;
                entry = json_object();
                json_object_set_new(m->refused, key, entry);
        }
        int64_t pause = MIN(MAX(meta_int(entry, "wait_ms", 0) * 2, (int64_t) PAUSE_MIN_MS), (int64_t) PAUSE_MAX_MS);
        json_object_set_new(entry, "code", json_integer(f->code));
        json_object_set_new(entry, "message", json_string(f->message ? f->message : ""));
        json_object_set_new(entry, "count", json_integer(meta_int(entry, "count", 0) + 1));
        json_object_set_new(entry, "wait_ms", json_integer(pause));
        json_object_set_new(entry, "next_ms", json_integer(now + pause));
        kube_wake_at(m->cluster, now + pause);
        sim_say(m->world, "%s: %d %s", key, f->code, f->message ? f->message : "");
}

static void note_success(struct mirror *m, const char *key) {
        json_t *entry = json_object_get(m->refused, key);
        if (!entry)
                return;
        json_object_del(entry, "wait_ms");
        json_object_del(entry, "next_ms");
}

/* One request by whose hands write now. */
static int ask(struct mirror *m, const struct api_request *r, json_t **ret, struct kube_failure *f) {
        _cleanup_str_ char *key = key_of(m, r->method, r->path);
        if (must_wait(m, key, f))
                return -1;
        if (api_call(&m->client, r, ret, f) == 0) {
                note_success(m, key);
                return 0;
        }
        if (f->code == 409 && !str_eq(f->reason, "AlreadyExists"))       /* somebody else was quicker: again with the newer object */
                kube_wake_at(m->cluster, kube_now(m->cluster) + CONFLICT_MS);
        else if (f->code != 404)         /* gone meanwhile: the watch will tell */
                note_refusal(m, key, f);
        return -1;
}

int mirror_call(void *data, const char *method, const char *path, const json_t *body, json_t **ret, struct kube_failure *f) {
        struct mirror *m = data;
        struct api_request r = { .method = method, .path = path, .body = body, .as = m->cluster->as };
        return ask(m, &r, ret, f);
}

static void keep(struct mirror *m, struct kube_type *t, json_t *answer, json_t **ret) {
        _cleanup_str_ char *version = kube_type_api_version(t);
        json_object_set_new(answer, "kind", json_string(t->kind));
        json_object_set_new(answer, "apiVersion", json_string(version));
        *ret = json_incref(answer);
        kube_copy_put(m->cluster, t, answer);
}

/* It exists and the copy does not know it: Leases and Events are not watched. */
static void look(struct mirror *m, struct kube_type *t, const json_t *value) {
        _cleanup_str_ char *path = api_path(t, meta_namespace(value), meta_name(value));
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        _cleanup_json_ json_t *kept = NULL;
        json_t *answer = NULL;
        struct api_request r = { .method = "GET", .path = path, .as = m->cluster->as };
        if (api_call(&m->client, &r, &answer, &f) == 0)
                keep(m, t, answer, &kept);
}

static int create(struct mirror *m, struct kube_type *t, const json_t *value, const struct kube_writer *w, json_t **ret, struct kube_failure *f) {
        _cleanup_str_ char *collection = api_path(t, meta_namespace(value), NULL), *path = xasprintf("%s?fieldManager=%s", collection, w->manager);
        json_t *answer = NULL;
        struct api_request r = { .method = "POST", .path = path, .body = value, .as = m->cluster->as };
        if (ask(m, &r, &answer, f) < 0) {
                if (str_eq(f->reason, "AlreadyExists"))
                        look(m, t, value);
                return -1;
        }
        keep(m, t, answer, ret);
        return 0;
}

/* Taints are one list without a key: whoever writes it must have seen the newest. */
static void guard(const struct kube_type *t, const json_t *before, json_t *patch) {
        if (str_eq(t->kind, "Node") && json_object_get(patch, "spec"))
                json_object_set(meta_object(patch, "metadata"), "resourceVersion", (json_t *) jget(before, "metadata.resourceVersion"));
}

int mirror_write(void *data, struct kube_type *t, const json_t *before, const json_t *value, const struct kube_writer *w, json_t **ret,
                 struct kube_failure *f) {
        struct mirror *m = data;
        if (!before)
                return create(m, t, value, w, ret, f);
        _cleanup_json_ json_t *patch = difference_patch(before, value, w->subresource), *body = NULL;
        if (!patch) {
                *ret = json_incref((json_t *) before);
                return 0;
        }
        _cleanup_str_ char *object = api_path(t, meta_namespace(value), meta_name(value));
        _cleanup_str_ char *path = xasprintf("%s%s%s?fieldManager=%s", object, *w->subresource ? "/" : "", w->subresource, w->manager);
        struct api_request r = { .method = w->replace ? "PUT" : "PATCH", .path = path, .as = m->cluster->as,
                                 .content_type = kube_type_has(t, KUBE_CUSTOM) ? "application/merge-patch+json" : "application/strategic-merge-patch+json" };
        if (w->replace) {
                body = json_copy((json_t *) value);
                json_t *metadata = json_copy(json_object_get(value, "metadata"));
                json_object_set(metadata, "resourceVersion", (json_t *) jget(before, "metadata.resourceVersion"));
                json_object_set_new(body, "metadata", metadata);
                r.content_type = NULL;
        } else {
                guard(t, before, patch);
                body = TAKE(patch);
        }
        r.body = body;
        json_t *answer = NULL;
        if (ask(m, &r, &answer, f) < 0) {
                if (f->code == 404)      /* the watch brings it back if that is not so */
                        kube_copy_drop(m->cluster, t, before);
                return -1;
        }
        keep(m, t, answer, ret);
        return 0;
}

int mirror_remove(void *data, struct kube_type *t, const json_t *object, const struct kube_delete *how, struct kube_failure *f) {
        struct mirror *m = data;
        _cleanup_str_ char *path = api_path(t, meta_namespace(object), meta_name(object));
        _cleanup_json_ json_t *options = json_pack("{s:s, s:s, s:{s:s}}", "kind", "DeleteOptions", "apiVersion", "v1", "preconditions", "uid",
                                                   meta_uid(object));
        if (how->grace >= 0)
                json_object_set_new(options, "gracePeriodSeconds", json_integer(how->grace));
        struct api_request r = { .method = "DELETE", .path = path, .body = options, .as = m->cluster->as };
        return ask(m, &r, NULL, f);
}

json_t *mirror_state(const struct mirror *m) {
        json_t *out = json_array(), *entry;
        const char *key;
        json_object_foreach(m->refused, key, entry)
                json_array_append_new(out, json_pack("{s:s, s:O, s:O, s:O}", "what", key, "code", json_object_get(entry, "code"), "message",
                                                     json_object_get(entry, "message"), "count", json_object_get(entry, "count")));
        return out;
}
