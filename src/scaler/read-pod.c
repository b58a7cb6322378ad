/* Pods: what each has for itself is read each time, what they share once. */
#include "base/clock.h"
#include "scaler/fields.h"
#include "scaler/read.h"

/* What fields keep of a cut object, into out. */
static int cut_again(const char *text, size_t len, const struct scan_field *fields, struct strbuf *out, struct error *err) {
        _cleanup_(scan_done) struct scan scan;
        scan_init_text(&scan, "pod", text, len);
        strbuf_clear(out);
        return scan_value(&scan, fields, out, err);
}

static void slots_grow(struct snapshot *s) {
        struct class_slot *old = s->class_slots;
        size_t n = s->n_class_slots;
        s->n_class_slots = n ? n * 2 : 1024;
        s->class_slots = xcalloc(s->n_class_slots, sizeof(*s->class_slots));
        for (size_t i = 0; i < n; i++) {
                if (!old[i].text)
                        continue;
                size_t at = hash_bytes(old[i].text, strlen(old[i].text)) & (s->n_class_slots - 1);
                while (s->class_slots[at].text)
                        at = (at + 1) & (s->n_class_slots - 1);
                s->class_slots[at] = old[i];
        }
        free(old);
}

static int class_new(struct snapshot *s, const char *text, size_t len, const char *ns, const char *pod_name, struct pod_class **ret, struct error *err) {
        _cleanup_json_ json_t *o = NULL;
        if (json_parse("pod", text, len, &o, err) < 0 || request_read(s, o, ns, pod_name, ret, err) < 0)
                return -1;
        (*ret)->number = (uint32_t) s->n_classes;
        ARRAY_APPEND(s->classes, s->n_classes, *ret);
        return 0;
}

/* The class of a cut pod; text is what it shares. Volumes that are named after the pod make it one of a kind. */
static int class_of(struct snapshot *s, struct strbuf *text, const char *ns, const char *name, struct pod_class **ret, struct error *err) {
        size_t json_len = text->len;
        if (strstr(strbuf_str(text), "\"ephemeral\":"))
                strbuf_adds(text, name);
        if (s->n_classes * 2 >= s->n_class_slots)
                slots_grow(s);
        size_t at = hash_bytes(text->data, text->len) & (s->n_class_slots - 1);
        while (s->class_slots[at].text && strcmp(s->class_slots[at].text, text->data) != 0)
                at = (at + 1) & (s->n_class_slots - 1);
        if (!s->class_slots[at].text) {
                struct pod_class *c;
                if (class_new(s, text->data, json_len, ns, name, &c, err) < 0)
                        return -1;
                s->class_slots[at] = (struct class_slot) { arena_copy(&s->arena, text->data, text->len + 1, 1), c };
        }
        *ret = s->class_slots[at].class;
        return 0;
}

static bool owned_by_daemon_set(const json_t *metadata) {
        const json_t *owners = jget(metadata, "ownerReferences");
        for (size_t i = 0; i < json_array_size(owners); i++) {
                const json_t *o = json_array_get(owners, i);
                if (json_is_true(jget(o, "controller")))
                        return str_eq(jget_text(o, "kind"), "DaemonSet");
        }
        return false;
}

static int time_at(const json_t *o, const char *key, int64_t *ret, struct error *err) {
        const char *text = jget_text(o, key);
        if (text && !time_parse_rfc3339(text, ret))
                return error_set(err, ERR_PROTOCOL, "'%s' is '%.40s', which is no time", key, text);
        return 0;
}

static void read_status(struct snapshot *s, const json_t *status, struct pod *p) {
        const char *phase = jget_text(status, "phase"), *nominated = jget_text(status, "nominatedNodeName");
        const json_t *conditions = jget(status, "conditions");
        p->finished = str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
        if (!p->node_name && !str_empty(nominated)) {
                p->nominated = true;
                p->node_name = arena_text(&s->arena, nominated);
        }
        for (size_t i = 0; i < json_array_size(conditions); i++) {
                const json_t *c = json_array_get(conditions, i);
                if (!str_eq(jget_text(c, "type"), "PodScheduled") || !str_eq(jget_text(c, "status"), "False"))
                        continue;
                p->unschedulable = str_eq(jget_text(c, "reason"), "Unschedulable");
                p->message = text_at(s, c, "message");
        }
}

/* Finished pods take no room, keep no node and are no demand: they are not kept at all, but for their number. */
static int read_own(struct snapshot *s, const json_t *o, struct pod *p, const char **ret_ns, struct error *err) {
        const json_t *metadata = jget(o, "metadata");
        const char *ns = jget_text(metadata, "namespace"), *node = jget_text(o, "spec.nodeName");
        p->name = text_at(s, metadata, "name");
        if (str_empty(p->name))
                return error_set(err, ERR_PROTOCOL, "a pod has no name");
        *ret_ns = arena_text(&s->arena, str_empty(ns) ? "default" : ns);
        p->node = NONE;
        p->node_name = str_empty(node) ? NULL : arena_text(&s->arena, node);
        p->deleting = jget(metadata, "deletionTimestamp") != NULL;
        if (time_at(metadata, "creationTimestamp", &p->created_ms, err) < 0 || time_at(metadata, "deletionTimestamp", &p->deleted_ms, err) < 0)
                return error_wrap(err, "pod %s/%s", *ret_ns, p->name);
        read_status(s, jget(o, "status"), p);
        return 0;
}

int read_pod(struct snapshot *s, const char *text, size_t len, struct error *err) {
        struct pod p = { 0 };
        const char *ns = NULL;
        _cleanup_json_ json_t *own = NULL;
        if (cut_again(text, len, pod_own_fields, &s->scratch_class, err) < 0 ||
            json_parse("pod", s->scratch_class.data, s->scratch_class.len, &own, err) < 0 || read_own(s, own, &p, &ns, err) < 0)
                return -1;
        const struct scan_field *shared = owned_by_daemon_set(jget(own, "metadata")) ? pod_shared_daemon_fields : pod_shared_fields;
        if (cut_again(text, len, shared, &s->scratch_class, err) < 0 || class_of(s, &s->scratch_class, ns, p.name, &p.class, err) < 0)
                return error_wrap(err, "pod %s/%s", ns, p.name);
        ARRAY_APPEND(s->pods, s->n_pods, p);
        return 0;
}
