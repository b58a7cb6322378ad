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

/* ---- what each pod has for itself: read without a tree, since there are so many ---- */

struct own {
        struct snapshot *s;
        struct pod *p;
        const char *ns, *nominated;
        bool by_daemon_set, is_controller, is_daemon_set;      /* the last two: of the owner that is being read */
        const char *type, *status, *reason, *message;          /* of the condition that is being read */
};
typedef int (*own_fn)(struct own *o, const char *key, struct scan *scan, struct error *err);

/* Calls fn for each member of the object that stands here; anything else is passed over. */
static int each_member(struct own *o, own_fn fn, struct scan *scan, struct error *err) {
        bool more = true;
        if (scan_peek(scan) != '{')
                return scan_value(scan, NULL, NULL, err);
        scan->p++;
        for (bool first = true;; first = false) {
                if (scan_step(scan, '}', first, &more, err) < 0)
                        return -1;
                if (!more)
                        return 0;
                if (scan_key(scan, &scan->key, err) < 0 || fn(o, strbuf_str(&scan->key), scan, err) < 0)
                        return -1;
        }
}

/* Calls fn for each element of the array that stands here, without a key. */
static int each_element(struct own *o, own_fn fn, struct scan *scan, struct error *err) {
        bool more = true;
        if (scan_peek(scan) != '[')
                return scan_value(scan, NULL, NULL, err);
        scan->p++;
        for (bool first = true;; first = false) {
                if (scan_step(scan, ']', first, &more, err) < 0)
                        return -1;
                if (!more)
                        return 0;
                if (fn(o, NULL, scan, err) < 0)
                        return -1;
        }
}

/* The string that stands here, without its quotes and escapes; borrowed until the next. NULL when it is none. */
static int text_here(struct own *o, struct scan *scan, const char **ret, struct error *err) {
        struct strbuf *text = &o->s->scratch_class;
        strbuf_clear(text);
        *ret = NULL;
        if (scan_peek(scan) != '"')
                return scan_value(scan, NULL, NULL, err);
        if (scan_value(scan, NULL, text, err) < 0)
                return -1;
        bool plain = true;
        for (size_t i = 0; plain && i < text->len; i++)
                plain = text->data[i] != '\\' && !(text->data[i] & 0x80);
        if (!plain) {
                _cleanup_json_ json_t *v = json_loadb(text->data, text->len, JSON_DECODE_ANY, NULL);
                if (!v)
                        return scan_fail(scan, err, "no JSON: a string with a wrong escape, or that is no UTF-8");
                strbuf_clear(text);
                strbuf_adds(text, json_string_value(v));
                *ret = strbuf_str(text);
                return 0;
        }
        text->data[text->len - 1] = '\0';
        *ret = text->data + 1;
        return 0;
}

static int word_here(struct own *o, struct scan *scan, const char **ret, struct error *err) {
        const char *text;
        if (text_here(o, scan, &text, err) < 0)
                return -1;
        *ret = str_empty(text) ? NULL : arena_text(&o->s->arena, text);
        return 0;
}

static int time_here(struct own *o, const char *key, struct scan *scan, int64_t *ret, struct error *err) {
        _cleanup_str_ char *name = xstrdup(key);               /* the key's memory is used again */
        const char *text;
        if (text_here(o, scan, &text, err) < 0)
                return -1;
        if (text && !time_parse_rfc3339(text, ret))
                return error_set(err, ERR_PROTOCOL, "'%s' is '%.40s', which is no time", name, text);
        return 0;
}

static int own_owner_field(struct own *o, const char *key, struct scan *scan, struct error *err) {
        const char *text;
        if (str_eq(key, "controller")) {
                o->is_controller = scan_peek(scan) == 't';
                return scan_value(scan, NULL, NULL, err);
        }
        if (!str_eq(key, "kind"))
                return scan_value(scan, NULL, NULL, err);
        if (text_here(o, scan, &text, err) < 0)
                return -1;
        o->is_daemon_set = str_eq(text, "DaemonSet");
        return 0;
}

static int own_owner(struct own *o, const char *key, struct scan *scan, struct error *err) {
        o->is_controller = o->is_daemon_set = false;
        if (each_member(o, own_owner_field, scan, err) < 0)
                return -1;
        o->by_daemon_set = o->by_daemon_set || (o->is_controller && o->is_daemon_set);
        return 0;
}

