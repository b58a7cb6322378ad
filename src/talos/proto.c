#include "talos/proto.h"

/* ---- writer ---- */

static void put_varint(struct strbuf *b, uint64_t v) {
        while (v >= 0x80) {
                strbuf_addc(b, (char) (v | 0x80));
                v >>= 7;
        }
        strbuf_addc(b, (char) v);
}

static void put_tag(struct strbuf *b, unsigned field, enum proto_wire wire) {
        put_varint(b, (uint64_t) field << 3 | (uint64_t) wire);
}

void proto_put_uint_always(struct strbuf *b, unsigned field, uint64_t value) {
        put_tag(b, field, PROTO_VARINT);
        put_varint(b, value);
}

void proto_put_uint(struct strbuf *b, unsigned field, uint64_t value) {
        if (value)
                proto_put_uint_always(b, field, value);
}

void proto_put_int(struct strbuf *b, unsigned field, int64_t value) {
        /* A negative int32 is sign-extended to ten bytes on the wire. */
        proto_put_uint(b, field, (uint64_t) value);
}

void proto_put_bool(struct strbuf *b, unsigned field, bool value) {
        proto_put_uint(b, field, value);
}

static void put_bytes_always(struct strbuf *b, unsigned field, const void *p, size_t n) {
        put_tag(b, field, PROTO_BYTES);
        put_varint(b, n);
        if (n)
                strbuf_add(b, p, n);
}

void proto_put_bytes(struct strbuf *b, unsigned field, const void *p, size_t n) {
        if (n)
                put_bytes_always(b, field, p, n);
}

void proto_put_str(struct strbuf *b, unsigned field, const char *s) {
        if (!str_empty(s))
                put_bytes_always(b, field, s, strlen(s));
}

void proto_put_str_always(struct strbuf *b, unsigned field, const char *s) {
        put_bytes_always(b, field, s, strlen(s));
}

void proto_put_message(struct strbuf *b, unsigned field, const struct strbuf *sub) {
        put_bytes_always(b, field, sub->data, sub->len);
}

/* ---- reader ---- */

struct proto_reader proto_read(const char *what, const void *p, size_t n) {
        static const uint8_t nothing;
        const uint8_t *bytes = p ? p : &nothing;
        return (struct proto_reader) { .p = bytes, .end = bytes + n, .what = what };
}

static int get_varint(struct proto_reader *r, uint64_t *ret, struct error *err) {
        uint64_t v = 0;
        for (unsigned shift = 0; shift < 70; shift += 7) {
                if (r->p == r->end)
                        return error_set(err, ERR_PROTOCOL, "%s: ends inside a number", r->what);
                uint8_t byte = *r->p++;
                if (shift == 63 && byte > 1)
                        return error_set(err, ERR_PROTOCOL, "%s: number of more than 64 bits", r->what);
                v |= (uint64_t) (byte & 0x7f) << shift;
                if (!(byte & 0x80)) {
                        *ret = v;
                        return 0;
                }
        }
        return error_set(err, ERR_PROTOCOL, "%s: number of more than 64 bits", r->what);
}

static int get_fixed(struct proto_reader *r, size_t n, uint64_t *ret, struct error *err) {
        if ((size_t) (r->end - r->p) < n)
                return error_set(err, ERR_PROTOCOL, "%s: ends inside a fixed number", r->what);
        uint64_t v = 0;
        for (size_t i = n; i > 0; i--)
                v = v << 8 | r->p[i - 1];
        r->p += n;
        *ret = v;
        return 0;
}

