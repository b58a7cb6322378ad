/* The hcloud CLI's configuration file. */
#include "base/secret.h"
#include "check.h"
#include "cli/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static const char *const wanted[] = { NULL, "a" };
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                struct error err = ERROR_INIT;
                char *token = NULL, *endpoint = NULL, *context = NULL;
                if (toml_context("fuzz", text, wanted[i], &token, &endpoint, &context, &err) < 0)
                        CHECK((err.kind == ERR_INVALID || err.kind == ERR_NOT_FOUND) && !token && !endpoint && !context);
                else
                        CHECK(context && (!wanted[i] || str_eq(context, wanted[i])));
                secret_free(token);
                free(endpoint);
                free(context);
                error_done(&err);
        }
        return 0;
}
