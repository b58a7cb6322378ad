/* Checking trees against the tables, and bringing them into the form that Talos keeps and writes. */
#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/secret.h"

#include "talos/patch-schema.h"

int schema_error(struct error *err, const char *name, unsigned line, unsigned column, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;

        if (line)
                strbuf_addf(&b, "%s:%u:%u: ", name, line, column);
        else
                strbuf_addf(&b, "%s: ", name);
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        return error_set(err, ERR_PROFILE, "%s", strbuf_str(&b));
}

const struct schema_field *schema_field_find(const struct schema *s, const char *name) {
        for (const struct schema_field *f = s->fields; f && f->name; f++)
                if (str_eq(f->name, name))
                        return f;
        return NULL;
}

const struct schema_document *schema_document_at(size_t i) {
        size_t n = 0;

        for (; schema_documents[n].kind; n++)
                if (n == i)
                        return &schema_documents[n];
        return schema_documents_114[i - n].kind ? &schema_documents_114[i - n] : NULL;
}

const struct schema_document *schema_document_find(const char *kind) {
        const struct schema_document *d;

        for (size_t i = 0; (d = schema_document_at(i)); i++)
                if (str_eq(d->kind, kind))
                        return d;
        return NULL;
}

const struct schema *schema_of_document(const struct yaml_node *document) {
        const char *kind = yaml_str(yaml_get(document, "kind"));
        const struct schema_document *d = kind ? schema_document_find(kind) : NULL;

        if (!kind)
                return &schema_v1alpha1;
        return d && !d->type ? &schema_free : d ? d->type : NULL;
}

const struct schema *schema_at(const struct schema *s, const char *key, unsigned *ret_flags) {
        *ret_flags = 0;
        switch (s->kind) {
        case SCHEMA_STRUCT: {
                const struct schema_field *f = schema_field_find(s, key);
                *ret_flags = f ? f->flags : 0;
                return f ? f->type : NULL;
        }
        case SCHEMA_TEXT_MAP:
                return &schema_text;
        case SCHEMA_MAP:
                return s->item;
        case SCHEMA_FREE:
        case SCHEMA_ARGUMENTS:
                return &schema_free;
        case SCHEMA_TEXT:
        case SCHEMA_NUMBER:
        case SCHEMA_MODE:
        case SCHEMA_BOOLEAN:
        case SCHEMA_LIST:
                break;
        }
        return NULL;
}

static bool is_delete(const struct yaml_node *n) {
        return n->type == YAML_MAP && yaml_get(n, "$patch");
}

static const char *type_name(const struct yaml_node *n) {
        switch (n->type) {
        case YAML_NULL: return "null";
        case YAML_BOOL: return "a boolean";
        case YAML_INT: return "a number";
        case YAML_FLOAT: return "a number with a fraction";
        case YAML_STR: return "text";
        case YAML_MAP: return "a mapping";
        case YAML_SEQ: return "a list";
        }
        return "something";
}

/* Replaces a scalar in place. */
static void become(struct yaml_node *n, struct yaml_node *value) {
        unsigned line = n->line, column = n->column;
        bool quoted = n->quoted, block = n->block;
        char *old = n->text;

        *n = *value;
        n->line = line;
        n->column = column;
        if (n->type == YAML_STR) {
                n->quoted = quoted;
                n->block = block;
        }
        free(old);
        free(value);
}

static int wrong_type(const char *wanted, const struct yaml_node *n, const char *name, struct error *err) {
        return schema_error(err, name, n->line, n->column, "%s where %s should be", type_name(n), wanted);
}

static int check_text(struct yaml_node *n, const char *name, struct error *err) {
        if (n->type == YAML_MAP || n->type == YAML_SEQ)
                return wrong_type("text", n, name, err);
        if (n->type != YAML_STR)
                become(n, yaml_new_str(n->text));
        return 0;
}

/* Go's YAML reads the words of YAML 1.1 as booleans where a boolean is wanted, and only there. */
static int check_boolean(struct yaml_node *n, const char *name, struct error *err) {
        static const char *const yes[] = { "yes", "Yes", "YES", "on", "On", "ON", "y", "Y", NULL };
        static const char *const no[] = { "no", "No", "NO", "off", "Off", "OFF", "n", "N", NULL };

        if (n->type == YAML_BOOL)
                return 0;
        for (size_t i = 0; n->type == YAML_STR && !n->quoted && yes[i]; i++)
                if (str_eq(n->text, yes[i]) || str_eq(n->text, no[i])) {
                        become(n, yaml_new_bool(str_eq(n->text, yes[i])));
                        return 0;
                }
        return wrong_type("true or false", n, name, err);
}

