#include "base/json.h"

#include <math.h>

/* The beginning of a body that was no JSON, for a message: printable, short. */
static char *first_bytes(const char *body, size_t len) {
        size_t n = MIN(len, (size_t) 80);
        char *text = xcalloc(n + 1, 1), *p = text;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) body[i] >= 0x20 && (unsigned char) body[i] < 0x7f)
                        *p++ = body[i];
        return text;
}

enum { MAX_CONTAINERS = 1000000, MAX_VALUES = 5000000 };

/* An empty list of two bytes takes a hundred times as much memory: too many are refused before anything is made of them. What counts is what stands
 * outside of strings; a text that is no JSON is left to the parser. */
static bool is_too_many(const char *body, size_t len) {
        size_t containers = 0, values = 0;
        bool in_string = false;
        for (size_t i = 0; i < len; i++)
                if (in_string) {
                        if (body[i] == '\\')
                                i++;
                        else
                                in_string = body[i] != '"';
                } else if (body[i] == '"')
                        in_string = true;
                else if (body[i] == '[' || body[i] == '{')
                        containers++;
                else
                        values += body[i] == ',';
        return containers > MAX_CONTAINERS || containers + values > MAX_VALUES;
}

int json_parse(const char *what, const char *body, size_t len, json_t **ret, struct error *err) {
        json_error_t why;
        if (body && is_too_many(body, len))
                return error_set(err, ERR_PROTOCOL, "%s: JSON of more than %d values or %d objects and lists", what, MAX_VALUES, MAX_CONTAINERS);
        json_t *j = json_loadb(body ? body : "", body ? len : 0, JSON_REJECT_DUPLICATES, &why);
        if (!j) {
                if (len == 0)
                        return error_set(err, ERR_PROTOCOL, "%s: empty instead of JSON", what);
                _cleanup_str_ char *begin = first_bytes(body, len);
                return error_set(err, ERR_PROTOCOL, "%s: no JSON at line %d column %d (%s); it begins with: %s", what, why.line,
                                 why.column, why.text, begin);
        }
        *ret = j;
        return 0;
}

static const char *type_name(const json_t *j) {
        switch (j ? json_typeof(j) : JSON_NULL) {
        case JSON_OBJECT:
                return "an object";
        case JSON_ARRAY:
                return "an array";
        case JSON_STRING:
                return "a string";
        case JSON_INTEGER:
                return "an integer";
        case JSON_REAL:
                return "a number";
        case JSON_TRUE:
        case JSON_FALSE:
                return "a boolean";
        default:
                return "null";
        }
}

static bool wrong_type(const char *key, const char *wanted, const json_t *got, struct error *err) {
        error_set(err, ERR_PROTOCOL, "'%s' is %s, not %s", key, type_name(got), wanted);
        return false;
}

/* False: o is no object. Else *ret is the member, NULL when absent or null. */
static bool member(const json_t *o, const char *key, const json_t **ret, struct error *err) {
        *ret = NULL;
        if (!o || json_is_null(o))
                return true;
        if (!json_is_object(o)) {
                error_set(err, ERR_PROTOCOL, "what should hold '%s' is %s, not an object", key, type_name(o));
                return false;
        }
        const json_t *v = json_object_get(o, key);
        *ret = json_is_null(v) ? NULL : v;
        return true;
}

bool jget_str(const json_t *o, const char *key, char **ret, struct error *err) {
        const json_t *v;
        if (!member(o, key, &v, err))
                return false;
        if (v && !json_is_string(v))
                return wrong_type(key, "a string", v, err);
        *ret = v ? xstrdup(json_string_value(v)) : NULL;
        return true;
}

bool jget_int(const json_t *o, const char *key, int64_t *ret, struct error *err) {
        const json_t *v;
        if (!member(o, key, &v, err))
                return false;
        if (!v)
                return true;
        if (json_is_integer(v)) {
                *ret = json_integer_value(v);
                return true;
        }
        double d = json_is_real(v) ? json_real_value(v) : NAN;
        if (!(fabs(d) < 9007199254740992.0) || d != trunc(d)) /* past 2^53 a double no longer holds every integer */
                return wrong_type(key, "an integer", v, err);
        *ret = (int64_t) d;
        return true;
}

