/* A machine config as Hetzner's user_data: talos platform/hcloud takes plain YAML, base64 of it, and base64 of gzip of it. */
#include "talos/config.h"

#include "base/codec.h"
#include "base/secret.h"

/* A guard against gzip bombs; Talos' own limit for a config is 4 MiB. */
#define CONFIG_MAX ((size_t) 4 << 20)

int talos_user_data_encode(const char *node, const char *text, char **ret_user_data, struct error *err) {
        uint8_t *packed;
        size_t n;

        if (gzip_compress(text, strlen(text), &packed, &n, err) < 0)
                return error_wrap(err, "machine config of '%s'", node);
        _cleanup_secret_ char *encoded = base64_encode(packed, n);
        secret_wipe(packed, n);
        free(packed);
        if (strlen(encoded) > TALOS_USER_DATA_MAX) {
                error_set(err, ERR_PROFILE,
                          "machine config of '%s': %zu bytes of YAML become %zu bytes of user_data, Hetzner takes %d", node,
                          strlen(text), strlen(encoded), TALOS_USER_DATA_MAX);
                return error_hint(err, "make the patches smaller: manifests and charts belong into add-ons, not into configs");
        }
        *ret_user_data = TAKE(encoded);
        return 0;
}

int talos_user_data_decode(const char *user_data, char **ret_text, struct error *err) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        uint8_t *bytes, *text;
        size_t n, text_n;

        if (base64_decode(user_data, strlen(user_data), false, &bytes, &n, &ignored) < 0) {
                *ret_text = xstrdup(user_data);
                return 0;
        }
        if (n < 2 || bytes[0] != 0x1f || bytes[1] != 0x8b) {
                *ret_text = (char *) bytes;
                return 0;
        }
        int r = gzip_decompress(bytes, n, CONFIG_MAX, &text, &text_n, err);
        secret_wipe(bytes, n);
        free(bytes);
        if (r < 0)
                return error_wrap(err, "user_data");
        *ret_text = xstrndup((char *) text, text_n);
        secret_wipe(text, text_n);
        free(text);
        return 0;
}
