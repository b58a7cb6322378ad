#include "sim/talos/proto.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void varint(struct strbuf *b, uint64_t v) {
        while (v >= 0x80) {
                strbuf_addc(b, (char) (v | 0x80));
                v >>= 7;
        }
        strbuf_addc(b, (char) v);
}

static void tag(struct strbuf *b, unsigned field, unsigned wire) {
        varint(b, (uint64_t) field << 3 | wire);
}

void pb_uint(struct strbuf *b, unsigned field, uint64_t v) {
        if (v == 0)
                return;
        tag(b, field, WIRE_VARINT);
        varint(b, v);
}

void pb_bool(struct strbuf *b, unsigned field, bool v) {
        pb_uint(b, field, v);
}

void pb_bytes(struct strbuf *b, unsigned field, const void *p, size_t n) {
        tag(b, field, WIRE_BYTES);
        varint(b, n);
        strbuf_add(b, p, n);
}

void pb_text(struct strbuf *b, unsigned field, const char *s) {
        if (!str_empty(s))
                pb_bytes(b, field, s, strlen(s));
}

void pb_double(struct strbuf *b, unsigned field, double v) {
        uint64_t bits;
        uint8_t bytes[8];
        memcpy(&bits, &v, sizeof(bits));
        if (bits == 0)
                return;
        for (unsigned i = 0; i < 8; i++)
                bytes[i] = (uint8_t) (bits >> (8 * i));
        tag(b, field, WIRE_FIXED64);
        strbuf_add(b, bytes, sizeof(bytes));
}

void pb_message(struct strbuf *b, unsigned field, const struct strbuf *message) {
        pb_bytes(b, field, strbuf_str(message), message->len);
}

void pb_timestamp(struct strbuf *b, unsigned field, int64_t ms) {
        _cleanup_strbuf_ struct strbuf t = STRBUF_INIT;
        pb_uint(&t, 1, (uint64_t) (ms / 1000));
        pb_uint(&t, 2, (uint64_t) (ms % 1000) * 1000000);
        pb_message(b, field, &t);
}

static bool read_varint(struct pb_reader *r, uint64_t *ret) {
        uint64_t v = 0;
        for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
                uint8_t byte = *r->p++;
                v |= (uint64_t) (byte & 0x7f) << shift;
                if (!(byte & 0x80)) {
                        *ret = v;
                        return true;
                }
        }
        r->broken = true;
        return false;
}

static bool read_fixed(struct pb_reader *r, unsigned n, uint64_t *ret) {
        if ((size_t) (r->end - r->p) < n) {
                r->broken = true;
                return false;
        }
        *ret = 0;
        for (unsigned i = 0; i < n; i++)
                *ret |= (uint64_t) r->p[i] << (8 * i);
        r->p += n;
        return true;
}

bool pb_next(struct pb_reader *r, struct pb_value *ret) {
        uint64_t key;
        if (r->broken || r->p >= r->end || !read_varint(r, &key))
                return false;
        *ret = (struct pb_value) { .field = (unsigned) (key >> 3), .wire = (unsigned) key & 7 };
        if (ret->field == 0 || key >> 3 >= 1u << 29) {           /* protobuf.dev, "Assigning Field Numbers" */
                r->broken = true;
                return false;
        }
        switch (ret->wire) {
        case WIRE_VARINT:
                return read_varint(r, &ret->number);
        case WIRE_FIXED64:
                return read_fixed(r, 8, &ret->number);
        case WIRE_FIXED32:
                return read_fixed(r, 4, &ret->number);
        case WIRE_BYTES:
                if (!read_varint(r, &ret->number) || ret->number > (uint64_t) (r->end - r->p))
                        break;
                ret->bytes = r->p;
                ret->n = (size_t) ret->number;
                r->p += ret->n;
                return true;
        }
        r->broken = true;
        return false;
}

char *pb_copy(const struct pb_value *v) {
        return v->bytes ? xstrndup((const char *) v->bytes, v->n) : xstrdup("");
}
