#include "base/strbuf.h"

#include <stdio.h>

#include "base/secret.h"

#define DEFAULT_MAX ((size_t) 64 * 1024 * 1024)

void strbuf_done(struct strbuf *b) {
        if (b->secret && b->data)
                secret_wipe(b->data, b->cap);
        free(b->data);
        b->data = NULL;
        b->len = b->cap = 0;
        b->failed = false;
}

void strbuf_clear(struct strbuf *b) {
        if (b->data) {
                if (b->secret)
                        secret_wipe(b->data, b->cap);
                b->data[0] = '\0';
        }
        b->len = 0;
        b->failed = false;
}

/* Makes room for n more bytes and the terminator. False past the maximum. */
static bool reserve(struct strbuf *b, size_t n) {
        size_t max = b->max ? b->max : DEFAULT_MAX;
        if (b->failed || n > max || b->len > max - n) {
                b->failed = true;
                return false;
        }
        size_t need = b->len + n + 1;
        if (need <= b->cap)
                return true;
        size_t grown = b->cap < 32 ? 32 : b->cap + b->cap / 2;
        size_t cap = MAX(need, grown);
        if (b->secret) { /* realloc could leave a copy behind */
                char *data = xcalloc(cap, 1);
                if (b->data) {
                        memcpy(data, b->data, b->len);
                        secret_wipe(b->data, b->cap);
                        free(b->data);
                }
                b->data = data;
        } else
                b->data = xrealloc(b->data, cap, 1);
        b->cap = cap;
        return true;
}

void strbuf_add(struct strbuf *b, const void *p, size_t n) {
        if (!reserve(b, n))
                return;
        if (n > 0)
                memcpy(b->data + b->len, p, n);
        b->len += n;
        b->data[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s) {
        if (s)
                strbuf_add(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c) {
        strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(b, fmt, ap);
        va_end(ap);
}

void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap) {
        va_list again;
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, again);
        va_end(again);
        if (n < 0) {
                b->failed = true;
                return;
        }
        if (!reserve(b, (size_t) n))
                return;
        vsnprintf(b->data + b->len, (size_t) n + 1, fmt, ap);
        b->len += (size_t) n;
}

const char *strbuf_str(const struct strbuf *b) {
        return b->data ? b->data : "";
}

char *strbuf_take(struct strbuf *b) {
        char *data = b->data ? b->data : xstrdup("");
        b->data = NULL;
        b->len = b->cap = 0;
        return data;
}

void strv_done(struct strv *v) {
        for (size_t i = 0; i < v->n; i++)
                free(v->items[i]);
        free(v->items);
        *v = (struct strv) { 0 };
}

void strv_take(struct strv *v, char *s) {
        ARRAY_APPEND(v->items, v->n, s);
}

void strv_add(struct strv *v, const char *s) {
        strv_take(v, xstrdup(s ? s : ""));
}

bool strv_has(const struct strv *v, const char *s) {
        for (size_t i = 0; i < v->n; i++)
                if (str_eq(v->items[i], s))
                        return true;
        return false;
}

void strv_copy(struct strv *dst, const struct strv *src) {
        struct strv copy = { 0 };
        for (size_t i = 0; i < src->n; i++)
                strv_add(&copy, src->items[i]);
        *dst = copy;
}

char *strv_join(const struct strv *v, const char *sep) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (size_t i = 0; i < v->n; i++) {
                if (i > 0)
                        strbuf_adds(&b, sep);
                strbuf_adds(&b, v->items[i]);
        }
        return strbuf_take(&b);
}

void strv_split(struct strv *v, const char *s, char sep) {
        for (;;) {
                const char *end = strchr(s, sep);
                if (!end)
                        break;
                strv_take(v, xstrndup(s, (size_t) (end - s)));
                s = end + 1;
        }
        strv_add(v, s);
}

void kvs_done(struct kvs *m) {
        for (size_t i = 0; i < m->n; i++) {
                free(m->items[i].key);
                free(m->items[i].value);
        }
        free(m->items);
        *m = (struct kvs) { 0 };
}

static struct kv *find(const struct kvs *m, const char *key) {
        for (size_t i = 0; i < m->n; i++)
                if (str_eq(m->items[i].key, key))
                        return &m->items[i];
        return NULL;
}

void kvs_add(struct kvs *m, const char *key, const char *value) {
        struct kv added = { .key = xstrdup(key), .value = xstrdup(value ? value : "") };
        ARRAY_APPEND(m->items, m->n, added);
}

void kvs_set(struct kvs *m, const char *key, const char *value) {
        struct kv *kv = find(m, key);
        if (!kv) {
                kvs_add(m, key, value);
                return;
        }
        char *copy = xstrdup(value ? value : "");
        free(kv->value);
        kv->value = copy;
}

const char *kvs_get(const struct kvs *m, const char *key) {
        const struct kv *kv = m ? find(m, key) : NULL;
        return kv ? kv->value : NULL;
}

void kvs_unset(struct kvs *m, const char *key) {
        struct kv *kv = find(m, key);
        if (!kv)
                return;
        free(kv->key);
        free(kv->value);
        size_t i = (size_t) (kv - m->items);
        memmove(kv, kv + 1, (m->n - i - 1) * sizeof(*kv));
        m->n--;
}

void kvs_copy(struct kvs *dst, const struct kvs *src) {
        struct kvs copy = { 0 };
        for (size_t i = 0; i < src->n; i++)
                kvs_add(&copy, src->items[i].key, src->items[i].value);
        *dst = copy;
}

bool kvs_equal(const struct kvs *a, const struct kvs *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!str_eq(a->items[i].value, kvs_get(b, a->items[i].key)))
                        return false;
        return true;
}
