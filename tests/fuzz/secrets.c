/* A secrets bundle: what is accepted is written and read again as the same. */
#include "base/secret.h"
#include "check.h"
#include "talos/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        struct talos_secrets *s = NULL, *again = NULL;
        if (talos_secrets_parse("fuzz", (const char *) p, n, &s, &err) < 0) {
                CHECK(err.kind == ERR_INVALID && err.message && !s);
        } else {
                _cleanup_secret_ char *text = talos_secrets_write(s), *twice = NULL;
                CHECK(talos_secrets_parse("written", text, strlen(text), &again, &err) >= 0);
                twice = talos_secrets_write(again);
                CHECK(strcmp(text, twice) == 0);
        }
        talos_secrets_free(s);
        talos_secrets_free(again);
        error_done(&err);
        return 0;
}
