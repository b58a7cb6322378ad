#include "base/codec.h"

#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <zlib.h>

static char *encode64(const void *p, size_t n, int variant) {
        size_t size = sodium_base64_encoded_len(n, variant);
        char *text = xcalloc(size, 1);
        sodium_bin2base64(text, size, p, n, variant);
        return text;
}

char *base64_encode(const void *p, size_t n) {
        return encode64(p, n, sodium_base64_VARIANT_ORIGINAL);
}

char *base64url_encode(const void *p, size_t n) {
        return encode64(p, n, sodium_base64_VARIANT_URLSAFE);
}

static int digit64(char c, bool url_too) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+' || (url_too && c == '-'))
                return 62;
        if (c == '/' || (url_too && c == '_'))
                return 63;
        return -1;
}

int base64_decode(const char *s, size_t n, bool url_too, uint8_t **ret, size_t *ret_len, struct error *err) {
        _cleanup_free_ uint8_t *out = xcalloc(n / 4 * 3 + 4, 1);
        size_t len = 0, digits = 0, padding = 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < n; i++) {
                if (s[i] == '\r' || s[i] == '\n')
                        continue;
                if (s[i] == '=') {
                        padding++;
                        continue;
                }
                int v = digit64(s[i], url_too);
                if (v < 0)
                        return error_set(err, ERR_INVALID, "byte %zu is not base64", i + 1);
                if (padding > 0)
                        return error_set(err, ERR_INVALID, "base64 goes on after its padding");
                bits = bits << 6 | (uint32_t) v;
                if (++digits % 4 == 0) {
                        out[len++] = (uint8_t) (bits >> 16);
                        out[len++] = (uint8_t) (bits >> 8);
                        out[len++] = (uint8_t) bits;
                        bits = 0;
                }
        }
        size_t rest = digits % 4, expected = rest == 0 ? 0 : 4 - rest;
        bool unpadded = url_too && padding == 0; /* JSON web tokens and their kin leave it out */
        if (rest == 1 || (padding != expected && !unpadded))
                return error_set(err, ERR_INVALID, "base64 is cut off");
        if ((rest == 2 && bits & 0xf) || (rest == 3 && bits & 0x3))
                return error_set(err, ERR_INVALID, "base64 ends in stray bits");
        if (rest == 2)
                out[len++] = (uint8_t) (bits >> 4);
        if (rest == 3) {
                out[len++] = (uint8_t) (bits >> 10);
                out[len++] = (uint8_t) (bits >> 2);
        }
        out[len] = 0;
        *ret = TAKE(out);
        *ret_len = len;
        return 0;
}

char *hex_encode(const void *p, size_t n) {
        char *text = xcalloc(2 * n + 1, 1);
        sodium_bin2hex(text, 2 * n + 1, p, n);
        return text;
}

char *percent_encode(const char *s) {
        static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (; *s; s++)
                if (strchr(unreserved, *s))
                        strbuf_addc(&b, *s);
                else
                        strbuf_addf(&b, "%%%02X", (unsigned char) *s);
        return strbuf_take(&b);
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

char *percent_decode(const char *s) {
        char *out = xcalloc(strlen(s) + 1, 1), *p = out;
        while (*s) {
                int high = s[0] == '%' ? hex_digit(s[1]) : -1;
                int low = high >= 0 ? hex_digit(s[2]) : -1;
                if (low >= 0 && (high | low) != 0) { /* %00 stays: the result is a C string */
                        *p++ = (char) (high << 4 | low);
                        s += 3;
                } else
                        *p++ = *s++;
        }
        return out;
}

int gzip_compress(const void *p, size_t n, uint8_t **ret, size_t *ret_len, struct error *err) {
        if (n > UINT_MAX / 2)
                return error_set(err, ERR_INVALID, "%zu bytes are too many to compress at once", n);
        z_stream z = { 0 };
        if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
                return error_set(err, ERR_BUG, "zlib does not start");
        size_t size = deflateBound(&z, (uLong) n);
        _cleanup_free_ uint8_t *out = xcalloc(size, 1);
        z.next_in = (Bytef *) p;
        z.avail_in = (uInt) n;
        z.next_out = out;
        z.avail_out = (uInt) size;
        int r = deflate(&z, Z_FINISH);
        size_t len = z.total_out;
        deflateEnd(&z);
        if (r != Z_STREAM_END)
                return error_set(err, ERR_BUG, "zlib: code %d", r);
        *ret = TAKE(out);
        *ret_len = len;
        return 0;
}

/* Inflates all members of z's input into out. */
static int inflate_all(z_stream *z, struct strbuf *out, struct error *err) {
        uint8_t piece[16 * 1024];
        for (;;) {
                z->next_out = piece;
                z->avail_out = sizeof(piece);
                int r = inflate(z, Z_NO_FLUSH);
                strbuf_add(out, piece, sizeof(piece) - z->avail_out);
                if (strbuf_failed(out))
                        return error_set(err, ERR_INVALID, "gzip data is larger than %zu bytes", out->max);
                if (r == Z_STREAM_END) {
                        if (z->avail_in == 0)
                                return 0;
                        inflateReset(z); /* RFC 1952, 2.2: members follow each other */
                } else if (r != Z_OK)
                        return error_set(err, ERR_INVALID, "gzip data is %s", r == Z_BUF_ERROR ? "cut off" : "damaged");
        }
}

int gzip_decompress(const void *p, size_t n, size_t max, uint8_t **ret, size_t *ret_len, struct error *err) {
        if (n > UINT_MAX)
                return error_set(err, ERR_INVALID, "%zu bytes are too many to decompress at once", n);
        z_stream z = { .next_in = (Bytef *) p, .avail_in = (uInt) n };
        if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
                return error_set(err, ERR_BUG, "zlib does not start");
        _cleanup_strbuf_ struct strbuf out = STRBUF_MAX(max);
        int r = inflate_all(&z, &out, err);
        inflateEnd(&z);
        if (r < 0)
                return r;
        *ret_len = out.len;
        *ret = (uint8_t *) strbuf_take(&out);
        return 0;
}

void sha256(const void *p, size_t n, uint8_t ret[static 32]) {
        crypto_hash_sha256(ret, p, n);
}

char *sha256_hex(const void *p, size_t n) {
        uint8_t digest[32];
        sha256(p, n, digest);
        return hex_encode(digest, sizeof(digest));
}

static void start_sodium(void) {
        if (sodium_init() < 0) /* no source of randomness: secrets made now would be worthless */
                abort();
}

static void need_sodium(void) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, start_sodium);
}

void random_bytes(void *p, size_t n) {
        need_sodium();
        randombytes_buf(p, n);
}

uint32_t random_uniform(uint32_t upper) {
        need_sodium();
        return randombytes_uniform(upper);
}

char *random_token(const char *alphabet, size_t n) {
        uint32_t letters = (uint32_t) strlen(alphabet);
        char *text = xcalloc(n + 1, 1);
        for (size_t i = 0; i < n; i++)
                text[i] = alphabet[random_uniform(letters)];
        return text;
}
