/* Merging by type, as talos: config/merge does it by reflection. */
#include "talos/patch-merge.h"

static int merge_value(const struct schema *s, unsigned flags, struct yaml_node *left, const struct yaml_node *right,
                       const char *name, struct error *err);

/* A value that replaces nothing: "" and 0, but not false. */
static bool is_zero(const struct yaml_node *n) {
        switch (n->type) {
        case YAML_STR:
                return !*n->text;
        case YAML_INT:
        case YAML_FLOAT:
                return n->number == 0;
        case YAML_NULL:
                return true;
        case YAML_BOOL:
        case YAML_MAP:
        case YAML_SEQ:
                return false;
        }
        return false;
}

/* Makes left a copy of right, in place. */
static void replace(struct yaml_node *left, const struct yaml_node *right) {
        struct yaml_node *copy = yaml_copy(right);
        struct yaml_node old = *left;

        *left = *copy;
        *copy = old;
        yaml_free(copy);
}

static struct yaml_node *find_element(const struct schema *list, const struct yaml_node *left, const struct yaml_node *element) {
        for (const char *const *k = list->keys; *k; k++) {
                const struct yaml_node *wanted = yaml_get(element, *k);
                bool empty = !wanted || is_zero(wanted);
                if (empty && !(list->flags & SCHEMA_EMPTY_KEY))
                        continue;
                for (size_t i = 0; i < left->n; i++) {
                        const struct yaml_node *have = yaml_get(left->items[i], *k);
                        if (empty ? !have || is_zero(have) : have && yaml_equal(have, wanted))
                                return left->items[i];
                }
                break;        /* the first key that is given decides */
        }
        return NULL;
}

static int merge_list(const struct schema *s, struct yaml_node *left, const struct yaml_node *right, const char *name,
                      struct error *err) {
        for (size_t i = 0; i < right->n; i++) {
                struct yaml_node *same = s->keys ? find_element(s, left, right->items[i]) : NULL;
                if (!same)
                        yaml_append(left, yaml_copy(right->items[i]));
                else if (s->flags & SCHEMA_REPLACE_ELEMENT)
                        replace(same, right->items[i]);
                else if (merge_value(s->item, 0, same, right->items[i], name, err) < 0)
                        return -1;
        }
        return 0;
}

/* Talos decodes a mapping for a certificate and its key into two byte strings, both of which then replace. */
static void merge_bytes(const struct schema *s, struct yaml_node *left, const struct yaml_node *right) {
        for (const struct schema_field *f = s->fields; f->name; f++) {
                const struct yaml_node *v = yaml_get(right, f->name);
                yaml_set(left, f->name, v && v->type != YAML_NULL ? yaml_copy(v) : yaml_new_str(""));
        }
}

static const char *shape(const struct yaml_node *n) {
        switch (n->type) {
        case YAML_MAP: return "a mapping";
        case YAML_SEQ: return "a list";
        case YAML_STR: return "text";
        case YAML_BOOL: return "a boolean";
        case YAML_INT:
        case YAML_FLOAT: return "a number";
        case YAML_NULL: break;
        }
        return "null";
}

/* A null says nothing about a field of a known type. In a map it is a value: it stands where nothing stood, and in a free-form map it goes with nothing
 * else (Talos ends in a panic there, which it answers as an error). */
static int merge_null(const struct schema *s, struct yaml_node *left, const struct yaml_pair *p, const struct yaml_node *have, const char *name,
                      struct error *err) {
        if (s->kind != SCHEMA_FREE && s->kind != SCHEMA_MAP)
                return 0;
        if (!have)
                yaml_set(left, p->key, yaml_copy(p->value));
        else if (s->kind == SCHEMA_FREE && have->type != YAML_NULL)
                return schema_error(err, name, p->line, p->column, "null cannot be merged into %s", shape(have));
        return 0;
}

static int merge_map(const struct schema *s, struct yaml_node *left, const struct yaml_node *right, const char *name,
                     struct error *err) {
        if (s->flags & SCHEMA_BYTES_PAIR) {
                merge_bytes(s, left, right);
                return 0;
        }
        for (size_t i = 0; i < right->n; i++) {
                const struct yaml_pair *p = &right->pairs[i];
                struct yaml_node *have = yaml_get(left, p->key);
                unsigned flags;
                const struct schema *type = schema_at(s, p->key, &flags);
                if (p->value->type == YAML_NULL) {
                        if (merge_null(s, left, p, have, name, err) < 0)
                                return -1;
                        continue;
                }
                if (!have || have->type == YAML_NULL)
                        yaml_set(left, p->key, yaml_copy(p->value));
                else if (s->kind == SCHEMA_ARGUMENTS)
                        replace(have, p->value);
                else if (merge_value(type ? type : &schema_free, flags, have, p->value, name, err) < 0)
                        return -1;
        }
        return 0;
}

static int merge_value(const struct schema *s, unsigned flags, struct yaml_node *left, const struct yaml_node *right,
                       const char *name, struct error *err) {
        if (right->type == YAML_NULL)
                return 0;
        if (flags & SCHEMA_REPLACE) {
                if (right->type != YAML_MAP || right->n)      /* an empty mapping says nothing, an empty list does */
                        replace(left, right);
                return 0;
        }
        if (left->type != right->type)
                return schema_error(err, name, right->line, right->column, "%s cannot be merged into %s", shape(right),
                                    shape(left));
        if (right->type == YAML_MAP)
                return merge_map(s, left, right, name, err);
        if (right->type == YAML_SEQ) {
                static const struct schema free_list = { .kind = SCHEMA_LIST, .item = &schema_free };
                return merge_list(s->kind == SCHEMA_LIST ? s : &free_list, left, right, name, err);
        }
        if (!is_zero(right) && !(s->zero && str_eq(right->text, s->zero)))
                replace(left, right);
        return 0;
}

int patch_merge(const struct schema *s, struct yaml_node *left, const struct yaml_node *right, const char *name,
                struct error *err) {
        return merge_value(s, 0, left, right, name, err);
}
