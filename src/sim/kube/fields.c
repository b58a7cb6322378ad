#include "sim/kube/fields.h"

#include <sys/types.h>

#include "base/json.h"
#include "base/strbuf.h"

struct list_shape fields_list_shape(const char *kind, const char *parent, const char *field, const json_t *list) {
        static const struct { const char *parent, *field; struct list_shape shape; } known[] = {
                { "metadata", "ownerReferences", { LIST_MAP, { "uid" } } },
                { "metadata", "finalizers", { LIST_SET, { NULL } } },
                { "status", "conditions", { LIST_MAP, { "type" } } },
                { "status", "addresses", { LIST_MAP, { "type" } } },
                { "spec", "podCIDRs", { LIST_SET, { NULL } } },
                { NULL, "containers", { LIST_MAP, { "name" } } },
                { NULL, "initContainers", { LIST_MAP, { "name" } } },
                { NULL, "ephemeralContainers", { LIST_MAP, { "name" } } },
                { NULL, "env", { LIST_MAP, { "name" } } },
                { "spec", "volumes", { LIST_MAP, { "name" } } },
                { NULL, "volumeMounts", { LIST_MAP, { "mountPath" } } },
                { NULL, "volumeDevices", { LIST_MAP, { "devicePath" } } },
                { NULL, "imagePullSecrets", { LIST_MAP, { "name" } } },
                { NULL, "hostAliases", { LIST_MAP, { "ip" } } },
                { NULL, "topologySpreadConstraints", { LIST_MAP, { "topologyKey", "whenUnsatisfiable" } } },
                { NULL, "webhooks", { LIST_MAP, { "name" } } },
        };
        if (str_eq(field, "ports") && json_object_get(json_array_get(list, 0), "containerPort"))
                return (struct list_shape) { LIST_MAP, { "containerPort", "protocol" } };
        if (str_eq(field, "ports") && str_eq(kind, "Service"))
                return (struct list_shape) { LIST_MAP, { "port", "protocol" } };
        if (str_eq(field, "secrets") && str_eq(kind, "ServiceAccount"))
                return (struct list_shape) { LIST_MAP, { "name" } };
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (str_eq(field, known[i].field) && (!known[i].parent || str_eq(parent, known[i].parent)))
                        return known[i].shape;
        return (struct list_shape) { LIST_ATOMIC, { NULL } };
}

bool fields_map_atomic(const char *kind, const char *parent, const char *field) {
        static const char *const atomic[] = { "selector", "labelSelector", "namespaceSelector", "podSelector", "nodeSelector",
                                              "fieldRef", "resourceFieldRef",
                                              "secretKeyRef", "configMapKeyRef", "roleRef", "involvedObject", "claimRef",
                                              "objectReference",
                                              "requiredDuringSchedulingIgnoredDuringExecution", "clientConfig", NULL };
        (void) parent;
        /* In custom resources nothing is atomic unless their schema says so; the double knows no schema of theirs. */
        if (str_starts(kind, "Cilium"))
                return false;
        for (size_t i = 0; atomic[i]; i++)
                if (str_eq(field, atomic[i]))
                        return true;
        return false;
}

char *fields_item_key(const struct list_shape *shape, const json_t *item) {
        _cleanup_json_ json_t *keys = json_object();
        for (size_t i = 0; shape->keys[i]; i++) {
                json_t *v = json_object_get(item, shape->keys[i]);
                if (v)
                        json_object_set(keys, shape->keys[i], v);
                else if (str_eq(shape->keys[i], "protocol"))     /* the one key field with a default */
                        json_object_set_new(keys, "protocol", json_string("TCP"));
                else
                        return NULL;
        }
        _cleanup_str_ char *text = json_dumps(keys, JSON_COMPACT | JSON_SORT_KEYS);
        return xasprintf("k:%s", text);
}

