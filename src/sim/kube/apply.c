#include "sim/kube/apply.h"

#include "base/json.h"
#include "sim/kube/fields.h"
#include "sim/kube/meta.h"

static json_t *merge_value(const char *kind, const char *parent, const char *field, const json_t *live, const json_t *config);

static json_t *merge_list(const char *kind, const char *parent, const char *field, const json_t *live, const json_t *config) {
        struct list_shape shape = fields_list_shape(kind, parent, field, json_array_size(config) ? config : live);
        if (shape.kind == LIST_ATOMIC || !json_is_array(live))
                return json_deep_copy(config);
        json_t *out = json_deep_copy(live);
        size_t i;
        json_t *item;
        json_array_foreach(config, i, item) {
                _cleanup_str_ char *key = shape.kind == LIST_MAP ? fields_item_key(&shape, item) : NULL;
                ssize_t at = -1;
                if (shape.kind == LIST_SET) {
                        _cleanup_str_ char *text = json_dumps(item, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
                        _cleanup_str_ char *element = xasprintf("v:%s", text);
                        at = fields_find_item(&shape, out, element);
                } else if (key) {
                        at = fields_find_item(&shape, out, key);
                }
                if (at < 0)
                        json_array_append_new(out, json_deep_copy(item));
                else if (shape.kind == LIST_MAP)
                        json_array_set_new(out, (size_t) at, merge_value(kind, field, "", json_array_get(out, (size_t) at),
                                                                         item));
        }
        return out;
}

static json_t *merge_value(const char *kind, const char *parent, const char *field, const json_t *live, const json_t *config) {
        if (json_is_array(config))
                return merge_list(kind, parent, field, live, config);
        if (!json_is_object(config) || !json_is_object(live) || fields_map_atomic(kind, parent, field))
                return json_deep_copy(config);
        json_t *out = json_deep_copy(live);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) config, key, value)
                json_object_set_new(out, key, merge_value(kind, *field ? field : parent, key, json_object_get(live, key), value));
        return out;
}

/* null in an applied configuration means that the field is not given. */
static void drop_nulls(json_t *v) {
        const char *key;
        json_t *child;
        void *next;
        size_t i;
        if (json_is_object(v))
                json_object_foreach_safe(v, next, key, child) {
                        if (json_is_null(child))
                                json_object_del(v, key);
                        else
                                drop_nulls(child);
                }
        else if (json_is_array(v))
                json_array_foreach(v, i, child)
                        drop_nulls(child);
}

static bool entry_is(const json_t *entry, const char *manager, const char *operation, const char *subresource) {
        const char *sub = jget_text(entry, "subresource");
        return str_eq(jget_text(entry, "manager"), manager) && str_eq(jget_text(entry, "operation"), operation) && str_eq(sub ?
                                                                                          sub : "", subresource);
}

static json_t *entry_new(const char *manager, const char *operation, const char *subresource, const json_t *object,
                         json_t *fields, int64_t now_ms) {
        json_t *entry = json_pack("{s:s, s:s, s:O, s:o, s:s, s:o}", "manager", manager, "operation", operation, "apiVersion",
                                  json_object_get(object, "apiVersion"), "time", meta_time(now_ms), "fieldsType", "FieldsV1",
                                  "fieldsV1", fields);
        if (*subresource)
                json_object_set_new(entry, "subresource", json_string(subresource));
        return entry;
}

static json_t *managed_of(const json_t *object) {
        return json_object_get(json_object_get(object, "metadata"), "managedFields");
}

struct causes { json_t *list; const json_t *entry; };

static void add_cause(void *data, const char *path) {
        struct causes *c = data;
        _cleanup_str_ char *message = NULL;
        if (str_eq(jget_text(c->entry, "operation"), "Apply"))
                message = xasprintf("conflict with \"%s\"", jget_text(c->entry, "manager"));
        else
                message = xasprintf("conflict with \"%s\" using %s", jget_text(c->entry, "manager"),
                                    jget_text(c->entry, "apiVersion"));
        json_array_append_new(c->list, json_pack("{s:s, s:s, s:s}", "reason", "FieldManagerConflict", "message", message,
                                                 "field", path));
}

static int conflict(json_t *causes, json_t **ret_causes, struct error *err) {
        size_t n = json_array_size(causes);
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        const char *message = jget_text(json_array_get(causes, 0), "message");
        if (n == 1) {
                strbuf_addf(&text, "Apply failed with 1 conflict: %s: %s", message,
                            jget_text(json_array_get(causes, 0), "field"));
        } else {
                strbuf_addf(&text, "Apply failed with %zu conflicts: conflicts with", n);
                size_t i;
                json_t *each;
                const char *last = NULL;
                json_array_foreach(causes, i, each) {
                        const char *own = jget_text(each, "message");
                        if (!str_eq(own, last))
                                strbuf_addf(&text, "%s:", own + strlen("conflict with"));
                        strbuf_addf(&text, "\n- %s", jget_text(each, "field"));
                        last = own;
                }
        }
        *ret_causes = json_incref(causes);
        return error_set(err, ERR_CONFLICT, "%s", strbuf_str(&text));
}

