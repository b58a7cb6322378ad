/* Objects of an API server, read as every kind that the program reads; and quantities. */
#include "kube/csr.h"
#include "kube/quantity.h"
#include "kube/ready.h"

#include "check.h"

static void read_as_everything(const json_t *j) {
        struct error err = ERROR_INIT;
        _cleanup_(kube_node_done) struct kube_node node = { 0 };
        _cleanup_(kube_pod_done) struct kube_pod pod = { 0 };
        _cleanup_(kube_csr_done) struct kube_csr csr = { 0 };
        CHECK(kube_node_parse(j, &node, &err) == 0 || (err.kind == ERR_PROTOCOL && !node.name));
        if (kube_pod_parse(j, &pod, &err) == 0)
                free(kube_pod_trouble(&pod));
        CHECK(kube_csr_parse(j, &csr, &err) == 0 || err.kind == ERR_PROTOCOL || err.kind == ERR_INVALID);
        for (int kind = KUBE_DAEMON_SET; kind <= KUBE_JOB; kind++) {
                _cleanup_(kube_ready_done) struct kube_ready r = { 0 };
                if (kube_ready_parse((enum kube_workload) kind, j, 1, &r, &err) == 0)
                        CHECK(r.text && !(r.ready && r.failed));
        }
        error_done(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        struct quantity q;
        json_t *j = NULL;
        if (quantity_parse(text, &q)) {
                CHECK(quantity_compare(quantity_sub(q, q), quantity_of(0)) == 0);
                CHECK((*text == '-') == (q.nano < 0) || q.nano == 0);
        }
        if (json_parse("fuzz", (const char *) p, n, &j, NULL) < 0)
                return 0;
        read_as_everything(j);
        json_decref(j);
        return 0;
}