static char *element_of(const struct list_shape *shape, const json_t *item) {
        if (shape->kind == LIST_MAP)
                return fields_item_key(shape, item);
        _cleanup_str_ char *text = json_dumps(item, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        return xasprintf("v:%s", text);
}

ssize_t fields_find_item(const struct list_shape *shape, const json_t *list, const char *element) {
        size_t i;
        json_t *item;
        json_array_foreach(list, i, item) {
                _cleanup_str_ char *own = element_of(shape, item);
                if (str_eq(own, element))
                        return (ssize_t) i;
        }
        return -1;
}

static void mark_self(json_t *set) {
        json_object_set_new(set, ".", json_object());
}

struct place { const char *kind, *parent, *field; };

static void collect(const struct place *p, const json_t *v, json_t *set);

static void collect_list(const struct place *p, const json_t *v, json_t *set, const struct list_shape *shape) {
        size_t i;
        json_t *item;
        json_array_foreach(v, i, item) {
                _cleanup_str_ char *key = element_of(shape, item);
                if (!key)
                        continue;
                json_t *child = json_object();
                json_object_set_new(set, key, child);
                if (shape->kind == LIST_SET)
                        continue;
                struct place inner = { p->kind, p->field, "" };
                collect(&inner, item, child);
                mark_self(child);
        }
}

/* Fills set with the leaves below v; an empty set means that v itself is the leaf. */
static void collect(const struct place *p, const json_t *v, json_t *set) {
        if (json_is_object(v) && !fields_map_atomic(p->kind, p->parent, p->field)) {
                const char *key;
                json_t *child;
                json_object_foreach((json_t *) v, key, child) {
                        _cleanup_str_ char *element = xasprintf("f:%s", key);
                        json_t *below = json_object();
                        json_object_set_new(set, element, below);
                        struct place inner = { p->kind, *p->field ? p->field : p->parent, key };
                        collect(&inner, child, below);
                }
        } else if (json_is_array(v)) {
                struct list_shape shape = fields_list_shape(p->kind, p->parent, p->field, v);
                if (shape.kind != LIST_ATOMIC)
                        collect_list(p, v, set, &shape);
        }
}

static void drop_unowned(json_t *set) {
        static const char *const metadata[] = { "f:name", "f:namespace", "f:uid", "f:resourceVersion", "f:generation",
                                                "f:creationTimestamp",
                                                "f:managedFields", "f:selfLink", "f:deletionTimestamp",
                                                "f:deletionGracePeriodSeconds" };
        json_object_del(set, "f:apiVersion");
        json_object_del(set, "f:kind");
        json_t *m = json_object_get(set, "f:metadata");
        if (!m)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(metadata); i++)
                json_object_del(m, metadata[i]);
        if (json_object_size(m) == 0)
                json_object_del(set, "f:metadata");
}

json_t *fields_of(const json_t *object) {
        json_t *set = json_object();
        const char *kind = jget_text(object, "kind");
        struct place p = { kind ? kind : "", "", "" };
        collect(&p, object, set);
        drop_unowned(set);
        return set;
}

static void changed_below(const struct place *p, const json_t *before, const json_t *after, json_t *set);

/* before or after may be NULL; adds element to set when the values differ. */
static void changed_child(const struct place *p, const char *element, const json_t *before, const json_t *after, json_t *set,
                          bool item) {
        if (before && after && json_equal(before, after))
                return;
        json_t *child = json_object();
        changed_below(p, before, after, child);
        if (item && (!before || !after))
                mark_self(child);
        json_object_set_new(set, element, child);
}

static void changed_list(const struct place *p, const json_t *before, const json_t *after, json_t *set,
                         const struct list_shape *shape) {
        struct place inner = { p->kind, p->field, "" };
        size_t i;
        json_t *item;
        json_array_foreach(after, i, item) {
                _cleanup_str_ char *key = element_of(shape, item);
                ssize_t at = key ? fields_find_item(shape, before, key) : -1;
                if (key)
                        changed_child(&inner, key, at < 0 ? NULL : json_array_get(before, (size_t) at), item, set,
                                      shape->kind == LIST_MAP);
        }
        json_array_foreach(before, i, item) {
                _cleanup_str_ char *key = element_of(shape, item);
                if (key && fields_find_item(shape, after, key) < 0)
                        changed_child(&inner, key, item, NULL, set, shape->kind == LIST_MAP);
        }
}

