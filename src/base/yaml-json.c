/* Between the YAML tree and jansson. */
#include <math.h>

#include "base/json.h"
#include "base/yaml-internal.h"

json_t *yaml_to_json(const struct yaml_node *n) {
        if (!n)
                return json_null();
        switch (n->type) {
        case YAML_NULL:
                return json_null();
        case YAML_BOOL:
                return json_boolean(n->boolean);
        case YAML_INT:
                return json_integer(n->integer);
        case YAML_FLOAT:
                /* JSON has no infinity: the text stays */
                return isfinite(n->number) ? json_real(n->number) : json_strf("%s", n->text);
        case YAML_STR:
                return json_strf("%s", n->text);
        case YAML_SEQ: {
                json_t *array = json_array();
                for (size_t i = 0; i < n->n; i++)
                        json_array_append_new(array, yaml_to_json(n->items[i]));
                return array;
        }
        case YAML_MAP: {
                json_t *object = json_object();
                for (size_t i = 0; i < n->n; i++)
                        jset(object, n->pairs[i].key, yaml_to_json(n->pairs[i].value));
                return object;
        }
        }
        return json_null();
}

static struct yaml_node *from_real(const json_t *j) {
        _cleanup_str_ char *text = json_write(j); /* jansson keeps a point or an exponent in it, so it stays a float */
        struct yaml_node *n = yaml_new_scalar(YAML_FLOAT, TAKE(text));
        n->number = json_real_value(j);
        return n;
}

struct yaml_node *yaml_from_json(const json_t *j) {
        if (!j)
                return yaml_new_null();
        switch (json_typeof(j)) {
        case JSON_TRUE:
        case JSON_FALSE:
                return yaml_new_bool(json_is_true(j));
        case JSON_INTEGER:
                return yaml_new_int(json_integer_value(j));
        case JSON_REAL:
                return from_real(j);
        case JSON_STRING:
                return yaml_new_str(json_string_value(j));
        case JSON_ARRAY: {
                struct yaml_node *seq = yaml_new_seq();
                for (size_t i = 0; i < json_array_size(j); i++)
                        yaml_append(seq, yaml_from_json(json_array_get(j, i)));
                return seq;
        }
        case JSON_OBJECT: {
                struct yaml_node *map = yaml_new_map();
                const char *key;
                json_t *value;
                json_object_foreach((json_t *) j, key, value) {
                        struct yaml_pair pair = { .key = xstrdup(key), .value = yaml_from_json(value) };
                        ARRAY_APPEND(map->pairs, map->n, pair); /* no search: an object's keys differ */
                }
                return map;
        }
        case JSON_NULL:
                break;
        }
        return yaml_new_null();
}