/* Go's YAML lets an underscore stand between digits. */
static int check_number(struct yaml_node *n, const char *name, struct error *err) {
        _cleanup_strbuf_ struct strbuf digits = STRBUF_INIT;

        if (n->type == YAML_INT)
                return 0;
        if (n->type != YAML_STR || n->quoted || strspn(n->text, "0123456789_") != strlen(n->text) || !strchr("123456789", n->text[0]) || strlen(n->text) > 18)
                return wrong_type("a number", n, name, err);
        for (const char *p = n->text; *p; p++)
                if (*p != '_')
                        strbuf_addc(&digits, *p);
        become(n, yaml_new_int(strtoll(strbuf_str(&digits), NULL, 10)));
        return 0;
}

static int check_mode(struct yaml_node *n, const char *name, struct error *err) {
        if (n->type != YAML_INT || n->integer < 0 || n->integer > 07777)
                return schema_error(err, name, n->line, n->column, "permissions must be a number such as 0o644");
        free(n->text);
        n->text = xasprintf("0o%llo", (unsigned long long) n->integer);
        return 0;
}

static int unknown_key(const struct schema *s, const struct yaml_pair *p, const char *name, struct error *err) {
        const char *names[64];
        size_t n = 0;

        for (const struct schema_field *f = s->fields; f->name && n + 1 < ARRAY_SIZE(names); f++)
                names[n++] = f->name;
        names[n] = NULL;
        const char *near = str_nearest(p->key, names);
        return near ? schema_error(err, name, p->line, p->column, "unknown key '%s'; did you mean '%s'?", p->key, near)
                    : schema_error(err, name, p->line, p->column, "unknown key '%s'", p->key);
}

static int check_argument(struct yaml_node *n, const char *name, struct error *err) {
        static const struct schema texts = { .kind = SCHEMA_LIST, .item = &schema_text };

        return n->type == YAML_SEQ ? schema_check(&texts, n, name, err) : check_text(n, name, err);
}

static int check_bytes(struct yaml_node *n, const char *name, struct error *err) {
        uint8_t *bytes;
        size_t len;

        if (check_text(n, name, err) < 0)
                return -1;
        if (base64_decode(n->text, strlen(n->text), false, &bytes, &len, NULL) < 0)
                return schema_error(err, name, n->line, n->column, "this is not base64");
        secret_wipe(bytes, len);
        free(bytes);
        return 0;
}

