/* The subset of Go templates that the simulated Helm understands; helm.h says which. */
#include "sim/kube/helm.h"

#include <ctype.h>

#include "base/json.h"

void helm_merge_values(json_t *dst, const json_t *src) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) src, key, value) {
                json_t *there = json_object_get(dst, key);
                if (json_is_null(value))
                        json_object_del(dst, key);
                else if (json_is_object(there) && json_is_object(value))
                        helm_merge_values(there, value);
                else
                        json_object_set_new(dst, key, json_deep_copy(value));
        }
}

struct renderer { const char *file; const struct helm_scope *scope; struct strbuf out; unsigned skipping; bool hidden[32]; size_t depth; struct error *err; };

/* The value behind ".Values.a.b" or a built-in object; false when the expression is not one of those. */
static bool look_up(const struct helm_scope *s, const char *name, const json_t **ret_value, const char **ret_text) {
        const struct { const char *name, *text; } built_in[] = {
                { ".Release.Name", s->release }, { ".Release.Namespace", s->name_space }, { ".Chart.Name",
                                                                                          s->chart }, { ".Chart.Version",
                                                                                          s->version },
                { ".Chart.AppVersion", s->app_version }, { ".Release.Service", "Helm" },
        };
        *ret_value = NULL;
        *ret_text = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(built_in); i++)
                if (str_eq(name, built_in[i].name)) {
                        *ret_text = built_in[i].text ? built_in[i].text : "";
                        return true;
                }
        if (!str_starts(name, ".Values.") || !name[strlen(".Values.")])
                return false;
        for (const char *p = name; *p; p++)
                if (!isalnum((unsigned char) *p) && *p != '.' && *p != '_')
                        return false;
        *ret_value = jget(s->values, name + strlen(".Values."));
        return true;
}

static char *value_text(const json_t *v) {
        if (!v || json_is_null(v))
                return xstrdup("");
        if (json_is_string(v))
                return xstrdup(json_string_value(v));
        if (json_is_real(v))
                return xasprintf("%g", json_real_value(v));
        return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
}

static bool truthy(const json_t *v, const char *text) {
        if (text)
                return *text != '\0';
        if (!v || json_is_null(v) || json_is_false(v))
                return false;
        if (json_is_string(v))
                return json_string_length(v) > 0;
        if (json_is_number(v))
                return json_number_value(v) != 0;
        return json_is_true(v) || json_array_size(v) > 0 || json_object_size(v) > 0;
}

static int unknown(struct renderer *r, const char *expression) {
        return error_set(r->err, ERR_INVALID, "template %s: the simulated Helm does not know {{ %s }}", r->file, expression);
}

static int conditional(struct renderer *r, const char *expression) {
        if (str_eq(expression, "end")) {
                if (r->depth == 0)
                        return error_set(r->err, ERR_INVALID, "template %s: unexpected {{end}}", r->file);
                r->skipping -= r->hidden[--r->depth];
                return 0;
        }
        const json_t *value;
        const char *text, *name = expression + strlen("if ");
        while (isspace((unsigned char) *name))
                name++;
        if (r->depth == ARRAY_SIZE(r->hidden) || !look_up(r->scope, name, &value, &text))
                return unknown(r, expression);
        r->hidden[r->depth] = !truthy(value, text);
        r->skipping += r->hidden[r->depth++];
        return 0;
}

static int substitute(struct renderer *r, const char *expression) {
        _cleanup_strv_ struct strv parts = { 0 };
        const json_t *value;
        const char *builtin;
        strv_split(&parts, expression, '|');
        for (size_t i = 0; i < parts.n; i++) {           /* cut blanks */
                char *s = parts.items[i], *start = s;
                while (isspace((unsigned char) *start))
                        start++;
                memmove(s, start, strlen(start) + 1);
                for (size_t n = strlen(s); n > 0 && isspace((unsigned char) s[n - 1]); n--)
                        s[n - 1] = '\0';
        }
        if (!look_up(r->scope, parts.items[0], &value, &builtin))
                return unknown(r, expression);
        _cleanup_str_ char *text = builtin ? xstrdup(builtin) : value_text(value);
        for (size_t i = 1; i < parts.n; i++) {
                if (str_eq(parts.items[i], "quote")) {
                        _cleanup_json_ json_t *quoted = json_string(text);
                        free(text);
                        text = json_dumps(quoted, JSON_ENCODE_ANY);
                } else if (!str_eq(parts.items[i], "toString")) {
                        return unknown(r, expression);
                }
        }
        if (!r->skipping)
                strbuf_adds(&r->out, text);
        return 0;
}

static void trim_end(struct strbuf *b) {
        while (b->len > 0 && isspace((unsigned char) b->data[b->len - 1]))
                b->data[--b->len] = '\0';
}

/* One "{{ … }}" from p; *ret_next is behind it. */
static int action(struct renderer *r, const char *p, const char **ret_next) {
        const char *end = strstr(p, "}}");
        if (!end)
                return error_set(r->err, ERR_INVALID, "template %s: unclosed action", r->file);
        bool trim_before = p[2] == '-' && isspace((unsigned char) p[3]), trim_after = end[-1] == '-' && end > p + 3;
        _cleanup_str_ char *inner = xstrndup(p + 2 + trim_before, (size_t) (end - p) - 2 - trim_before - trim_after);
        char *expression = inner;
        while (isspace((unsigned char) *expression))
                expression++;
        for (size_t n = strlen(expression); n > 0 && isspace((unsigned char) expression[n - 1]); n--)
                expression[n - 1] = '\0';
        if (trim_before && !r->skipping)
                trim_end(&r->out);
        *ret_next = end + 2;
        if (trim_after)
                while (isspace((unsigned char) **ret_next))
                        (*ret_next)++;
        if (str_starts(expression, "/*"))
                return 0;
        if (str_starts(expression, "if ") || str_eq(expression, "end"))
                return conditional(r, expression);
        return substitute(r, expression);
}

int helm_render(const char *file, const char *text, const struct helm_scope *scope, char **ret, struct error *err) {
        struct renderer r = { .file = file, .scope = scope, .err = err };
        const char *p = text;
        int failed = 0;
        for (const char *open; !failed && (open = strstr(p, "{{"));) {
                if (!r.skipping)
                        strbuf_add(&r.out, p, (size_t) (open - p));
                failed = action(&r, open, &p);
        }
        if (!failed && r.depth > 0)
                failed = error_set(err, ERR_INVALID, "template %s: {{if}} without {{end}}", file);
        if (!failed) {
                strbuf_adds(&r.out, p);
                *ret = strbuf_take(&r.out);
        }
        strbuf_done(&r.out);
        return failed ? -1 : 0;
}