bool jget_real(const json_t *o, const char *key, double *ret, struct error *err) {
        const json_t *v;
        if (!member(o, key, &v, err))
                return false;
        if (v && !json_is_number(v))
                return wrong_type(key, "a number", v, err);
        if (v)
                *ret = json_number_value(v);
        return true;
}

bool jget_bool(const json_t *o, const char *key, bool *ret, struct error *err) {
        const json_t *v;
        if (!member(o, key, &v, err))
                return false;
        if (v && !json_is_boolean(v))
                return wrong_type(key, "a boolean", v, err);
        if (v)
                *ret = json_is_true(v);
        return true;
}

bool jget_kvs(const json_t *o, const char *key, struct kvs *ret, struct error *err) {
        const json_t *v;
        if (!member(o, key, &v, err))
                return false;
        if (v && !json_is_object(v))
                return wrong_type(key, "an object", v, err);
        _cleanup_kvs_ struct kvs m = { 0 };
        const char *name;
        json_t *text;
        json_object_foreach((json_t *) v, name, text) {
                if (!json_is_string(text) && !json_is_null(text)) {
                        _cleanup_str_ char *path = xasprintf("%s.%s", key, name);
                        return wrong_type(path, "a string", text, err);
                }
                kvs_add(&m, name, json_string_value(text)); /* an object's keys differ */
        }
        *ret = m;
        m = (struct kvs) { 0 };
        return true;
}

bool jget_strv(const json_t *o, const char *key, struct strv *ret, struct error *err) {
        const json_t *v;
        if (!member(o, key, &v, err))
                return false;
        if (v && !json_is_array(v))
                return wrong_type(key, "an array", v, err);
        _cleanup_strv_ struct strv list = { 0 };
        for (size_t i = 0; i < json_array_size(v); i++) {
                const json_t *text = json_array_get(v, i);
                if (json_is_null(text))
                        continue;
                if (!json_is_string(text)) {
                        _cleanup_str_ char *path = xasprintf("%s[%zu]", key, i);
                        return wrong_type(path, "a string", text, err);
                }
                strv_add(&list, json_string_value(text));
        }
        *ret = list;
        list = (struct strv) { 0 };
        return true;
}

const json_t *jget(const json_t *o, const char *dotted) {
        while (o && *dotted) {
                size_t n = strcspn(dotted, ".");
                _cleanup_str_ char *part = xstrndup(dotted, n);
                int64_t index;
                if (json_is_array(o))
                        o = parse_int64(part, 0, INT32_MAX, &index) ? json_array_get(o, (size_t) index) : NULL;
                else
                        o = json_object_get(o, part);
                dotted += n + (dotted[n] == '.');
        }
        return json_is_null(o) ? NULL : o;
}

const char *jget_text(const json_t *o, const char *dotted) {
        return json_string_value(jget(o, dotted));
}

/* A JSON string of any bytes: jansson refuses what is no UTF-8, so such bytes become '?' rather than the value vanishing. */
static json_t *text_value(const char *s) {
        json_t *j = json_string(s);
        if (j)
                return j;
        _cleanup_str_ char *copy = xstrdup(s);
        for (char *p = copy; *p; p++)
                if (*p & 0x80)
                        *p = '?';
        return json_string(copy);
}

json_t *json_from_kvs(const struct kvs *m) {
        json_t *o = json_object();
        for (size_t i = 0; m && i < m->n; i++)
                jset_str(o, m->items[i].key, m->items[i].value);
        return o;
}

json_t *json_strf(const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        return text_value(strbuf_str(&b));
}

char *json_write(const json_t *j) {
        char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
        return text ? text : xstrdup("null");
}

void jset(json_t *o, const char *key, json_t *value) {
        if (value)
                json_object_set_new(o, key, value);
}

void jset_str(json_t *o, const char *key, const char *value) {
        if (value)
                jset(o, key, text_value(value));
}
