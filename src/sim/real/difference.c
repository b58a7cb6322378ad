#include "sim/real/difference.h"

#include "base/json.h"

static json_t *differ(const json_t *before, const json_t *value);

/* Keys of an object that differ: the new value, or null where it is gone; NULL when none does. */
static json_t *differ_object(const json_t *before, const json_t *value) {
        json_t *out = json_object();
        const char *key;
        json_t *each;
        json_object_foreach((json_t *) value, key, each) {
                json_t *changed = differ(json_object_get(before, key), each);
                if (changed)
                        json_object_set_new(out, key, changed);
        }
        json_object_foreach((json_t *) before, key, each)
                if (!json_object_get(value, key))
                        json_object_set_new(out, key, json_null());
        if (json_object_size(out) > 0)
                return out;
        json_decref(out);
        return NULL;
}

static json_t *differ(const json_t *before, const json_t *value) {
        if (json_equal(before, value))
                return NULL;
        if (json_is_object(before) && json_is_object(value))
                return differ_object(before, value);
        return json_deep_copy(value);
}

static void add(json_t *patch, const char *key, const json_t *before, const json_t *value) {
        json_t *a = json_object_get(before, key), *b = json_object_get(value, key);
        json_t *changed = b ? differ(a, b) : a ? json_null() : NULL;
        if (changed)
                json_object_set_new(patch, key, changed);
}

static void add_metadata(json_t *patch, const json_t *before, const json_t *value, const char *const *keys) {
        json_t *metadata = json_object();
        for (; *keys; keys++)
                add(metadata, *keys, json_object_get(before, "metadata"), json_object_get(value, "metadata"));
        if (json_object_size(metadata) > 0)
                json_object_set(patch, "metadata", metadata);
        json_decref(metadata);
}

json_t *difference_patch(const json_t *before, const json_t *value, const char *subresource) {
        static const char *const of_main[] = { "labels", "annotations", "ownerReferences", "finalizers", NULL };
        static const char *const of_status[] = { "labels", "annotations", NULL };
        json_t *patch = json_object(), *each;
        const char *key;
        if (*subresource) {
                add(patch, "status", before, value);
                if (str_eq(jget_text(value, "kind"), "Node"))
                        add_metadata(patch, before, value, of_status);
        } else {
                json_object_foreach((json_t *) value, key, each)
                        if (!str_eq(key, "status") && !str_eq(key, "metadata") && !str_eq(key, "kind") && !str_eq(key, "apiVersion"))
                                add(patch, key, before, value);
                json_object_foreach((json_t *) before, key, each)
                        if (!json_object_get(value, key) && !str_eq(key, "status"))
                                add(patch, key, before, value);
                add_metadata(patch, before, value, of_main);
        }
        if (json_object_size(patch) > 0)
                return patch;
        json_decref(patch);
        return NULL;
}
