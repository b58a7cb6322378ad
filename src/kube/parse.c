#include "kube/parse.h"

#include "kube/client.h"

bool parse_time(const json_t *o, const char *key, int64_t *ret, struct error *err) {
        _cleanup_str_ char *text = NULL;
        if (!jget_str(o, key, &text, err))
                return false;
        if (!text || time_parse_rfc3339(text, ret))
                return true;
        error_set(err, ERR_PROTOCOL, "'%s' is no time: %s", key, text);
        return false;
}

bool parse_array(const json_t *o, const char *dotted, const json_t **ret, struct error *err) {
        const json_t *a = jget(o, dotted);
        if (a && !json_is_array(a)) {
                error_set(err, ERR_PROTOCOL, "'%s' is not an array", dotted);
                return false;
        }
        *ret = a;
        return true;
}

bool parse_quantities(const json_t *o, const char *key, struct kvs *ret, struct error *err) {
        const json_t *m = json_object_get(o, key);
        const char *name;
        json_t *value;
        if (m && !json_is_null(m) && !json_is_object(m)) {
                error_set(err, ERR_PROTOCOL, "'%s' is not an object", key);
                return false;
        }
        json_object_foreach((json_t *) m, name, value) {
                _cleanup_str_ char *text = json_is_string(value) ? xstrdup(json_string_value(value)) : json_write(value);
                kvs_add(ret, name, text);
        }
        return true;
}

int parse_items(const json_t *array, size_t size, parse_item_fn fn, void (*done)(void *item), void **ret_items, size_t *ret_n,
                struct error *err) {
        size_t n = json_array_size(array);
        char *items = n ? xcalloc(n, size) : NULL;
        for (size_t i = 0; i < n; i++) {
                if (fn(json_array_get(array, i), items + i * size, err) >= 0)
                        continue;
                for (size_t k = 0; k < i; k++)
                        done(items + k * size);
                free(items);
                return -1;
        }
        *ret_items = items;
        *ret_n = n;
        return 0;
}

struct list_reader { size_t size, n; parse_item_fn fn; void (*done)(void *item); char *items; };

static void forget_items(void *data) {
        struct list_reader *l = data;
        for (size_t i = 0; i < l->n; i++)
                l->done(l->items + i * l->size);
        free(l->items);
        l->items = NULL;
        l->n = 0;
}

static int read_page(const json_t *page, void *data, struct error *err) {
        struct list_reader *l = data;
        void *items;
        size_t n;
        if (parse_items(page, l->size, l->fn, l->done, &items, &n, err) < 0)
                return -1;
        if (n) {
                l->items = xrealloc(l->items, l->n + n, l->size);
                memcpy(l->items + l->n * l->size, items, n * l->size);
                l->n += n;
        }
        free(items);
        return 0;
}

int parse_list(struct kube_client *c, const char *path, size_t size, parse_item_fn fn, void (*done)(void *item), void **ret_items, size_t *ret_n,
               struct error *err) {
        struct list_reader l = { .size = size, .fn = fn, .done = done };
        const struct kube_pages pages = { .limit = PARSE_PAGE, .fn = read_page, .restart = forget_items, .data = &l };
        if (kube_list_pages(c, path, NULL, &pages, err) < 0) {
                forget_items(&l);
                return -1;
        }
        *ret_items = l.items;
        *ret_n = l.n;
        return 0;
}
