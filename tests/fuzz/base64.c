/* What strict base64 accepts has one spelling: encoding it again gives the same letters. */
#include "base/codec.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        uint8_t *bytes;
        size_t len;
        if (base64_decode((const char *) p, n, false, &bytes, &len, NULL) >= 0) {
                _cleanup_str_ char *text = base64_encode(bytes, len);
                const char *at = text;
                for (size_t i = 0; i < n; i++)
                        if (p[i] != '\r' && p[i] != '\n')
                                CHECK(*at++ == (char) p[i]);
                CHECK(!*at);
                free(bytes);
        }
        if (base64_decode((const char *) p, n, true, &bytes, &len, NULL) >= 0)
                free(bytes);
        uint8_t *out;
        if (gzip_decompress(p, n, 1 << 20, &out, &len, NULL) >= 0) {
                CHECK(len <= 1 << 20);
                free(out);
        }
        _cleanup_str_ char *text = xstrndup((const char *) p, n), *encoded = percent_encode(text), *decoded = percent_decode(encoded);
        CHECK(strcmp(text, decoded) == 0);
        free(percent_decode(text));
        return 0;
}
