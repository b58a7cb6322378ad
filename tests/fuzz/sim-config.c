/* The simulated node's reading of machine configs and of user_data: anything is accepted whole or refused as invalid. */
#include "check.h"
#include "sim/talos/config.h"

static void load(const char *p, size_t n, const char *version) {
        _cleanup_sim_config_ struct sim_config *c = NULL;
        struct error err = ERROR_INIT;
        bool partial;

        if (sim_config_load(p, n, version, &c, &err) < 0) {
                CHECK(err.kind == ERR_INVALID && !c);
        } else {
                const char *why;
                CHECK(c->endpoint && c->endpoint_port <= 65535);
                CHECK(!sim_config_needs_reboot(c, c, &why));
        }
        error_done(&err);
        CHECK(sim_config_is_partial(p, n, version, &partial, &err) >= 0 || err.kind == ERR_INVALID);
        error_done(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n), *decoded = NULL;
        struct error err = ERROR_INIT;
        size_t len;

        load((const char *) p, n, "v1.13.9");
        load((const char *) p, n, "v1.14.1");
        CHECK(sim_user_data_decode(text, &decoded, &len, &err) >= 0 || err.kind == ERR_INVALID);
        error_done(&err);
        return 0;
}
