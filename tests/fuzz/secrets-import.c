/* A secrets bundle in any form that can be imported: what is accepted is a whole bundle, written and read again as the same. */
#include "base/secret.h"
#include "check.h"
#include "talos/secrets-import.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_secret_ char *text = xstrndup((const char *) p, n);
        struct error err = ERROR_INIT;
        struct talos_secrets *s = NULL, *again = NULL;
        if (talos_secrets_import("fuzz", text, strlen(text), &s, &err) < 0) {
                CHECK((err.kind == ERR_INVALID || err.kind == ERR_PROTOCOL) && err.message && !s);
        } else {
                _cleanup_secret_ char *written = talos_secrets_write(s);
                CHECK(talos_secrets_parse("written", written, strlen(written), &again, &err) >= 0);
                talos_secrets_free(again);
                CHECK(talos_secrets_import("written", written, strlen(written), &again, &err) >= 0);
        }
        talos_secrets_free(s);
        talos_secrets_free(again);
        error_done(&err);
        return 0;
}