/* The fields of one entry that the apply takes from it; conflicts are noted in causes. Returns what the entry keeps. */
static json_t *entry_after(const json_t *entry, const json_t *changed, const json_t *wanted, struct causes *causes) {
        const json_t *owned = json_object_get(entry, "fieldsV1");
        _cleanup_json_ json_t *touched = fields_common(changed, wanted);
        _cleanup_json_ json_t *taken = fields_common(owned, touched);
        causes->entry = entry;
        fields_each(taken, add_cause, causes);
        return fields_minus(owned, taken);
}

/* Goes through the entries of others: *ret_entries gets what they keep, *ret_kept the union of it. */
static void others_after(const json_t *live, const json_t *merged, const json_t *wanted, const char *manager,
                         const char *subresource,
                         struct causes *causes, json_t **ret_entries, json_t **ret_kept) {
        _cleanup_json_ json_t *changed = fields_changed(live, merged);
        json_t *entries = json_array(), *kept = json_object(), *entry;
        size_t i;
        json_array_foreach(managed_of(live), i, entry) {
                if (entry_is(entry, manager, "Apply", subresource))
                        continue;
                json_t *left = entry_after(entry, changed, wanted, causes);
                json_t *sum = fields_union(kept, left);
                json_decref(kept);
                kept = sum;
                json_t *copy = json_deep_copy(entry);
                json_object_set_new(copy, "fieldsV1", left);
                json_array_append_new(entries, copy);
        }
        *ret_entries = entries;
        *ret_kept = kept;
}

/* Takes away what the manager applied before, does not apply now, and nobody else owns. */
static void prune(const json_t *live, json_t *merged, const json_t *wanted, const json_t *kept, const char *manager,
                  const char *subresource) {
        size_t i;
        json_t *entry;
        json_array_foreach(managed_of(live), i, entry) {
                if (!entry_is(entry, manager, "Apply", subresource))
                        continue;
                _cleanup_json_ json_t *remain = fields_union(wanted, kept);
                _cleanup_json_ json_t *gone = fields_minus(json_object_get(entry, "fieldsV1"), remain);
                fields_remove(merged, gone, remain);
        }
}

int apply_merge(const json_t *live, const json_t *config, const char *manager, const char *subresource, bool force,
                int64_t now_ms,
                json_t **ret, json_t **ret_causes, struct error *err) {
        const char *kind = jget_text(config, "kind");
        _cleanup_json_ json_t *wanted_object = json_deep_copy(config);
        drop_nulls(wanted_object);
        json_object_del(json_object_get(wanted_object, "metadata"), "managedFields");
        _cleanup_json_ json_t *wanted = fields_of(wanted_object);
        _cleanup_json_ json_t *merged = merge_value(kind ? kind : "", "", "", live, wanted_object);
        _cleanup_json_ json_t *entries = NULL, *kept = NULL;
        _cleanup_json_ json_t *list = json_array();
        struct causes causes = { list, NULL };
        others_after(live, merged, wanted, manager, subresource, &causes, &entries, &kept);
        if (!force && json_array_size(list) > 0)
                return conflict(list, ret_causes, err);
        prune(live, merged, wanted, kept, manager, subresource);
        json_t *managed = json_array(), *entry;
        size_t i;
        json_array_append_new(managed, entry_new(manager, "Apply", subresource, wanted_object, TAKE(wanted), now_ms));
        json_array_foreach(entries, i, entry)
                if (!fields_empty(json_object_get(entry, "fieldsV1")))
                        json_array_append(managed, entry);
        json_object_set_new(meta_object(merged, "metadata"), "managedFields", managed);
        *ret = TAKE(merged);
        return 0;
}

void apply_track_update(const json_t *before, json_t *after, const char *manager, const char *subresource, int64_t now_ms) {
        _cleanup_json_ json_t *changed = fields_changed(before, after);
        if (before && fields_empty(changed)) {
                if (managed_of(before))
                        json_object_set(meta_object(after, "metadata"), "managedFields", managed_of(before));
                return;
        }
        _cleanup_json_ json_t *mine = fields_existing(changed, after);
        json_t *managed = json_array(), *entry;
        bool found = false;
        size_t i;
        json_array_foreach(managed_of(before), i, entry) {
                bool own = entry_is(entry, manager, "Update", subresource);
                _cleanup_json_ json_t *still = fields_existing(json_object_get(entry, "fieldsV1"), after);
                json_t *fields = own ? fields_union(still, mine) : fields_minus(still, changed);
                found |= own;
                json_t *copy = json_deep_copy(entry);
                json_object_set_new(copy, "fieldsV1", fields);
                if (own)
                        json_object_set_new(copy, "time", meta_time(now_ms));
                if (fields_empty(fields))
                        json_decref(copy);
                else
                        json_array_append_new(managed, copy);
        }
        if (!found && !fields_empty(mine))
                json_array_append_new(managed, entry_new(manager, "Update", subresource, after, TAKE(mine), now_ms));
        json_object_set_new(meta_object(after, "metadata"), "managedFields", managed);
}