/* Reads tag and value; sets *ret_group to 1 at a group's start, -1 at its end. */
static int get_field(struct proto_reader *r, struct proto_field *f, int *ret_group, struct error *err) {
        uint64_t tag = 0, len = 0;
        if (get_varint(r, &tag, err) < 0)
                return -1;
        if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
                return error_set(err, ERR_PROTOCOL, "%s: field number out of range", r->what);
        *f = (struct proto_field) { .number = (unsigned) (tag >> 3), .wire = (enum proto_wire) (tag & 7), .what = r->what };
        *ret_group = 0;
        switch (tag & 7) {
        case PROTO_VARINT:
                return get_varint(r, &f->value, err);
        case PROTO_FIXED64:
                return get_fixed(r, 8, &f->value, err);
        case PROTO_FIXED32:
                return get_fixed(r, 4, &f->value, err);
        case PROTO_BYTES:
                if (get_varint(r, &len, err) < 0)
                        return -1;
                if (len > (uint64_t) (r->end - r->p))
                        return error_set(err, ERR_PROTOCOL, "%s: field %u is longer than its message", r->what, f->number);
                f->data = r->p;
                f->len = (size_t) len;
                r->p += len;
                return 0;
        case 3:
        case 4:
                *ret_group = (tag & 7) == 3 ? 1 : -1;
                return 0;
        default:
                return error_set(err, ERR_PROTOCOL, "%s: field %u has an unknown wire type", r->what, f->number);
        }
}

int proto_next(struct proto_reader *r, struct proto_field *ret, struct error *err) {
        int64_t depth = 0;
        while (r->p < r->end) {
                struct proto_field f;
                int group = 0;
                if (get_field(r, &f, &group, err) < 0)
                        return -1;
                depth += group;
                if (depth < 0)
                        return error_set(err, ERR_PROTOCOL, "%s: a group ends that never began", r->what);
                if (depth == 0 && group == 0) {
                        *ret = f;
                        return 1;
                }
        }
        if (depth)
                return error_set(err, ERR_PROTOCOL, "%s: ends inside a group", r->what);
        return 0;
}

static int want(const struct proto_field *f, bool fits, struct error *err) {
        if (fits)
                return 0;
        return error_set(err, ERR_PROTOCOL, "%s: field %u has wire type %d", f->what, f->number, (int) f->wire);
}

int proto_get_uint(const struct proto_field *f, uint64_t *into, struct error *err) {
        if (want(f, f->wire != PROTO_BYTES, err) < 0)
                return -1;
        *into = f->value;
        return 0;
}

int proto_get_int(const struct proto_field *f, int64_t *into, struct error *err) {
        if (want(f, f->wire != PROTO_BYTES, err) < 0)
                return -1;
        *into = (int64_t) f->value;
        return 0;
}

int proto_get_bool(const struct proto_field *f, bool *into, struct error *err) {
        if (want(f, f->wire == PROTO_VARINT, err) < 0)
                return -1;
        *into = f->value != 0;
        return 0;
}

int proto_get_str(const struct proto_field *f, char **into, struct error *err) {
        if (want(f, f->wire == PROTO_BYTES, err) < 0)
                return -1;
        free(*into);
        *into = xstrndup((const char *) f->data, f->len);
        return 0;
}

int proto_get_strv(const struct proto_field *f, struct strv *into, struct error *err) {
        if (want(f, f->wire == PROTO_BYTES, err) < 0)
                return -1;
        if (into->n >= PROTO_MAX_ITEMS)
                return error_set(err, ERR_PROTOCOL, "%s: more than %d elements in field %u", f->what, PROTO_MAX_ITEMS, f->number);
        strv_take(into, xstrndup((const char *) f->data, f->len));
        return 0;
}

int proto_get_bytes(const struct proto_field *f, struct strbuf *into, struct error *err) {
        if (want(f, f->wire == PROTO_BYTES, err) < 0)
                return -1;
        strbuf_clear(into);
        if (f->len)
                strbuf_add(into, f->data, f->len);
        return 0;
}

int proto_get_message(const struct proto_field *f, const char *what, struct proto_reader *ret, struct error *err) {
        if (want(f, f->wire == PROTO_BYTES, err) < 0)
                return -1;
        *ret = proto_read(what, f->data, f->len);
        return 0;
}

int proto_each(struct proto_reader r, proto_field_fn fn, void *into, struct error *err) {
        struct proto_field f;
        int rc;
        while ((rc = proto_next(&r, &f, err)) > 0)
                if (fn(&f, into, err) < 0)
                        return -1;
        return rc;
}

int proto_each_in(const struct proto_field *f, const char *what, proto_field_fn fn, void *into, struct error *err) {
        struct proto_reader r;
        if (proto_get_message(f, what, &r, err) < 0)
                return -1;
        return proto_each(r, fn, into, err);
}