static int check_map(const struct schema *s, struct yaml_node *n, const char *name, struct error *err) {
        if (n->type != YAML_MAP)
                return wrong_type("a mapping", n, name, err);
        for (size_t i = 0; i < n->n; i++) {
                struct yaml_pair *p = &n->pairs[i];
                unsigned flags;
                const struct schema *type = schema_at(s, p->key, &flags);
                if (!type)
                        return unknown_key(s, p, name, err);
                if ((s->kind == SCHEMA_TEXT_MAP || s->kind == SCHEMA_ARGUMENTS) && p->value->type == YAML_NULL)
                        become(p->value, yaml_new_str(""));
                if (p->value->type == YAML_NULL || is_delete(p->value))
                        continue;
                if (s->flags & SCHEMA_BYTES_PAIR && check_bytes(p->value, name, err) < 0)
                        return -1;
                int r = s->kind == SCHEMA_ARGUMENTS ? check_argument(p->value, name, err)
                : schema_check(type, p->value, name, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_list(const struct schema *s, struct yaml_node *n, const char *name, struct error *err) {
        if (n->type != YAML_SEQ)
                return wrong_type("a list", n, name, err);
        for (size_t i = 0; i < n->n; i++)
                if (!is_delete(n->items[i]) && schema_check(s->item, n->items[i], name, err) < 0)
                        return -1;
        return 0;
}

int schema_check(const struct schema *s, struct yaml_node *n, const char *name, struct error *err) {
        if (n->type == YAML_NULL)
                return 0;
        switch (s->kind) {
        case SCHEMA_FREE:
                return !s->valid || s->valid(n) ? 0 : wrong_type(s->what, n, name, err);
        case SCHEMA_TEXT:
                if (s->valid && !s->valid(n))
                        return schema_error(err, name, n->line, n->column, "'%s' is not %s", n->text ? n->text : type_name(n), s->what);
                return check_text(n, name, err);
        case SCHEMA_NUMBER:
                return s->valid && !s->valid(n) ? wrong_type(s->what, n, name, err) : check_number(n, name, err);
        case SCHEMA_MODE:
                return check_mode(n, name, err);
        case SCHEMA_BOOLEAN:
                return check_boolean(n, name, err);
        case SCHEMA_STRUCT:
        case SCHEMA_TEXT_MAP:
        case SCHEMA_ARGUMENTS:
        case SCHEMA_MAP:
                return check_map(s, n, name, err);
        case SCHEMA_LIST:
                return check_list(s, n, name, err);
        }
        return 0;
}

int schema_check_elements(const struct schema *s, const struct yaml_node *n, const char *name, struct error *err) {
        bool wanted = (s->kind == SCHEMA_LIST || s->kind == SCHEMA_MAP) && s->item->kind == SCHEMA_STRUCT;
        unsigned flags;

        for (size_t i = 0; (n->type == YAML_MAP || n->type == YAML_SEQ) && i < n->n; i++) {
                const struct yaml_node *v = n->type == YAML_MAP ? n->pairs[i].value : n->items[i];
                const struct schema *type = n->type == YAML_SEQ ? s->kind == SCHEMA_LIST ? s->item : NULL : schema_at(s, n->pairs[i].key, &flags);
                if (wanted && v->type == YAML_NULL)
                        return schema_error(err, name, v->line, v->column, "null where an element should be");
                if (type && schema_check_elements(type, v, name, err) < 0)
                        return -1;
        }
        return 0;
}

static int compare_pairs(const void *a, const void *b) {
        return strcmp(((const struct yaml_pair *) a)->key, ((const struct yaml_pair *) b)->key);
}

static struct yaml_node *new_mode(int64_t mode) {
        struct yaml_node *n = yaml_new_int(mode);

        free(n->text);
        n->text = xasprintf("0o%llo", (unsigned long long) mode);
        return n;
}

/* Moves the known keys into the order of the type, unknown ones behind them as they stood. */
static void order_fields(const struct schema *s, struct yaml_node *n) {
        size_t at = 0;

        for (const struct schema_field *f = s->fields; f->name; f++)
                for (size_t i = at; i < n->n; i++) {
                        if (!str_eq(n->pairs[i].key, f->name))
                                continue;
                        struct yaml_pair p = n->pairs[i];
                        memmove(&n->pairs[at + 1], &n->pairs[at], (i - at) * sizeof p);
                        n->pairs[at++] = p;
                        break;
                }
}

static bool left_out_when_empty(const struct schema_field *f) {
        return f->flags & SCHEMA_DROP_EMPTY || f->type->kind == SCHEMA_MAP || f->type->kind == SCHEMA_TEXT_MAP ||
               f->type->kind == SCHEMA_ARGUMENTS;
}

static void order_struct(const struct schema *s, struct yaml_node *n) {
        for (const struct schema_field *f = s->fields; f->name; f++) {
                struct yaml_node *v = yaml_get(n, f->name);
                if (v)
                        schema_order(f->type, v);
                if (v && (v->type == YAML_MAP || (v->type == YAML_SEQ && f->flags & SCHEMA_DROP_EMPTY)) && v->n == 0 && left_out_when_empty(f))
                        yaml_unset(n, f->name);
                if (!v && f->flags & SCHEMA_ALWAYS)
                        yaml_set(n, f->name, new_mode(0));
        }
        order_fields(s, n);
}

void schema_order(const struct schema *s, struct yaml_node *n) {
        if (n->type == YAML_SEQ)
                for (size_t i = 0; i < n->n; i++)
                        schema_order(s->kind == SCHEMA_LIST ? s->item : &schema_free, n->items[i]);
        if (n->type != YAML_MAP)
                return;
        if (s->kind == SCHEMA_STRUCT) {
                order_struct(s, n);
                return;
        }
        if (n->n)
                qsort(n->pairs, n->n, sizeof *n->pairs, compare_pairs);
        for (size_t i = 0; i < n->n; i++) {
                unsigned flags;
                const struct schema *type = schema_at(s, n->pairs[i].key, &flags);
                schema_order(type ? type : &schema_free, n->pairs[i].value);
        }
}
