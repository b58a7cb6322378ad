/* user_data and the machine config in it. */
#include "base/secret.h"
#include "check.h"
#include "talos/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        _cleanup_secret_ char *config = NULL, *packed = NULL, *again = NULL;
        struct error err = ERROR_INIT;
        struct yaml_docs docs = { 0 };
        if (talos_user_data_decode(text, &config, &err) < 0) {
                CHECK(err.kind == ERR_INVALID);
        } else {
                if (talos_user_data_encode("node", config, &packed, &err) >= 0) {
                        CHECK(strlen(packed) <= TALOS_USER_DATA_MAX);
                        CHECK(talos_user_data_decode(packed, &again, &err) >= 0 && strcmp(config, again) == 0);
                }
                if (yaml_parse("fuzz", config, strlen(config), &docs, &err) >= 0) {
                        CHECK(talos_config_validate(&docs, TALOS_CONTROL_PLANE, &err) >= 0 || err.kind == ERR_PROFILE);
                        CHECK(talos_config_validate(&docs, TALOS_WORKER, &err) >= 0 || err.kind == ERR_PROFILE);
                        talos_config_done(&docs);
                }
        }
        error_done(&err);
        return 0;
}
