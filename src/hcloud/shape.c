#include "hcloud/shape.h"

#include <hcloud/label.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/strbuf.h"

static const char *type_name(const json_t *j) {
        static const char *const names[] = {
                [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "text", [JSON_INTEGER] = "a number",
                [JSON_REAL] = "a number", [JSON_TRUE] = "true", [JSON_FALSE] = "false", [JSON_NULL] = "null",
        };
        return names[j ? json_typeof(j) : JSON_NULL];
}

static int wrong_type(const struct shape *shape, const char *key, const json_t *found, const char *wanted, struct error *err) {
        return error_set(err, ERR_PROTOCOL, "the API's %s has %s in '%s', where %s is expected", shape->name, type_name(found),
                         key, wanted);
}

#define MOST 9007199254740991LL          /* 2^53 - 1: the API's ids end there, and so does what every JSON reader keeps exact (hcloud API: integers) */

/* Ids and counts: whole numbers, also when a middleman wrote them as 1.0. One beyond MOST may have been rounded on its way and mean another object. */
static bool whole_number(const json_t *j, int64_t *ret) {
        double d = json_real_value(j);
        int64_t n = json_integer_value(j);
        if (json_is_real(j) && d >= (double) -MOST && d <= (double) MOST && d == (double) (int64_t) d)
                n = (int64_t) d;
        else if (!json_is_integer(j) || n < -MOST || n > MOST)
                return false;
        *ret = n;
        return true;
}

static int read_strings(const struct shape *shape, const struct field *f, const json_t *j, struct hcloud_strings *out,
                        struct error *err) {
        size_t i;
        json_t *item;
        json_array_foreach(j, i, item) {
                if (!json_is_string(item))
                        return wrong_type(shape, f->key, item, "a list of texts", err);
                hcloud_strings_add(out, json_string_value(item));
        }
        return 0;
}

static int read_ids(const struct shape *shape, const struct field *f, const json_t *j, struct hcloud_ids *out, struct error *err) {
        size_t i;
        json_t *item;
        json_array_foreach(j, i, item) {
                const json_t *number = f->item ? jget(item, f->item) : item;
                int64_t id;
                if (f->item && !number)
                        continue;       /* another kind of object in the same list */
                if (!whole_number(number, &id))
                        return wrong_type(shape, f->key, number, "a list of ids", err);
                hcloud_ids_add(out, id);
        }
        return 0;
}

static int read_labels(const struct shape *shape, const struct field *f, const json_t *j, struct hcloud_labels *out,
                       struct error *err) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) j, key, value) {
                if (!json_is_string(value))
                        return wrong_type(shape, f->key, value, "texts as values", err);
                kvs_add((struct kvs *) out, key, json_string_value(value)); /* no search: an object's keys differ */
        }
        return 0;
}

static int read_items(const struct shape *shape, const json_t *array, struct raw_list *out, struct error *err) {
        size_t n = json_array_size(array);
        size_t room = 1;
        while (room < n)                /* what ARRAY_APPEND takes for granted: callers add to lists they have read */
                room *= 2;
        out->items = n ? xcalloc(room, shape->size) : NULL;
        for (size_t i = 0; i < n; i++) {
                int r = shape_read(shape, json_array_get(array, i), (char *) out->items + i * shape->size, err);
                if (r < 0)
                        return r;
                out->n = i + 1;
        }
        return 0;
}

static int read_container(const struct shape *shape, const struct field *f, const json_t *j, void *at, struct error *err) {
        bool is_list = f->kind == F_LIST || f->kind == F_STRINGS || f->kind == F_IDS;
        if (is_list && !json_is_array(j))
                return wrong_type(shape, f->key, j, "a list", err);
        if (!is_list && !json_is_object(j))
                return wrong_type(shape, f->key, j, "an object", err);
        switch (f->kind) {
        case F_LABELS: return read_labels(shape, f, j, at, err);
        case F_STRINGS: return read_strings(shape, f, j, at, err);
        case F_IDS: return read_ids(shape, f, j, at, err);
        case F_LIST: return read_items(f->shape, j, at, err);
        case F_OBJECT: return shape_read(f->shape, j, at, err);
        default: return shape_read_new(f->shape, j, at, err);
        }
}

static int read_number(const struct shape *shape, const struct field *f, const json_t *j, void *at, struct error *err) {
        if (f->kind == F_REAL) {
                if (!json_is_number(j))
                        return wrong_type(shape, f->key, j, "a number", err);
                *(double *) at = json_number_value(j);
                return 0;
        }
        if (!whole_number(j, at))
                return wrong_type(shape, f->key, j, "a whole number", err);
        if (f->kind == F_ID && *(int64_t *) at <= 0)
                return error_set(err, ERR_PROTOCOL, "the API's %s has %lld as '%s'", shape->name, (long long) *(int64_t *) at,
                                 f->key);
        return 0;
}

