/* The tree itself: making, finding, changing, comparing. Reading is in yaml-read.c, writing in yaml-write.c. */
#include "base/yaml.h"

#include <math.h>

#include "base/yaml-internal.h"

void yaml_free(struct yaml_node *n) {
        if (!n)
                return;
        for (size_t i = 0; i < n->n; i++)
                if (n->type == YAML_MAP) {
                        free(n->pairs[i].key);
                        yaml_free(n->pairs[i].value);
                } else
                        yaml_free(n->items[i]);
        free(n->pairs);
        free(n->items);
        free(n->text);
        free(n);
}

void yaml_docs_done(struct yaml_docs *d) {
        for (size_t i = 0; i < d->n; i++)
                yaml_free(d->items[i]);
        free(d->items);
        *d = (struct yaml_docs) { 0 };
}

static struct yaml_node *new_node(enum yaml_type type) {
        struct yaml_node *n = xnew0(struct yaml_node);
        n->type = type;
        return n;
}

struct yaml_node *yaml_new_map(void) {
        return new_node(YAML_MAP);
}

struct yaml_node *yaml_new_seq(void) {
        return new_node(YAML_SEQ);
}

struct yaml_node *yaml_new_scalar(enum yaml_type type, char *text) {
        struct yaml_node *n = new_node(type);
        n->text = text;
        return n;
}

struct yaml_node *yaml_new_str(const char *s) {
        return yaml_new_scalar(YAML_STR, xstrdup(s ? s : ""));
}

struct yaml_node *yaml_new_strf(const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        return yaml_new_scalar(YAML_STR, strbuf_take(&b));
}

struct yaml_node *yaml_new_int(int64_t v) {
        struct yaml_node *n = yaml_new_scalar(YAML_INT, xasprintf("%lld", (long long) v));
        n->integer = v;
        n->number = (double) v;
        return n;
}

struct yaml_node *yaml_new_bool(bool v) {
        struct yaml_node *n = yaml_new_scalar(YAML_BOOL, xstrdup(v ? "true" : "false"));
        n->boolean = v;
        return n;
}

struct yaml_node *yaml_new_null(void) {
        return yaml_new_scalar(YAML_NULL, xstrdup("null"));
}

struct yaml_node *yaml_copy(const struct yaml_node *n) {
        if (!n)
                return NULL;
        struct yaml_node *copy = xmemdup(n, sizeof(*n));
        copy->text = xstrdup(n->text);
        copy->pairs = NULL;
        copy->items = NULL;
        copy->n = 0;
        for (size_t i = 0; i < n->n; i++)
                if (n->type == YAML_MAP) {
                        struct yaml_pair pair = n->pairs[i];
                        pair.key = xstrdup(pair.key);
                        pair.value = yaml_copy(pair.value);
                        ARRAY_APPEND(copy->pairs, copy->n, pair);
                } else
                        yaml_append(copy, yaml_copy(n->items[i]));
        return copy;
}

void yaml_overlay(struct yaml_node *base, const struct yaml_node *over) {
        for (size_t i = 0; over && over->type == YAML_MAP && i < over->n; i++) {
                const struct yaml_pair *p = &over->pairs[i];
                struct yaml_node *have = yaml_get(base, p->key);
                if (have && have->type == YAML_MAP && p->value->type == YAML_MAP)
                        yaml_overlay(have, p->value);
                else
                        yaml_set(base, p->key, yaml_copy(p->value));
        }
}

static bool equal_maps(const struct yaml_node *a, const struct yaml_node *b) {
        for (size_t i = 0; i < a->n; i++)
                if (!yaml_equal(a->pairs[i].value, yaml_get(b, a->pairs[i].key)))
                        return false;
        return true;
}

static bool equal_seqs(const struct yaml_node *a, const struct yaml_node *b) {
        for (size_t i = 0; i < a->n; i++)
                if (!yaml_equal(a->items[i], b->items[i]))
                        return false;
        return true;
}

bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b) {
        if (!a || !b)
                return a == b;
        if (a->type != b->type || a->n != b->n)
                return false;
        switch (a->type) {
        case YAML_NULL:
                return true;
        case YAML_BOOL:
                return a->boolean == b->boolean;
        case YAML_INT:
                return a->integer == b->integer;
        case YAML_FLOAT:
                return a->number == b->number || (isnan(a->number) && isnan(b->number));
        case YAML_STR:
                return str_eq(a->text, b->text);
        case YAML_MAP:
                return equal_maps(a, b);
        case YAML_SEQ:
                return equal_seqs(a, b);
        }
        return false;
}

static struct yaml_pair *find(const struct yaml_node *n, const char *key) {
        if (!n || n->type != YAML_MAP)
                return NULL;
        for (size_t i = 0; i < n->n; i++)
                if (strcmp(n->pairs[i].key, key) == 0)
                        return &n->pairs[i];
        return NULL;
}

const struct yaml_pair *yaml_pair(const struct yaml_node *n, const char *key) {
        return find(n, key);
}

struct yaml_node *yaml_get(const struct yaml_node *n, const char *key) {
        const struct yaml_pair *pair = find(n, key);
        return pair ? pair->value : NULL;
}

struct yaml_node *yaml_path(const struct yaml_node *n, const char *dotted) {
        struct yaml_node *at = (struct yaml_node *) n;
        while (at && *dotted) {
                size_t length = strcspn(dotted, ".");
                _cleanup_str_ char *key = xstrndup(dotted, length);
                at = yaml_get(at, key);
                dotted += length + (dotted[length] == '.');
        }
        return at;
}

void yaml_set(struct yaml_node *map, const char *key, struct yaml_node *value) {
        struct yaml_pair *pair = find(map, key);
        if (pair) {
                if (pair->value != value)
                        yaml_free(pair->value);
                pair->value = value;
                return;
        }
        struct yaml_pair added = { .key = xstrdup(key), .value = value };
        ARRAY_APPEND(map->pairs, map->n, added);
}

void yaml_set_str(struct yaml_node *map, const char *key, const char *value) {
        yaml_set(map, key, yaml_new_str(value));
}

void yaml_set_bool(struct yaml_node *map, const char *key, bool value) {
        yaml_set(map, key, yaml_new_bool(value));
}

void yaml_set_int(struct yaml_node *map, const char *key, int64_t value) {
        yaml_set(map, key, yaml_new_int(value));
}

bool yaml_unset(struct yaml_node *map, const char *key) {
        struct yaml_pair *pair = find(map, key);
        if (!pair)
                return false;
        free(pair->key);
        yaml_free(pair->value);
        size_t i = (size_t) (pair - map->pairs);
        memmove(pair, pair + 1, (map->n - i - 1) * sizeof(*pair));
        map->n--;
        return true;
}

static struct yaml_node *set_collection(struct yaml_node *map, const char *key, enum yaml_type type) {
        struct yaml_node *n = yaml_get(map, key);
        if (!n || n->type != type) {
                n = new_node(type);
                yaml_set(map, key, n);
        }
        return n;
}

struct yaml_node *yaml_set_map(struct yaml_node *map, const char *key) {
        return set_collection(map, key, YAML_MAP);
}

struct yaml_node *yaml_set_seq(struct yaml_node *map, const char *key) {
        return set_collection(map, key, YAML_SEQ);
}

void yaml_append(struct yaml_node *seq, struct yaml_node *value) {
        ARRAY_APPEND(seq->items, seq->n, value);
}

const char *yaml_str(const struct yaml_node *n) {
        return n && n->type != YAML_NULL ? n->text : NULL;
}
