#include "sim/kube/selector.h"

#include <ctype.h>

#include "base/json.h"
#include "base/strbuf.h"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_ABSENT };

struct requirement { char *key; enum op op; struct strv values; };
struct selector { struct requirement *items; size_t n; };

void selector_free(struct selector *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->n; i++) {
                free(s->items[i].key);
                strv_done(&s->items[i].values);
        }
        free(s->items);
        free(s);
}

static const char *skip(const char *p) {
        while (isspace((unsigned char) *p))
                p++;
        return p;
}

/* A key or value: letters, digits, and "-_./". */
static char *word(const char **p) {
        const char *start = *p = skip(*p);
        while (isalnum((unsigned char) **p) || (**p && strchr("-_./", **p)))
                (*p)++;
        char *w = xstrndup(start, (size_t) (*p - start));
        *p = skip(*p);
        return w;
}

static int values_in_parentheses(const char *text, const char **p, struct strv *ret, struct error *err) {
        *p = skip(*p);
        if (**p != '(')
                return error_set(err, ERR_INVALID, "unable to parse requirement: found '%s', expected: '(' in \"%s\"", *p, text);
        do {
                (*p)++;
                strv_take(ret, word(p));
        } while (**p == ',');
        if (**p != ')')
                return error_set(err, ERR_INVALID, "unable to parse requirement: found '%s', expected: ',' or ')' in \"%s\"", *p,
                                 text);
        *p = skip(*p + 1);
        return 0;
}

static int requirement_parse(const char *text, const char **p, struct requirement *r, struct error *err) {
        *p = skip(*p);
        if (**p == '!') {
                (*p)++;
                r->op = OP_ABSENT;
                r->key = word(p);
        } else {
                r->key = word(p);
                if (**p == '=' || (**p == '!' && (*p)[1] == '=')) {
                        r->op = **p == '=' ? OP_IN : OP_NOT_IN;
                        *p += (**p == '!' || (*p)[1] == '=') ? 2 : 1;
                        strv_take(&r->values, word(p));
                } else if (str_starts(*p, "in ") || str_starts(*p, "in(") || str_starts(*p, "notin ") ||
                           str_starts(*p, "notin(")) {
                        r->op = **p == 'i' ? OP_IN : OP_NOT_IN;
                        *p += **p == 'i' ? 2 : 5;
                        if (values_in_parentheses(text, p, &r->values, err) < 0)
                                return -1;
                } else {
                        r->op = OP_EXISTS;
                }
        }
        if (str_empty(r->key) || (**p && **p != ','))
                return error_set(err, ERR_INVALID, "unable to parse requirement: found '%s' in \"%s\"", *p, text);
        return 0;
}

int selector_parse(const char *text, struct selector **ret, struct error *err) {
        if (str_empty(text)) {
                *ret = NULL;
                return 0;
        }
        _cleanup_(selector_freep) struct selector *s = xnew0(struct selector);
        const char *p = text;
        for (;;) {
                struct requirement r = { 0 };
                int failed = requirement_parse(text, &p, &r, err);
                ARRAY_APPEND(s->items, s->n, r);
                if (failed)
                        return -1;
                if (!*p)
                        break;
                p++;
        }
        *ret = TAKE(s);
        return 0;
}

bool selector_matches(const struct selector *s, const json_t *labels) {
        for (size_t i = 0; s && i < s->n; i++) {
                const struct requirement *r = &s->items[i];
                const char *value = json_string_value(json_object_get(labels, r->key));
                bool matched = false;
                switch (r->op) {
                case OP_IN:
                        matched = value && strv_has(&r->values, value);
                        break;
                case OP_NOT_IN:
                        matched = !value || !strv_has(&r->values, value);
                        break;
                case OP_EXISTS:
                        matched = value != NULL;
                        break;
                case OP_ABSENT:
                        matched = value == NULL;
                        break;
                }
                if (!matched)
                        return false;
        }
        return true;
}

static bool array_has(const json_t *array, const char *text) {
        size_t i;
        json_t *each;
        json_array_foreach(array, i, each)
                if (str_eq(json_string_value(each), text))
                        return true;
        return false;
}