static int own_metadata(struct own *o, const char *key, struct scan *scan, struct error *err) {
        if (str_eq(key, "name"))
                return word_here(o, scan, &o->p->name, err);
        if (str_eq(key, "namespace"))
                return word_here(o, scan, &o->ns, err);
        if (str_eq(key, "creationTimestamp"))
                return time_here(o, key, scan, &o->p->created_ms, err);
        if (str_eq(key, "deletionTimestamp")) {
                o->p->deleting = scan_peek(scan) != 'n';       /* null */
                return time_here(o, key, scan, &o->p->deleted_ms, err);
        }
        return str_eq(key, "ownerReferences") ? each_element(o, own_owner, scan, err) : scan_value(scan, NULL, NULL, err);
}

static int own_spec(struct own *o, const char *key, struct scan *scan, struct error *err) {
        return str_eq(key, "nodeName") ? word_here(o, scan, &o->p->node_name, err) : scan_value(scan, NULL, NULL, err);
}

static int own_condition_field(struct own *o, const char *key, struct scan *scan, struct error *err) {
        const char **into = str_eq(key, "type") ? &o->type : str_eq(key, "status") ? &o->status : str_eq(key, "reason") ? &o->reason
                          : str_eq(key, "message") ? &o->message : NULL;
        return into ? word_here(o, scan, into, err) : scan_value(scan, NULL, NULL, err);
}

static int own_condition(struct own *o, const char *key, struct scan *scan, struct error *err) {
        o->type = o->status = o->reason = o->message = NULL;
        if (each_member(o, own_condition_field, scan, err) < 0)
                return -1;
        if (str_eq(o->type, "PodScheduled") && str_eq(o->status, "False")) {
                o->p->unschedulable = str_eq(o->reason, "Unschedulable");
                o->p->message = o->message;
        }
        return 0;
}

static int own_status(struct own *o, const char *key, struct scan *scan, struct error *err) {
        const char *text;
        if (str_eq(key, "conditions"))
                return each_element(o, own_condition, scan, err);
        if (str_eq(key, "nominatedNodeName"))
                return word_here(o, scan, &o->nominated, err);
        if (!str_eq(key, "phase"))
                return scan_value(scan, NULL, NULL, err);
        if (text_here(o, scan, &text, err) < 0)
                return -1;
        o->p->finished = str_eq(text, "Succeeded") || str_eq(text, "Failed");
        return 0;
}

static int own_part(struct own *o, const char *key, struct scan *scan, struct error *err) {
        own_fn fn = str_eq(key, "metadata") ? own_metadata : str_eq(key, "spec") ? own_spec : str_eq(key, "status") ? own_status : NULL;
        return fn ? each_member(o, fn, scan, err) : scan_value(scan, NULL, NULL, err);
}

static int read_own(struct own *o, const char *text, size_t len, struct error *err) {
        _cleanup_(scan_done) struct scan scan;
        scan_init_text(&scan, "pod", text, len);
        int rc = each_member(o, own_part, &scan, err);
        if (!o->ns)
                o->ns = arena_text(&o->s->arena, "default");
        if (rc < 0)
                return o->p->name ? error_wrap(err, "pod %s/%s", o->ns, o->p->name) : -1;
        if (!o->p->name)
                return error_set(err, ERR_PROTOCOL, "a pod has no name");
        if (!o->p->node_name && o->nominated) {
                o->p->nominated = true;
                o->p->node_name = o->nominated;
        }
        return 0;
}

int read_pod(struct snapshot *s, const char *text, size_t len, struct error *err) {
        struct pod p = { .node = NONE };
        struct own own = { .s = s, .p = &p };
        if (read_own(&own, text, len, err) < 0)
                return -1;
        const struct scan_field *shared = own.by_daemon_set ? pod_shared_daemon_fields : pod_shared_fields;
        if (cut_again(text, len, shared, &s->scratch_class, err) < 0 || class_of(s, &s->scratch_class, own.ns, p.name, &p.class, err) < 0)
                return error_wrap(err, "pod %s/%s", own.ns, p.name);
        ARRAY_APPEND(s->pods, s->n_pods, p);
        return 0;
}