static void changed_below(const struct place *p, const json_t *before, const json_t *after, json_t *set) {
        const json_t *some = after ? after : before;
        bool same_type = !before || !after || json_typeof(before) == json_typeof(after);
        if (!same_type)
                return;
        if (json_is_object(some) && !fields_map_atomic(p->kind, p->parent, p->field)) {
                const char *key;
                json_t *child;
                json_object_foreach((json_t *) after, key, child) {
                        _cleanup_str_ char *element = xasprintf("f:%s", key);
                        struct place inner = { p->kind, *p->field ? p->field : p->parent, key };
                        changed_child(&inner, element, json_object_get(before, key), child, set, false);
                }
                json_object_foreach((json_t *) before, key, child) {
                        if (json_object_get(after, key))
                                continue;
                        _cleanup_str_ char *element = xasprintf("f:%s", key);
                        struct place inner = { p->kind, *p->field ? p->field : p->parent, key };
                        changed_child(&inner, element, child, NULL, set, false);
                }
        } else if (json_is_array(some)) {
                struct list_shape shape = fields_list_shape(p->kind, p->parent, p->field, some);
                if (shape.kind != LIST_ATOMIC)
                        changed_list(p, before, after, set, &shape);
        }
}

json_t *fields_changed(const json_t *before, const json_t *after) {
        json_t *set = json_object();
        const char *kind = jget_text(after, "kind");
        struct place p = { kind ? kind : "", "", "" };
        changed_below(&p, before, after, set);
        drop_unowned(set);
        return set;
}

static bool is_leaf(const json_t *node) {
        return json_object_size(node) == 0 || json_object_get(node, ".");
}

bool fields_empty(const json_t *a) {
        return json_object_size(a) == 0;
}

/* Writes membership of the element itself into the form: alone {}, with children ".". */
static void put_child(json_t *out, const char *key, json_t *children, bool self) {
        if (self && json_object_size(children) > 0)
                mark_self(children);
        if (self || json_object_size(children) > 0)
                json_object_set_new(out, key, children);
        else
                json_decref(children);
}

static json_t *children_union(const json_t *a, const json_t *b) {
        json_t *out = json_object();
        const char *key;
        json_t *child;
        json_object_foreach((json_t *) a, key, child) {
                if (*key == '.')
                        continue;
                json_t *other = json_object_get(b, key);
                put_child(out, key, children_union(child, other), is_leaf(child) || (other && is_leaf(other)));
        }
        json_object_foreach((json_t *) b, key, child)
                if (*key != '.' && !json_object_get(a, key))
                        put_child(out, key, children_union(child, NULL), is_leaf(child));
        return out;
}

static json_t *children_minus(const json_t *a, const json_t *b) {
        json_t *out = json_object();
        const char *key;
        json_t *child;
        json_object_foreach((json_t *) a, key, child) {
                if (*key == '.')
                        continue;
                json_t *other = json_object_get(b, key);
                put_child(out, key, children_minus(child, other), is_leaf(child) && !(other && is_leaf(other)));
        }
        return out;
}

static json_t *children_common(const json_t *a, const json_t *b) {
        json_t *out = json_object();
        const char *key;
        json_t *child;
        json_object_foreach((json_t *) a, key, child) {
                json_t *other = *key == '.' ? NULL : json_object_get(b, key);
                if (other)
                        put_child(out, key, children_common(child, other), is_leaf(child) && is_leaf(other));
        }
        return out;
}

json_t *fields_union(const json_t *a, const json_t *b) { return children_union(a, b); }
json_t *fields_minus(const json_t *a, const json_t *b) { return children_minus(a, b); }
json_t *fields_common(const json_t *a, const json_t *b) { return children_common(a, b); }

