/* Encodings: base64 (strict), hex, percent, gzip, SHA-256, random tokens. Outputs belong to the caller. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

char *base64_encode(const void *p, size_t n);                            /* standard alphabet, padded, one line */
char *base64url_encode(const void *p, size_t n);                         /* URL-safe alphabet, padded */
/* Strict: only the alphabet and padding (CR and LF are skipped); both alphabets when url_too. NUL-terminated. ERR_INVALID. */
int base64_decode(const char *s, size_t n, bool url_too, uint8_t **ret, size_t *ret_len, struct error *err);
char *hex_encode(const void *p, size_t n);
char *percent_encode(const char *s);                                     /* RFC 3986 unreserved stay */
char *percent_decode(const char *s);                                     /* malformed sequences stay as they are */
int gzip_compress(const void *p, size_t n, uint8_t **ret, size_t *ret_len, struct error *err); /* deterministic: no time, no name */
int gzip_decompress(const void *p, size_t n, size_t max, uint8_t **ret, size_t *ret_len, struct error *err);
void sha256(const void *p, size_t n, uint8_t ret[static 32]);
char *sha256_hex(const void *p, size_t n);

void random_bytes(void *p, size_t n);                                    /* libsodium */
char *random_token(const char *alphabet, size_t n);                      /* no modulo bias; owned */
uint32_t random_uniform(uint32_t upper);
