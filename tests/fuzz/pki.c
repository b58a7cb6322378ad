/* Certificates and keys of others. */
#include "base/secret.h"
#include "check.h"
#include "talos/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        struct error err = ERROR_INIT;
        struct pki_info info = { 0 };
        if (pki_read(text, &info, &err) < 0) {
                CHECK(err.kind == ERR_INVALID);
        } else {
                CHECK(info.subject && info.issuer && info.serial && info.key_type && info.spki_sha256);
                pki_check_signed(text, text, &err);
        }
        pki_info_done(&info);
        CHECK(pki_check_key(text, &err) >= 0 || err.kind == ERR_INVALID);
        CHECK(pki_check_pair(text, text, &err) >= 0 || err.kind == ERR_INVALID);
        secret_free(pki_key_for_openssl(text));
        error_done(&err);
        return 0;
}
