#include "openapi.h"

#include "base/json.h"

/* ---- finding the operation ---- */

static bool fits(const char *template, const char *path, size_t n, unsigned *ret_variables) {
        const char *end = path + n;
        *ret_variables = 0;
        while (*template && path < end) {
                if (*template == '{') {
                        template = strchr(template, '}') + 1;
                        path = memchr(path, '/', (size_t) (end - path)) ? memchr(path, '/', (size_t) (end - path)) : end;
                        ++*ret_variables;
                } else if (*template++ != *path++) {
                        return false;
                }
        }
        return !*template && path == end;
}

const json_t *openapi_operation(const json_t *spec, const char *line) {
        const char *path = strchr(line, ' ') + 1, *template;
        size_t n = strcspn(path, "?");
        char method[8] = "";
        unsigned fewest = 99, variables;
        const json_t *best = NULL, *item;
        for (size_t i = 0; line[i] != ' ' && i < 7; i++)
                method[i] = (char) (line[i] | 0x20);
        json_object_foreach((json_t *) jget(spec, "paths"), template, item) {
                if (!json_object_get(item, method) || !fits(template, path, n, &variables) || variables >= fewest)
                        continue;
                fewest = variables;
                best = json_object_get(item, method);
        }
        return best;
}

/* ---- judging ---- */

static void judge(const json_t *schema, const json_t *value, const char *where, struct strbuf *complaints);

static bool is_type(const char *type, const json_t *v) {
        return (!strcmp(type, "object") && json_is_object(v)) || (!strcmp(type, "array") && json_is_array(v)) ||
               (!strcmp(type, "string") && json_is_string(v)) || (!strcmp(type, "integer") && json_is_integer(v)) ||
               (!strcmp(type, "number") && json_is_number(v)) || (!strcmp(type, "boolean") && json_is_boolean(v)) ||
               (!strcmp(type, "null") && json_is_null(v));
}

static bool type_allows(const json_t *types, const json_t *v, const char *where) {
        size_t i;
        const json_t *type;
        if (json_is_string(types)) {
                /* The description says string for these; every official client sends ids, which are numbers. */
                bool id_as_number = json_is_integer(v) &&
                                    (str_ends(where, ".image") || strstr(where, ".ssh_keys") || str_ends(where, ".server_type"));
                return id_as_number || is_type(json_string_value(types), v);
        }
        json_array_foreach((json_t *) types, i, type)
                if (is_type(json_string_value(type), v))
                        return true;
        return !types;
}

/* The property's schema wherever it stands: here, or in a part of allOf. */
static const json_t *property(const json_t *schema, const char *key) {
        size_t i;
        const json_t *part, *found = json_object_get(json_object_get(schema, "properties"), key);
        json_array_foreach(json_object_get(schema, "allOf"), i, part)
                found = found ? found : property(part, key);
        return found;
}

static bool has_properties(const json_t *schema) {
        size_t i;
        const json_t *part;
        bool has = json_object_get(schema, "properties") != NULL;
        json_array_foreach(json_object_get(schema, "allOf"), i, part)
                has = has || has_properties(part);
        return has;
}

static void judge_required(const json_t *schema, const json_t *value, const char *where, struct strbuf *complaints) {
        size_t i;
        const json_t *name, *part;
        json_array_foreach(json_object_get(schema, "required"), i, name)
                if (!json_object_get(value, json_string_value(name)))
                        strbuf_addf(complaints, "\n  %s.%s is missing", where, json_string_value(name));
        json_array_foreach(json_object_get(schema, "allOf"), i, part)
                judge_required(part, value, where, complaints);
}

static void judge_object(const json_t *schema, const json_t *value, const char *where, struct strbuf *complaints) {
        const char *key;
        const json_t *v;
        judge_required(schema, value, where, complaints);
        json_object_foreach((json_t *) value, key, v) {
                const json_t *of = property(schema, key);
                char *inner = xasprintf("%s.%s", where, key);
                if (of)
                        judge(of, v, inner, complaints);
                else if (has_properties(schema))
                        strbuf_addf(complaints, "\n  %s is not described", inner);
                free(inner);
        }
}

/* Does one of the alternatives accept it? */
static void judge_one_of(const json_t *alternatives, const json_t *value, const char *where, struct strbuf *complaints) {
        size_t i;
        const json_t *schema;
        json_array_foreach((json_t *) alternatives, i, schema) {
                _cleanup_strbuf_ struct strbuf inner = STRBUF_INIT;
                judge(schema, value, where, &inner);
                if (inner.len == 0)
                        return;
                if (i + 1 == json_array_size(alternatives))
                        strbuf_addf(complaints, "\n  %s fits no alternative; the last one:%s", where, strbuf_str(&inner));
        }
}

