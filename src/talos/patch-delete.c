/* `$patch: delete` (talos: configloader/internal/decoder/{delete,selector}.go). */
#include "talos/patch-merge.h"

void patch_deletes_done(struct patch_deletes *d) {
        for (size_t i = 0; i < d->n; i++) {
                strv_done(&d->items[i].path);
                free(d->items[i].key);
                yaml_free(d->items[i].value);
        }
        free(d->items);
        *d = (struct patch_deletes) { 0 };
}

int patch_is_delete(const struct yaml_node *n, const char *name, bool *ret_delete, struct error *err) {
        const struct yaml_node *v = n->type == YAML_MAP ? yaml_get(n, "$patch") : NULL;

        if (v && !str_eq(yaml_str(v), "delete"))
                return schema_error(err, name, v->line, v->column, "the only value of $patch is 'delete'");
        *ret_delete = v != NULL;
        return 0;
}

static struct patch_delete *add(struct patch_deletes *d, const struct strv *path, const struct yaml_node *at) {
        struct patch_delete one = { .line = at->line, .column = at->column };

        strv_copy(&one.path, path);
        ARRAY_APPEND(d->items, d->n, one);
        return &d->items[d->n - 1];
}

/* The first key besides $patch says which elements go. */
static int add_element(struct patch_deletes *d, const struct strv *path, const struct yaml_node *element, const char *name,
                       struct error *err) {
        for (size_t i = 0; i < element->n; i++) {
                const struct yaml_pair *p = &element->pairs[i];
                if (str_eq(p->key, "$patch"))
                        continue;
                struct patch_delete *one = add(d, path, element);
                one->key = xstrdup(p->key);
                one->value = yaml_copy(p->value);
                return 0;
        }
        return schema_error(err, name, element->line, element->column,
                            "$patch: delete in a list needs a key that says which element goes");
}

static void drop_item(struct yaml_node *list, size_t i) {
        yaml_free(list->items[i]);
        memmove(&list->items[i], &list->items[i + 1], (list->n - i - 1) * sizeof *list->items);
        list->n--;
}

struct walk {
        const char *name;
        struct strv path;
        bool in_list;                /* some list lies above */
        struct patch_deletes *found;
};

static int walk(struct walk *w, struct yaml_node *n, bool *ret_emptied, struct error *err);

static void pop(struct strv *path) {
        free(path->items[--path->n]);
}

static int walk_pair(struct walk *w, struct yaml_pair *p, bool *ret_drop, struct error *err) {
        bool gone = false;
        int r = 0;

        strv_add(&w->path, p->key);
        if (patch_is_delete(p->value, w->name, &gone, err) < 0)
                r = -1;
        else if (!gone)
                r = walk(w, p->value, &gone, err);
        else if (w->in_list)
                r = schema_error(err, w->name, p->line, p->column,
                                 "$patch: delete cannot remove a key inside an element of a list");
        else
                add(w->found, &w->path, p->value);
        pop(&w->path);
        *ret_drop = gone;
        return r;
}

static int walk_map(struct walk *w, struct yaml_node *n, bool *ret_emptied, struct error *err) {
        for (size_t i = 0; i < n->n;) {
                bool drop = false;
                if (walk_pair(w, &n->pairs[i], &drop, err) < 0)
                        return -1;
                if (!drop) {
                        i++;
                        continue;
                }
                _cleanup_str_ char *key = xstrdup(n->pairs[i].key);
                yaml_unset(n, key);
                *ret_emptied = n->n == 0;
        }
        return 0;
}

static int walk_list(struct walk *w, struct yaml_node *n, bool *ret_emptied, struct error *err) {
        bool outer = w->in_list;

        for (size_t i = 0; i < n->n;) {
                bool gone = false;
                if (patch_is_delete(n->items[i], w->name, &gone, err) < 0)
                        return -1;
                if (gone && outer)
                        return schema_error(err, w->name, n->items[i]->line, n->items[i]->column,
                                            "$patch: delete cannot remove an element of a list inside a list");
                if (gone && add_element(w->found, &w->path, n->items[i], w->name, err) < 0)
                        return -1;
                w->in_list = true;
                if (!gone && walk(w, n->items[i], &gone, err) < 0)
                        return -1;
                w->in_list = outer;
                if (!gone) {
                        i++;
                        continue;
                }
                drop_item(n, i);
                *ret_emptied = n->n == 0;
        }
        return 0;
}

static int walk(struct walk *w, struct yaml_node *n, bool *ret_emptied, struct error *err) {
        *ret_emptied = false;
        if (n->type == YAML_MAP)
                return walk_map(w, n, ret_emptied, err);
        return n->type == YAML_SEQ ? walk_list(w, n, ret_emptied, err) : 0;
}

int patch_collect_deletes(struct yaml_node *n, const char *name, struct patch_deletes *ret_deletes, struct error *err) {
        struct patch_deletes found = { 0 };
        struct walk w = { .name = name, .found = &found };
        bool emptied;

        int r = walk(&w, n, &emptied, err);
        strv_done(&w.path);
        if (r < 0) {
                patch_deletes_done(&found);
                return r;
        }
        *ret_deletes = found;
        return 0;
}

static int not_there(const struct patch_delete *d, const char *name, struct error *err) {
        _cleanup_str_ char *path = strv_join(&d->path, ".");

        if (d->key)
                return schema_error(err, name, d->line, d->column, "cannot delete from '%s': no element has '%s: %s'", path,
                                    d->key,
                                    yaml_str(d->value) ? yaml_str(d->value) : "");
        return schema_error(err, name, d->line, d->column, "cannot delete '%s': it is not there", path);
}

static bool same_text(const struct yaml_node *a, const struct yaml_node *b) {
        return a && yaml_str(a) && yaml_str(b) && str_eq(yaml_str(a), yaml_str(b));
}

/* Only the first one goes, and only elements of a known type are looked at, by a key that is a text (talos: deleteStructFrom()). */
static bool delete_element(const struct schema *s, struct yaml_node *list, const struct patch_delete *d) {
        const struct schema_field *f = s && s->kind == SCHEMA_LIST && s->item->kind == SCHEMA_STRUCT ? schema_field_find(s->item, d->key) : NULL;

        if (!list || list->type != YAML_SEQ || !f || f->type->kind != SCHEMA_TEXT)
                return false;
        for (size_t i = 0; i < list->n; i++)
                if (same_text(yaml_get(list->items[i], d->key), d->value)) {
                        drop_item(list, i);
                        return true;
                }
        return false;
}

int patch_delete(const struct schema *s, struct yaml_node *document, const struct patch_delete *d, const char *name,
                 struct error *err) {
        struct yaml_node *at = document;
        const char *last = d->path.items[d->path.n - 1];
        unsigned flags;

        for (size_t i = 0; i + 1 < d->path.n; i++) {
                at = yaml_get(at, d->path.items[i]);
                s = s ? schema_at(s, d->path.items[i], &flags) : NULL;
                if (at ? at->type != YAML_MAP : !s || !(flags & SCHEMA_BY_VALUE))
                        return not_there(d, name, err);
        }
        if (d->key)
                return delete_element(s ? schema_at(s, last, &flags) : NULL, yaml_get(at, last), d) ? 0 : not_there(d, name, err);
        if (at && yaml_unset(at, last))
                return 0;
        /* Talos clears a field of a type even when it was never set; only in free maps the key must be there. */
        if (s && s->kind == SCHEMA_STRUCT && schema_field_find(s, last))
                return 0;
        return not_there(d, name, err);
}
