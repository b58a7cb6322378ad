#include "sim/kube/patch.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "sim/kube/meta.h"

static json_t *merged(json_t *target, const json_t *patch) {
        if (!json_is_object(patch))
                return json_deep_copy(patch);
        json_t *out = json_is_object(target) ? json_incref(target) : json_object();
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) patch, key, value) {
                if (json_is_null(value))
                        json_object_del(out, key);
                else
                        json_object_set_new(out, key, merged(json_object_get(out, key), value));
        }
        return out;
}

void patch_merge(json_t *object, const json_t *patch) {
        json_decref(merged(object, patch));
}

/* RFC 6901: the parent of the pointed-to place and the last token. */
static json_t *pointer_parent(json_t *object, const char *pointer, char **ret_last) {
        _cleanup_strv_ struct strv parts = { 0 };
        if (*pointer != '/')
                return NULL;
        strv_split(&parts, pointer + 1, '/');
        for (size_t i = 0; i < parts.n; i++) {
                char *out = parts.items[i];
                for (const char *in = parts.items[i]; *in; in++)
                        *out++ = *in == '~' && in[1] == '1' ? (in++, '/') : *in == '~' && in[1] == '0' ? (in++, '~') : *in;
                *out = '\0';
                if (i + 1 == parts.n)
                        break;
                int64_t index;
                if (json_is_array(object))
                        object = parse_int64(parts.items[i], 0, INT64_MAX, &index) ? json_array_get(object, (size_t) index) :
                        NULL;
                else
                        object = json_object_get(object, parts.items[i]);
                if (!object)
                        return NULL;
        }
        *ret_last = xstrdup(parts.items[parts.n - 1]);
        return object;
}

static json_t *pointed(json_t *parent, const char *last) {
        int64_t index;
        if (json_is_array(parent))
                return parse_int64(last, 0, INT64_MAX, &index) ? json_array_get(parent, (size_t) index) : NULL;
        return json_object_get(parent, last);
}

static bool place(json_t *parent, const char *last, json_t *value, bool replace) {
        int64_t index;
        if (json_is_object(parent))
                return json_object_set(parent, last, value) == 0;
        if (!json_is_array(parent))
                return false;
        if (str_eq(last, "-"))
                return json_array_append(parent, value) == 0;
        if (!parse_int64(last, 0, INT64_MAX, &index))
                return false;
        return (replace ? json_array_set(parent, (size_t) index, value) : json_array_insert(parent, (size_t) index, value)) == 0;
}

static bool take_out(json_t *parent, const char *last) {
        int64_t index;
        if (json_is_array(parent))
                return parse_int64(last, 0, INT64_MAX, &index) && json_array_remove(parent, (size_t) index) == 0;
        return json_object_del(parent, last) == 0;
}

static int one_operation(json_t *object, const json_t *step, struct error *err) {
        const char *op = jget_text(step, "op"), *path = jget_text(step, "path"), *from = jget_text(step, "from");
        if (!op || !path)
                return error_set(err, ERR_INVALID, "json patch: operation without op or path");
        _cleanup_str_ char *last = NULL, *from_last = NULL;
        json_t *parent = pointer_parent(object, path, &last), *value = json_object_get(step, "value");
        if (!parent)
                return error_set(err, ERR_REFUSED, "%s operation does not apply: doc is missing path: \"%s\": missing value", op,
                                 path);
        json_t *there = pointed(parent, last);
        if (str_eq(op, "test"))
                return there && value && json_equal(there, value) ? 0 : !there && json_is_null(value) ? 0 :
                        error_set(err, ERR_REFUSED, "testing value %s failed: test failed", path);
        if (str_eq(op, "remove") || str_eq(op, "replace")) {
                if (!there)
                        return error_set(err, ERR_REFUSED, "%s operation does not apply: doc is missing key: %s: missing value",
                                         op, path);
                bool done = str_eq(op, "remove") ? take_out(parent, last) : value && place(parent, last, value, true);
                return done ? 0 : error_set(err, ERR_INVALID, "json patch: bad %s of %s", op, path);
        }
        if (str_eq(op, "add"))
                return value && place(parent, last, value, false) ? 0 :
                error_set(err, ERR_REFUSED, "add operation does not apply: %s", path);
        if (str_eq(op, "move") || str_eq(op, "copy")) {
                json_t *source = from ? pointer_parent(object, from, &from_last) : NULL;
                json_t *moved = source ? pointed(source, from_last) : NULL;
                if (!moved)
                        return error_set(err, ERR_REFUSED, "%s operation does not apply: %s", op, path);
                _cleanup_json_ json_t *copy = json_deep_copy(moved);
                if (*op == 'm')
                        take_out(source, from_last);
                return place(parent, last, copy, false) ? 0 : error_set(err, ERR_REFUSED, "%s operation does not apply: %s", op,
                                                                        path);
        }
        return error_set(err, ERR_INVALID, "json patch: unexpected kind: %s", op);
}

