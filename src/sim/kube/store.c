/* The storage: sorted arrays of immutable documents, a revision counter, a ring of changes, and the watches on it. */
#include <stdio.h>

#include "sim/kube/cluster.h"

static char *key_of(const char *name_space, const char *name) {
        return name_space ? xasprintf("%s/%s", name_space, name) : xstrdup(name);
}

size_t kube_lower_bound(const struct kube_type *t, const char *key) {
        size_t low = 0, high = t->n;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (strcmp(t->items[middle].key, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct kube_type *kube_type(struct kube_cluster *c, const char *group, const char *plural) {
        return kube_types_find(&c->types, group, NULL, plural);
}

const json_t *kube_get(struct kube_cluster *c, const struct kube_type *t, const char *name_space, const char *name) {
        _cleanup_str_ char *key = key_of(kube_type_has(t, KUBE_NAMESPACED) ? name_space : NULL, name);
        size_t at = kube_lower_bound(t, key);
        return at < t->n && str_eq(t->items[at].key, key) ? t->items[at].value : NULL;
}

const json_t *kube_find(struct kube_cluster *c, const char *group, const char *plural, const char *name_space, const char *name) {
        const struct kube_type *t = kube_type(c, group, plural);
        return t && name ? kube_get(c, t, name_space, name) : NULL;
}

static bool watch_wants(const struct kube_watch *w, const json_t *object) {
        return object && (!w->name_space || str_eq(w->name_space, meta_namespace(object))) &&
                selector_matches(w->labels, json_object_get(json_object_get(object, "metadata"), "labels")) &&
                field_selector_matches(&w->fields, object);
}

static void watch_tell(struct kube_watch *w, const json_t *before, const json_t *after, int64_t rv) {
        bool was = watch_wants(w, before), is = watch_wants(w, after);
        if (is) {
                w->fn(w->data, was ? "MODIFIED" : "ADDED", after);
        } else if (was) {
                /* A deleted object carries the revision of its deletion. */
                _cleanup_json_ json_t *last = json_copy((json_t *) before), *metadata = json_copy(json_object_get(before,
                                                                                          "metadata"));
                json_object_set_new(metadata, "resourceVersion", json_strf("%lld", (long long) rv));
                json_object_set(last, "metadata", metadata);
                w->fn(w->data, "DELETED", last);
        }
}

static void event_done(struct kube_event *e) {
        json_decref(e->before);
        json_decref(e->after);
}

static void remember(struct kube_cluster *c, struct kube_type *t, json_t *before, json_t *after) {
        c->dirty = true;
        if (!c->reconciling)
                c->env.wake(c->env.data, 0);
        if (kube_is_copy(c))             /* nobody watches a copy */
                return;
        if (!c->events)
                c->events = xcalloc(KUBE_EVENT_RING, sizeof(*c->events));
        struct kube_event e = { c->rv, t, json_incref(before), json_incref(after) };
        if (c->n_events == KUBE_EVENT_RING) {
                c->compacted_rv = c->events[c->first_event].rv;
                event_done(&c->events[c->first_event]);
                c->events[c->first_event] = e;
                c->first_event = (c->first_event + 1) % KUBE_EVENT_RING;
        } else {
                c->events[(c->first_event + c->n_events++) % KUBE_EVENT_RING] = e;
        }
        for (struct kube_watch *w = c->watches, *next; w; w = next) {
                next = w->next;
                if (w->type == t && !w->dead)
                        watch_tell(w, before, after, c->rv);
        }
}

static const json_t *put(struct kube_cluster *c, struct kube_type *t, json_t *value) {
        _cleanup_str_ char *key = key_of(meta_namespace(value), meta_name(value));
        size_t at = kube_lower_bound(t, key);
        _cleanup_json_ json_t *before = NULL;
        if (at < t->n && str_eq(t->items[at].key, key)) {
                before = t->items[at].value;
                t->items[at].value = value;
                if (!str_eq(meta_uid(before), meta_uid(value))) {        /* a copy may have missed that it was made anew */
                        json_object_del(c->uids, meta_uid(before));
                        json_object_set_new(c->uids, meta_uid(value), json_true());
                }
        } else {
                struct kube_item item = { TAKE(key), value };
                ARRAY_APPEND(t->items, t->n, item);
                memmove(&t->items[at + 1], &t->items[at], (t->n - 1 - at) * sizeof(item));
                t->items[at] = item;
                json_object_set_new(c->uids, meta_uid(value), json_true());
        }
        remember(c, t, before, value);
        return value;
}

const json_t *kube_put(struct kube_cluster *c, struct kube_type *t, json_t *value) {
        json_object_set_new(meta_object(value, "metadata"), "resourceVersion", json_strf("%lld", (long long) ++c->rv));
        return put(c, t, value);
}

/* kubernetes: KEP-5504, resource versions of one type are numbers that grow. */
static int64_t revision_of(const json_t *o) {
        int64_t v = 0;
        const char *text = jget_text(o, "metadata.resourceVersion");
        return text && parse_int64(text, 0, INT64_MAX, &v) ? v : 0;
}

bool kube_copy_put(struct kube_cluster *c, struct kube_type *t, json_t *value) {
        const json_t *old = kube_get(c, t, meta_namespace(value), meta_name(value));
        if (old && revision_of(old) >= revision_of(value)) {
                json_decref(value);
                return false;
        }
        c->rv++;
        put(c, t, value);
        return true;
}

bool kube_copy_drop(struct kube_cluster *c, struct kube_type *t, const json_t *last) {
        const json_t *old = kube_get(c, t, meta_namespace(last), meta_name(last));
        if (!old || (!str_eq(meta_uid(old), meta_uid(last)) && revision_of(old) > revision_of(last)))
                return false;
        kube_drop(c, t, meta_namespace(last), meta_name(last));
        return true;
}

void kube_drop(struct kube_cluster *c, struct kube_type *t, const char *name_space, const char *name) {
        _cleanup_str_ char *key = key_of(name_space, name);
        size_t at = kube_lower_bound(t, key);
        if (at >= t->n || !str_eq(t->items[at].key, key))
                return;
        struct kube_item item = t->items[at];
        memmove(&t->items[at], &t->items[at + 1], (--t->n - at) * sizeof(item));
        c->rv++;
        json_object_del(c->uids, meta_uid(item.value));
        c->collect = true;
        remember(c, t, item.value, NULL);
        free(item.key);
        json_decref(item.value);
}

json_t *kube_all(struct kube_cluster *c, const char *group, const char *plural) {
        const struct kube_type *t = kube_type(c, group, plural);
        json_t *out = json_array();
        for (size_t i = 0; t && i < t->n; i++)
                json_array_append(out, t->items[i].value);
        return out;
}

bool kube_uid_exists(const struct kube_cluster *c, const char *uid) {
        return uid && json_object_get(c->uids, uid);
}

bool kube_watch_start(struct kube_cluster *c, struct kube_watch *w, int64_t rv) {
        if (rv && (rv < c->compacted_rv || rv > c->rv + 1000000))
                return false;
        w->cluster = c;
        for (size_t i = 0; rv && i < c->n_events; i++) {
                const struct kube_event *e = &c->events[(c->first_event + i) % KUBE_EVENT_RING];
                if (e->rv > rv && e->type == w->type)
                        watch_tell(w, e->before, e->after, e->rv);
        }
        w->next = c->watches;
        c->watches = w;
        return true;
}

void kube_watch_stop(struct kube_watch *w) {
        if (!w)
                return;
        for (struct kube_watch **p = w->cluster ? &w->cluster->watches : NULL; p && *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        free(w->name_space);
        selector_free(w->labels);
        field_selector_done(&w->fields);
        free(w);
}

void kube_failure_done(struct kube_failure *f) {
        free(f->reason);
        free(f->message);
        json_decref(f->details);
        *f = (struct kube_failure) { 0 };
}

static void failure_set(struct kube_failure *f, int code, const char *reason, const char *fmt, va_list ap) {
        kube_failure_done(f);
        f->code = code;
        f->reason = xstrdup(reason);
        f->message = xvasprintf(fmt, ap);
}

int kube_fail(struct kube_failure *f, int code, const char *reason, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        failure_set(f, code, reason, fmt, ap);
        va_end(ap);
        return -1;
}

int kube_fail_of(struct kube_failure *f, int code, const char *reason, const struct kube_type *t, const char *name,
                 const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        failure_set(f, code, reason, fmt, ap);
        va_end(ap);
        f->details = json_object();
        jset_str(f->details, "name", name);
        jset_str(f->details, "group", *t->group ? t->group : NULL);
        jset_str(f->details, "kind", str_eq(reason, "Invalid") ? t->kind : t->plural);
        return -1;
}

void kube_fail_cause(struct kube_failure *f, const char *reason, const char *field, const char *message) {
        if (!f->details)
                f->details = json_object();
        json_t *cause = json_object();
        jset_str(cause, "reason", reason);
        jset_str(cause, "message", message);
        jset_str(cause, "field", field);
        json_array_append_new(meta_array(f->details, "causes"), cause);
}

json_t *kube_failure_status(const struct kube_failure *f) {
        json_t *status = json_pack("{s:s, s:s, s:{}, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "metadata", "status",
                                   "Failure", "message",
                                   f->message ? f->message : "", "code", f->code);
        jset_str(status, "reason", str_empty(f->reason) ? NULL : f->reason);
        if (f->details)
                json_object_set(status, "details", f->details);
        if (f->retry_after_s)
                json_object_set_new(meta_object(status, "details"), "retryAfterSeconds", json_integer(f->retry_after_s));
        return status;
}