bool selector_expression_matches(const json_t *expression, const json_t *labels) {
        const char *key = jget_text(expression, "key"), *op = jget_text(expression, "operator");
        const json_t *values = json_object_get(expression, "values");
        const char *value = key ? json_string_value(json_object_get(labels, key)) : NULL;
        if (str_eq(op, "In"))
                return value && array_has(values, value);
        if (str_eq(op, "NotIn"))
                return !value || !array_has(values, value);
        if (str_eq(op, "Exists"))
                return value != NULL;
        if (str_eq(op, "DoesNotExist"))
                return value == NULL;
        int64_t have, want;
        const char *bound = json_string_value(json_array_get(values, 0));
        if (!value || !bound || !parse_int64(value, INT64_MIN, INT64_MAX, &have) ||
            !parse_int64(bound, INT64_MIN, INT64_MAX, &want))
                return false;
        return str_eq(op, "Gt") ? have > want : str_eq(op, "Lt") ? have < want : false;
}

bool selector_object_matches(const json_t *selector, const json_t *labels) {
        if (!json_is_object(selector))
                return false;
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(selector, "matchLabels"), key, value)
                if (!str_eq(json_string_value(json_object_get(labels, key)), json_string_value(value)))
                        return false;
        size_t i;
        json_array_foreach(json_object_get(selector, "matchExpressions"), i, value)
                if (!selector_expression_matches(value, labels))
                        return false;
        return true;
}

/* Fields with an index (kubernetes: pkg/registry, each kind's ToSelectableFields); metadata.name and .namespace hold for all. */
static bool field_known(const char *kind, const char *path) {
        static const struct { const char *kind, *path; } known[] = {
                { "Pod", "spec.nodeName" }, { "Pod", "spec.restartPolicy" }, { "Pod", "spec.schedulerName" }, { "Pod",
                                                                                          "spec.hostNetwork" },
                { "Pod", "spec.serviceAccountName" }, { "Pod", "status.phase" }, { "Pod", "status.podIP" },
                { "Pod", "status.nominatedNodeName" },
                { "Node", "spec.unschedulable" }, { "Namespace", "status.phase" }, { "Secret", "type" },
                { "CertificateSigningRequest", "spec.signerName" }, { "Job", "status.successful" },
                { "ReplicaSet", "status.replicas" },
                { "Event", "involvedObject.kind" }, { "Event", "involvedObject.namespace" }, { "Event", "involvedObject.name" },
                { "Event", "involvedObject.uid" }, { "Event", "involvedObject.apiVersion" },
                { "Event", "involvedObject.resourceVersion" },
                { "Event", "involvedObject.fieldPath" }, { "Event", "reason" }, { "Event", "reportingComponent" },
                { "Event", "source" },
                { "Event", "type" },
        };
        if (str_eq(path, "metadata.name") || str_eq(path, "metadata.namespace"))
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (str_eq(kind, known[i].kind) && str_eq(path, known[i].path))
                        return true;
        return false;
}

void field_selector_done(struct field_selector *f) {
        for (size_t i = 0; i < f->n; i++) {
                free(f->items[i].path);
                free(f->items[i].value);
        }
        free(f->items);
        *f = (struct field_selector) { 0 };
}

int field_selector_parse(const char *kind, const char *text, struct field_selector *ret, struct error *err) {
        struct field_selector f = { 0 };
        _cleanup_strv_ struct strv parts = { 0 };
        if (!str_empty(text))
                strv_split(&parts, text, ',');
        for (size_t i = 0; i < parts.n; i++) {
                const char *equals = strchr(parts.items[i], '=');
                if (!equals || equals == parts.items[i]) {
                        field_selector_done(&f);
                        return error_set(err, ERR_INVALID, "invalid selector: '%s'; can't understand '%s'", text, parts.items[i]);
                }
                bool negated = equals[-1] == '!';
                _cleanup_str_ char *path = xstrndup(parts.items[i], (size_t) (equals - parts.items[i]) - (negated ? 1 : 0));
                if (!field_known(kind, path)) {
                        field_selector_done(&f);
                        return error_set(err, ERR_INVALID, "field label not supported: %s", path);
                }
                equals += equals[1] == '=' ? 2 : 1;
                __typeof__(*f.items) item = { .path = TAKE(path), .value = xstrdup(equals), .negated = negated };
                ARRAY_APPEND(f.items, f.n, item);
        }
        *ret = f;
        return 0;
}

bool field_selector_matches(const struct field_selector *f, const json_t *object) {
        for (size_t i = 0; i < f->n; i++) {
                const json_t *v = jget(object, f->items[i].path);
                const char *text = json_is_string(v) ? json_string_value(v) : json_is_true(v) ? "true" : json_is_false(v) ? "false" : "";
                if (!v && (str_eq(f->items[i].path, "spec.unschedulable") || str_eq(f->items[i].path, "spec.hostNetwork")))
                        text = "false";
                if (str_eq(text, f->items[i].value) == f->items[i].negated)
                        return false;
        }
        return true;
}
