/* The PKCS#10 that somebody put into a CertificateSigningRequest: it decides who gets a serving certificate. */
#include "kube/csr.h"

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_(kube_csr_request_done) struct kube_csr_request r = { 0 };
        struct error err = ERROR_INIT;
        if (kube_csr_request_parse((const char *) p, n, &r, &err) < 0)
                CHECK(err.kind == ERR_INVALID && !r.common_name && r.dns_names.n == 0);
        else
                CHECK(r.key_type && r.key_bits > 0);
        error_done(&err);
        return 0;
}