static int read_text(const struct shape *shape, const struct field *f, const json_t *j, void *at, struct error *err) {
        if (!json_is_string(j))
                return wrong_type(shape, f->key, j, "text", err);
        if (f->kind != F_TIME)
                *(char **) at = xstrdup(json_string_value(j));
        else if (!time_parse_rfc3339(json_string_value(j), at))
                return error_set(err, ERR_PROTOCOL, "the API's %s has '%.40s' in '%s', which is no time", shape->name,
                                 json_string_value(j), f->key);
        return 0;
}

static int read_field(const struct shape *shape, const struct field *f, const json_t *object, void *out, struct error *err) {
        void *at = (char *) out + f->offset;
        const json_t *j = jget(object, f->key);
        if (f->kind == F_TRAFFIC)
                *(int64_t *) at = -1;
        if (!j)
                return f->kind == F_ID ? error_set(err, ERR_PROTOCOL, "the API's %s has no '%s'", shape->name, f->key) : 0;
        switch (f->kind) {
        case F_STR: case F_SECRET: case F_TIME:
                return read_text(shape, f, j, at, err);
        case F_ID: case F_INT: case F_TRAFFIC: case F_REAL:
                return read_number(shape, f, j, at, err);
        case F_BOOL:
                if (!json_is_boolean(j))
                        return wrong_type(shape, f->key, j, "true or false", err);
                *(bool *) at = json_is_true(j);
                return 0;
        default:
                return read_container(shape, f, j, at, err);
        }
}

int shape_read(const struct shape *shape, const json_t *json, void *out, struct error *err) {
        memset(out, 0, shape->size);
        if (!json_is_object(json))
                return error_set(err, ERR_PROTOCOL, "the API gave %s for a %s", json ? type_name(json) : "nothing", shape->name);
        for (size_t i = 0; i < shape->n; i++) {
                int r = read_field(shape, &shape->fields[i], json, out, err);
                if (r < 0) {
                        shape_done(shape, out);
                        return r;
                }
        }
        return 0;
}

int shape_read_new(const struct shape *shape, const json_t *json, void **ret, struct error *err) {
        void *object = xcalloc(1, shape->size);
        int r = shape_read(shape, json, object, err);
        if (r < 0) {
                free(object);
                return r;
        }
        *ret = object;
        return 0;
}

int shape_read_list(const struct shape *shape, const json_t *array, struct raw_list **ret, struct error *err) {
        if (!json_is_array(array))
                return error_set(err, ERR_PROTOCOL, "the API gave %s where a list of %ss is expected",
                                 array ? type_name(array) : "nothing", shape->name);
        struct raw_list *list = xnew0(struct raw_list);
        int r = read_items(shape, array, list, err);
        if (r < 0) {
                shape_list_free(shape, list);
                return r;
        }
        *ret = list;
        return 0;
}

static void done_items(const struct shape *shape, struct raw_list *list) {
        for (size_t i = 0; i < list->n; i++)
                shape_done(shape, (char *) list->items + i * shape->size);
        free(list->items);
}

static void done_field(const struct field *f, void *at) {
        switch (f->kind) {
        case F_STR: free(*(char **) at); break;
        case F_SECRET: secret_free(*(char **) at); break;
        case F_LABELS: hcloud_labels_done(at); break;
        case F_STRINGS: hcloud_strings_done(at); break;
        case F_IDS: hcloud_ids_done(at); break;
        case F_LIST: done_items(f->shape, at); break;
        case F_OBJECT: shape_done(f->shape, at); break;
        case F_POINTER: shape_free(f->shape, *(void **) at); break;
        default: break;
        }
}

void shape_done(const struct shape *shape, void *object) {
        for (size_t i = 0; i < shape->n; i++)
                done_field(&shape->fields[i], (char *) object + shape->fields[i].offset);
        memset(object, 0, shape->size);
}

void shape_free(const struct shape *shape, void *object) {
        if (!object)
                return;
        shape_done(shape, object);
        free(object);
}

void shape_list_free(const struct shape *shape, void *list) {
        if (!list)
                return;
        done_items(shape, list);
        free(list);
}

void shape_list_join(const struct shape *shape, struct raw_list *list, struct raw_list *more) {
        if (more->n > 0) {
                list->items = xrealloc(list->items, list->n + more->n, shape->size);
                memcpy((char *) list->items + list->n * shape->size, more->items, more->n * shape->size);
                list->n += more->n;
        }
        free(more->items);
        free(more);
}