static void judge(const json_t *schema, const json_t *value, const char *where, struct strbuf *complaints) {
        size_t i;
        const json_t *allowed, *item;
        const json_t *alternatives = json_object_get(schema, "oneOf") ? json_object_get(schema, "oneOf")
                                                                      : json_object_get(schema, "anyOf");
        const json_t *values = json_object_get(schema, "enum");
        bool listed = !values;
        if (alternatives)
                judge_one_of(alternatives, value, where, complaints);
        if (!type_allows(json_object_get(schema, "type"), value, where))
                strbuf_addf(complaints, "\n  %s has the wrong type", where);
        json_array_foreach((json_t *) values, i, allowed)
                listed = listed || json_equal(allowed, value);
        if (!listed)
                strbuf_addf(complaints, "\n  %s has a value that is not listed", where);
        if (json_is_object(value) && !alternatives)
                judge_object(schema, value, where, complaints);
        json_array_foreach((json_t *) value, i, item)
                judge(json_object_get(schema, "items"), item, where, complaints);
}

static void judge_query(const json_t *operation, const char *query, struct strbuf *complaints) {
        char *copy = xstrdup(query), *save = NULL;
        for (char *pair = strtok_r(copy, "&", &save); pair; pair = strtok_r(NULL, "&", &save)) {
                size_t i;
                const json_t *parameter;
                bool known = false;
                pair[strcspn(pair, "=")] = '\0';
                json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
                        known = known ||
                                (str_eq(jget_text(parameter, "in"), "query") && str_eq(jget_text(parameter, "name"), pair));
                if (!known)
                        strbuf_addf(complaints, "\n  query parameter %s is not described", pair);
        }
        free(copy);
}

/* Of a request or response. Not by jget(): the key has a slash and dots would split it. */
static const json_t *json_schema(const json_t *holder) {
        return json_object_get(json_object_get(json_object_get(holder, "content"), "application/json"), "schema");
}

void openapi_judge(const json_t *operation, const char *line, const char *body, struct strbuf *complaints) {
        const char *query = strchr(line, '?');
        const json_t *schema = json_schema(json_object_get(operation, "requestBody"));
        if (query)
                judge_query(operation, query + 1, complaints);
        if (str_empty(body)) {
                if (json_is_true(json_object_get(json_object_get(operation, "requestBody"), "required")))
                        strbuf_adds(complaints, "\n  the body is missing");
                return;
        }
        _cleanup_json_ json_t *value = json_loads(body, 0, NULL);
        if (!schema || !value)
                strbuf_adds(complaints, "\n  a body is not described, or is no JSON");
        else
                judge(schema, value, "body", complaints);
}

/* ---- making answers ---- */

static json_t *example(const json_t *schema, const char *key) {
        const json_t *given = json_object_get(schema, "example"), *part;
        const json_t *alternatives = json_object_get(schema, "oneOf") ? json_object_get(schema, "oneOf")
                                                                      : json_object_get(schema, "anyOf");
        const char *name;
        size_t i;
        if (str_eq(key, "next_page"))
                return json_null();     /* the example would page for ever */
        if (given)
                return json_deep_copy(given);
        if (alternatives)
                return example(json_array_get(alternatives, 0), key);
        if (has_properties(schema)) {
                json_t *object = json_object();
                json_object_foreach(json_object_get(schema, "properties"), name, part)
                        json_object_set_new(object, name, example(part, name));
                json_array_foreach(json_object_get(schema, "allOf"), i, part) {
                        _cleanup_json_ json_t *more = example(part, NULL);
                        json_object_update(object, more);
                }
                return object;
        }
        if (json_object_get(schema, "items"))
                return json_pack("[o]", example(json_object_get(schema, "items"), NULL));
        if (json_object_get(schema, "enum"))
                return json_incref(json_array_get(json_object_get(schema, "enum"), 0));
        if (json_array_size(json_object_get(schema, "allOf")) > 0)
                return example(json_array_get(json_object_get(schema, "allOf"), 0), key);
        const char *type = json_string_value(json_object_get(schema, "type"));
        return str_eq(type, "integer")   ? json_integer(1)
               : str_eq(type, "string")  ? json_string("text")
               : str_eq(type, "boolean") ? json_true()
               : str_eq(type, "number")  ? json_real(1.5)
               : str_eq(type, "array")   ? json_array()
               : str_eq(type, "object")  ? json_object()
                                         : json_null();
}

json_t *openapi_answer(const json_t *operation, int *ret_status) {
        static const char *const statuses[] = { "200", "201", "204" };
        for (size_t i = 0; i < 3; i++) {
                const json_t *response = json_object_get(json_object_get(operation, "responses"), statuses[i]);
                if (!response)
                        continue;
                *ret_status = atoi(statuses[i]);
                return json_schema(response) ? example(json_schema(response), NULL) : NULL;
        }
        *ret_status = 599;
        return NULL;
}
