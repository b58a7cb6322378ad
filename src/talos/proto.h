/* The part of protobuf's wire format that Talos' messages need: a writer onto a strbuf and a reader over borrowed bytes.
 *
 * Written by hand since a dozen small messages do not justify a generator (docs/design.md). The reader skips unknown fields by just
 * not being asked about them; decoders that fill an existing struct field by field get protobuf's rules for free: the last
 * scalar wins, repeated sub-messages are merged. Source: protobuf.dev/programming-guides/encoding. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#define PROTO_MAX_ITEMS 65536                     /* most elements that a decoder here takes of one repeated field */

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

/* Writer. proto3: a zero scalar or empty string is not written; the _always form writes it (enum values that servers must see). */
void proto_put_uint(struct strbuf *b, unsigned field, uint64_t value);
void proto_put_uint_always(struct strbuf *b, unsigned field, uint64_t value);
void proto_put_int(struct strbuf *b, unsigned field, int64_t value);           /* int32, int64, enum */
void proto_put_bool(struct strbuf *b, unsigned field, bool value);
void proto_put_bytes(struct strbuf *b, unsigned field, const void *p, size_t n);
void proto_put_str(struct strbuf *b, unsigned field, const char *s);           /* NULL and "": not written */
void proto_put_str_always(struct strbuf *b, unsigned field, const char *s);    /* elements of a repeated string */
void proto_put_message(struct strbuf *b, unsigned field, const struct strbuf *sub);  /* written even when empty */

/* Reader. */
struct proto_reader {
        const uint8_t *p, *end;
        const char *what;                         /* message name for errors, borrowed */
};

struct proto_field {
        unsigned number;
        enum proto_wire wire;
        uint64_t value;                           /* VARINT, FIXED32, FIXED64 */
        const uint8_t *data;                      /* BYTES: borrowed from the reader's input */
        size_t len;
        const char *what;
};

struct proto_reader proto_read(const char *what, const void *p, size_t n);
/* The next field: 1, 0 at the end, negative with ERR_PROTOCOL. Groups (dead since proto3) are skipped. */
int proto_next(struct proto_reader *r, struct proto_field *ret, struct error *err);

/* The value of a field as a type; ERR_PROTOCOL when the wire type does not fit. str replaces what *into held. */
int proto_get_uint(const struct proto_field *f, uint64_t *into, struct error *err);
int proto_get_int(const struct proto_field *f, int64_t *into, struct error *err);
int proto_get_bool(const struct proto_field *f, bool *into, struct error *err);
int proto_get_str(const struct proto_field *f, char **into, struct error *err);
int proto_get_strv(const struct proto_field *f, struct strv *into, struct error *err);    /* appends; at most PROTO_MAX_ITEMS */
int proto_get_bytes(const struct proto_field *f, struct strbuf *into, struct error *err); /* replaces */
/* A reader over the sub-message in f. */
int proto_get_message(const struct proto_field *f, const char *what, struct proto_reader *ret, struct error *err);

/* Calls fn for each field of a message; what fn does not know it ignores. Decoding is filling into. */
typedef int (*proto_field_fn)(const struct proto_field *f, void *into, struct error *err);
int proto_each(struct proto_reader r, proto_field_fn fn, void *into, struct error *err);
int proto_each_in(const struct proto_field *f, const char *what, proto_field_fn fn, void *into, struct error *err);
