/* kubeconfig: what one context holds is written as a file of its own and read again as the same. */
#include "base/secret.h"
#include "check.h"
#include "talos/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        struct talos_kubeconfig k = { 0 }, again = { 0 };
        if (talos_kubeconfig_parse("fuzz", (const char *) p, n, NULL, &k, &err) < 0) {
                CHECK(err.kind == ERR_INVALID || err.kind == ERR_NOT_FOUND);
        } else {
                _cleanup_secret_ char *text = talos_kubeconfig_write(&k);
                CHECK(talos_kubeconfig_parse("written", text, strlen(text), NULL, &again, &err) >= 0);
                CHECK(str_eq(k.server, again.server) && str_eq(k.ca, again.ca) && str_eq(k.client.cert, again.client.cert));
        }
        talos_kubeconfig_done(&k);
        talos_kubeconfig_done(&again);
        error_done(&err);
        if (talos_kubeconfig_parse("fuzz", (const char *) p, n, "b", &k, &err) >= 0)
                talos_kubeconfig_done(&k);
        error_done(&err);
        return 0;
}
