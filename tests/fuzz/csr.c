/* The PKCS#10 of a certificate request. */
#include <ctype.h>

#include "check.h"
#include "kube/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        struct kube_csr_request r = { 0 };
        if (kube_csr_request_parse((const char *) p, n, &r, &err) < 0) {
                CHECK(err.kind == ERR_INVALID);
        } else {
                CHECK(r.key_type && r.key_bits > 0);
                for (size_t i = 0; i < r.ips.n; i++)
                        CHECK(isxdigit((unsigned char) r.ips.items[i][0]) || r.ips.items[i][0] == ':');
        }
        kube_csr_request_done(&r);
        error_done(&err);
        return 0;
}