int patch_json(json_t *object, const json_t *patch, struct error *err) {
        if (!json_is_array(patch))
                return error_set(err, ERR_INVALID, "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
        size_t i;
        json_t *step;
        json_array_foreach(patch, i, step)
                if (one_operation(object, step, err) < 0)
                        return -1;
        return 0;
}

/* patchMergeKey of k8s.io/api's types: the key, "" for sets of primitives, NULL for lists that are replaced (Node.spec.taints
 * is one). */
static const char *merge_key(const char *field, const json_t *patch) {
        static const struct { const char *field, *key; } known[] = {
                { "conditions", "type" }, { "addresses", "type" }, { "containers", "name" }, { "initContainers",
                                                                                          "name" }, { "ephemeralContainers",
                                                                                          "name" },
                { "env", "name" }, { "volumes", "name" }, { "volumeMounts", "mountPath" }, { "volumeDevices", "devicePath" },
                { "imagePullSecrets", "name" }, { "hostAliases", "ip" }, { "ownerReferences", "uid" }, { "secrets", "name" },
                { "webhooks", "name" },
                { "topologySpreadConstraints", "topologyKey" }, { "podCIDRs", "" }, { "finalizers", "" },
        };
        if (str_eq(field, "ports"))
                return json_object_get(json_array_get(patch, 0), "containerPort") ? "containerPort" : "port";
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (str_eq(field, known[i].field))
                        return known[i].key;
        return NULL;
}

static int strategic(json_t *target, const json_t *patch, struct error *err);

static ssize_t item_with(const json_t *list, const char *key, const json_t *value) {
        size_t i;
        json_t *item;
        json_array_foreach(list, i, item)
                if (json_equal(*key ? json_object_get(item, key) : item, value))
                        return (ssize_t) i;
        return -1;
}

static int strategic_list(json_t *target, const json_t *patch, const char *key, struct error *err) {
        size_t i;
        json_t *item;
        json_array_foreach(patch, i, item) {
                if (*key && str_eq(jget_text(item, "$patch"), "replace")) {
                        json_array_clear(target);
                        continue;
                }
                const json_t *id = *key ? json_object_get(item, key) : item;
                if (!id)
                        return error_set(err, ERR_INVALID, "map: %s does not contain declared merge key: %s", "list item", key);
                ssize_t at = item_with(target, key, id);
                if (*key && str_eq(jget_text(item, "$patch"), "delete")) {
                        if (at >= 0)
                                json_array_remove(target, (size_t) at);
                } else if (at < 0) {
                        _cleanup_json_ json_t *fresh = *key ? json_object() : json_deep_copy(item);
                        if (*key && strategic(fresh, item, err) < 0)
                                return -1;
                        json_array_append(target, fresh);
                } else if (*key && strategic(json_array_get(target, (size_t) at), item, err) < 0) {
                        return -1;
                }
        }
        return 0;
}

static void delete_primitives(json_t *target, const char *field, const json_t *gone) {
        json_t *list = json_object_get(target, field), *value;
        size_t i;
        json_array_foreach(gone, i, value) {
                ssize_t at = item_with(list, "", value);
                if (at >= 0)
                        json_array_remove(list, (size_t) at);
        }
}

static int strategic_field(json_t *target, const char *field, json_t *value, struct error *err) {
        json_t *there = json_object_get(target, field);
        if (json_is_null(value)) {
                json_object_del(target, field);
        } else if (json_is_object(value)) {
                if (!json_is_object(there)) {
                        there = json_object();
                        json_object_set_new(target, field, there);
                }
                if (str_eq(jget_text(value, "$patch"), "delete")) {
                        json_object_del(target, field);
                        return 0;
                }
                return strategic(there, value, err);
        } else if (json_is_array(value)) {
                const char *key = merge_key(field, value);
                if (!key || !json_is_array(there) || (*key && json_array_size(value) && !json_is_object(json_array_get(value,
                                                                                          0)))) {
                        json_object_set_new(target, field, json_deep_copy(value));
                        return 0;
                }
                return strategic_list(there, value, key, err);
        } else {
                json_object_set(target, field, value);
        }
        return 0;
}

static int strategic(json_t *target, const json_t *patch, struct error *err) {
        if (str_eq(jget_text(patch, "$patch"), "replace"))
                json_object_clear(target);
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) patch, key, value) {
                if (str_starts(key, "$deleteFromPrimitiveList/"))
                        delete_primitives(target, key + strlen("$deleteFromPrimitiveList/"), value);
                else if (*key != '$' && strategic_field(target, key, value, err) < 0)
                        return -1;
        }
        return 0;
}

int patch_strategic(json_t *object, const json_t *patch, struct error *err) {
        if (!json_is_object(patch))
                return error_set(err, ERR_INVALID, "a strategic merge patch must be an object");
        return strategic(object, patch, err);
}
