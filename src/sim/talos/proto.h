/* Protocol buffers' wire format, as much as Talos' API needs. Written apart from src/talos, which it checks.
 * Writers leave out zero values, as proto3 does. */
#pragma once

#include "base/strbuf.h"

void pb_uint(struct strbuf *b, unsigned field, uint64_t v);
void pb_bool(struct strbuf *b, unsigned field, bool v);
void pb_text(struct strbuf *b, unsigned field, const char *s);           /* NULL and "": left out */
void pb_bytes(struct strbuf *b, unsigned field, const void *p, size_t n);
void pb_double(struct strbuf *b, unsigned field, double v);
void pb_message(struct strbuf *b, unsigned field, const struct strbuf *message);         /* also when empty */
void pb_timestamp(struct strbuf *b, unsigned field, int64_t ms);         /* google.protobuf.Timestamp */

struct pb_value { unsigned field, wire; uint64_t number; const uint8_t *bytes; size_t n; };
struct pb_reader { const uint8_t *p, *end; bool broken; };
static inline struct pb_reader pb_reader(const void *p, size_t n) {
        return (struct pb_reader) { p, (const uint8_t *) p + n, false };
}
/* The next field; false at the end, and with broken set when the bytes make no sense. */
bool pb_next(struct pb_reader *r, struct pb_value *ret);
char *pb_copy(const struct pb_value *v);         /* owned text */