static void append_element(struct strbuf *path, const char *element) {
        if (element[0] == 'f') {
                strbuf_addf(path, ".%s", element + 2);
        } else if (element[0] == 'v') {
                strbuf_addf(path, "[=%s]", element + 2);
        } else {
                _cleanup_json_ json_t *keys = json_loads(element + 2, 0, NULL);
                const char *key, *separator = "[";
                json_t *value;
                json_object_foreach(keys, key, value) {
                        _cleanup_str_ char *text = json_dumps(value, JSON_ENCODE_ANY);
                        strbuf_addf(path, "%s%s=%s", separator, key, text);
                        separator = ",";
                }
                strbuf_addc(path, ']');
        }
}

static void each_below(const json_t *set, const char *prefix, void (*fn)(void *, const char *), void *data) {
        const char *key;
        json_t *child;
        json_object_foreach((json_t *) set, key, child) {
                if (*key == '.')
                        continue;
                _cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
                strbuf_adds(&path, prefix);
                append_element(&path, key);
                if (is_leaf(child))
                        fn(data, strbuf_str(&path));
                each_below(child, strbuf_str(&path), fn, data);
        }
}

void fields_each(const json_t *set, void (*fn)(void *data, const char *path), void *data) {
        each_below(set, "", fn, data);
}

/* The child of v that an element means; *ret_index gets the place in a list. */
static json_t *child_of(const struct place *p, const json_t *v, const char *element, ssize_t *ret_index) {
        *ret_index = -1;
        if (element[0] == 'f')
                return json_object_get(v, element + 2);
        struct list_shape shape = fields_list_shape(p->kind, p->parent, p->field, v);
        *ret_index = json_is_array(v) ? fields_find_item(&shape, v, element) : -1;
        return *ret_index < 0 ? NULL : json_array_get(v, (size_t) *ret_index);
}

static struct place place_below(const struct place *p, const char *element) {
        if (element[0] == 'f')
                return (struct place) { p->kind, *p->field ? p->field : p->parent, element + 2 };
        return (struct place) { p->kind, p->field, "" };
}

static json_t *existing_below(const struct place *p, const json_t *set, const json_t *v) {
        json_t *out = json_object();
        const char *key;
        json_t *child;
        json_object_foreach((json_t *) set, key, child) {
                ssize_t index;
                const json_t *value = *key == '.' ? NULL : child_of(p, v, key, &index);
                if (!value)
                        continue;
                struct place inner = place_below(p, key);
                put_child(out, key, existing_below(&inner, child, value), is_leaf(child));
        }
        return out;
}

json_t *fields_existing(const json_t *set, const json_t *object) {
        const char *kind = jget_text(object, "kind");
        struct place p = { kind ? kind : "", "", "" };
        return existing_below(&p, set, object);
}

static void remove_below(const struct place *p, json_t *v, const json_t *gone, const json_t *kept) {
        const char *key;
        json_t *child;
        json_object_foreach((json_t *) gone, key, child) {
                ssize_t index;
                json_t *value = *key == '.' ? NULL : child_of(p, v, key, &index);
                if (!value)
                        continue;
                const json_t *keep = json_object_get(kept, key);
                bool whole = is_leaf(child) && !keep;
                if (!whole) {
                        struct place inner = place_below(p, key);
                        bool had = json_object_size(value) > 0 || json_array_size(value) > 0;
                        remove_below(&inner, value, child, keep);
                        bool empty = json_is_object(value) ? json_object_size(value) == 0 : json_is_array(value) && json_array_size(value) == 0;
                        whole = had && empty && !keep;
                }
                if (!whole)
                        continue;
                if (index >= 0)
                        json_array_remove(v, (size_t) index);
                else
                        json_object_del(v, key + 2);
        }
}

void fields_remove(json_t *object, const json_t *gone, const json_t *kept) {
        const char *kind = jget_text(object, "kind");
        struct place p = { kind ? kind : "", "", "" };
        remove_below(&p, object, gone, kept);
}
