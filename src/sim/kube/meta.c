#include "sim/kube/meta.h"

#include <math.h>

#include "base/clock.h"

const char *meta_name(const json_t *o) {
        return json_string_value(json_object_get(json_object_get(o, "metadata"), "name"));
}

const char *meta_namespace(const json_t *o) {
        return json_string_value(json_object_get(json_object_get(o, "metadata"), "namespace"));
}

const char *meta_uid(const json_t *o) {
        return json_string_value(json_object_get(json_object_get(o, "metadata"), "uid"));
}

const char *meta_label(const json_t *o, const char *key) {
        return json_string_value(json_object_get(json_object_get(json_object_get(o, "metadata"), "labels"), key));
}

const char *meta_annotation(const json_t *o, const char *key) {
        return json_string_value(json_object_get(json_object_get(json_object_get(o, "metadata"), "annotations"), key));
}

bool meta_deleting(const json_t *o) {
        return json_object_get(json_object_get(o, "metadata"), "deletionTimestamp") != NULL;
}

int64_t meta_generation(const json_t *o) {
        return json_integer_value(json_object_get(json_object_get(o, "metadata"), "generation"));
}

const json_t *meta_controller(const json_t *o) {
        size_t i;
        json_t *reference;
        json_array_foreach(json_object_get(json_object_get(o, "metadata"), "ownerReferences"), i, reference)
                if (json_is_true(json_object_get(reference, "controller")))
                        return reference;
        return NULL;
}

bool meta_controlled_by(const json_t *o, const char *uid) {
        const json_t *controller = meta_controller(o);
        return controller && uid && str_eq(json_string_value(json_object_get(controller, "uid")), uid);
}

/* The child at a dotted path; leaf says of which type the last one is. */
static json_t *descend(json_t *o, const char *dotted, bool array) {
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, dotted, '.');
        for (size_t i = 0; i < parts.n; i++) {
                bool want_array = array && i + 1 == parts.n;
                json_t *child = json_object_get(o, parts.items[i]);
                if (want_array ? !json_is_array(child) : !json_is_object(child)) {
                        child = want_array ? json_array() : json_object();
                        json_object_set_new(o, parts.items[i], child);
                }
                o = child;
        }
        return o;
}

json_t *meta_object(json_t *o, const char *dotted) {
        return descend(o, dotted, false);
}

json_t *meta_array(json_t *o, const char *dotted) {
        return descend(o, dotted, true);
}

void meta_set_label(json_t *o, const char *key, const char *value) {
        json_object_set_new(meta_object(o, "metadata.labels"), key, json_string(value));
}

void meta_set_annotation(json_t *o, const char *key, const char *value) {
        json_object_set_new(meta_object(o, "metadata.annotations"), key, json_string(value));
}

json_t *meta_owner_reference(const json_t *owner) {
        return json_pack("{s:O, s:O, s:s, s:s, s:b, s:b}", "apiVersion", json_object_get(owner, "apiVersion"), "kind",
                         json_object_get(owner, "kind"), "name", meta_name(owner), "uid", meta_uid(owner), "controller", 1,
                         "blockOwnerDeletion", 1);
}

bool meta_set_condition(json_t *status, const char *type, const char *value, const char *reason, const char *message,
                        int64_t now_ms) {
        json_t *conditions = meta_array(status, "conditions"), *found = NULL, *each;
        size_t i;
        json_array_foreach(conditions, i, each)
                if (str_eq(jget_text(each, "type"), type))
                        found = each;
        if (!found) {
                found = json_pack("{s:s}", "type", type);
                json_array_append_new(conditions, found);
        }
        bool turned = !str_eq(jget_text(found, "status"), value);
        if (!turned && (!reason || str_eq(jget_text(found, "reason"), reason)) &&
            (!message || str_eq(jget_text(found, "message"), message)))
                return false;
        jset_str(found, "status", value);
        jset_str(found, "reason", reason);
        jset_str(found, "message", message);
        if (turned)
                json_object_set_new(found, "lastTransitionTime", meta_time(now_ms));
        return true;
}

const json_t *meta_condition(const json_t *o, const char *type) {
        size_t i;
        json_t *each;
        json_array_foreach(json_object_get(json_object_get(o, "status"), "conditions"), i, each)
                if (str_eq(json_string_value(json_object_get(each, "type")), type))
                        return each;
        return NULL;
}

bool meta_condition_is(const json_t *o, const char *type, const char *value) {
        const json_t *condition = meta_condition(o, type);
        return condition && str_eq(json_string_value(json_object_get(condition, "status")), value);
}

int64_t meta_int(const json_t *o, const char *dotted, int64_t otherwise) {
        const json_t *v = jget(o, dotted);
        return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool meta_bool(const json_t *o, const char *dotted, bool otherwise) {
        const json_t *v = jget(o, dotted);
        return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

json_t *meta_time(int64_t ms) {
        _cleanup_str_ char *text = time_format_rfc3339(ms);
        return json_string(text);
}

int64_t meta_time_of(const json_t *o, const char *dotted) {
        const char *text = jget_text(o, dotted);
        int64_t ms = 0;
        return text && time_parse_rfc3339(text, &ms) ? ms : 0;
}

bool quantity_parse(const json_t *v, int64_t *ret_milli) {
        static const struct { const char *suffix; double factor; } suffixes[] = {
                { "", 1 }, { "n", 1e-9 }, { "u", 1e-6 }, { "m", 1e-3 }, { "k", 1e3 }, { "M", 1e6 }, { "G", 1e9 }, { "T",
                                                                                          1e12 }, { "P", 1e15 },
                { "E", 1e18 }, { "Ki", 1024.0 }, { "Mi", 1048576.0 }, { "Gi", 1073741824.0 }, { "Ti", 1099511627776.0 },
                { "Pi", 1125899906842624.0 }, { "Ei", 1152921504606846976.0 },
        };
        double number;
        const char *end = "";
        if (json_is_number(v)) {
                number = json_number_value(v);
        } else {
                const char *text = json_string_value(v);
                if (str_empty(text))
                        return false;
                char *rest;
                number = strtod(text, &rest);
                if (rest == text)
                        return false;
                end = rest;
        }
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                if (!str_eq(end, suffixes[i].suffix))
                        continue;
                double milli = ceil(number * suffixes[i].factor * 1000.0 - 1e-6);
                *ret_milli = milli >= 9e18 ? INT64_MAX : milli <= -9e18 ? INT64_MIN : (int64_t) milli;
                return true;
        }
        return false;
}
