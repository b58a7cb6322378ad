/* Kubernetes objects: one JSON document is read as everything it could be. */
#include "base/json.h"
#include "check.h"
#include "kube/csr.h"
#include "kube/node.h"
#include "kube/pod.h"
#include "kube/ready.h"

static void read_node(const json_t *o) {
        struct error err = ERROR_INIT;
        struct kube_node n = { 0 };
        if (kube_node_parse(o, &n, &err) < 0) {
                CHECK(err.kind == ERR_PROTOCOL && !n.name);
        } else {
                kube_node_is_ready(&n);
                kube_node_taint(&n, "a");
                kube_node_address(&n, "InternalIP");
        }
        kube_node_done(&n);
        error_done(&err);
}

static void read_pod(const json_t *o) {
        struct error err = ERROR_INIT;
        struct kube_pod p = { 0 };
        const struct kube_container *c = NULL;
        if (kube_pod_parse(o, &p, &err) < 0) {
                CHECK(err.kind == ERR_PROTOCOL);
        } else {
                kube_pod_is_ready(&p);
                kube_pod_is_finished(&p);
                free(kube_pod_trouble(&p));
                if (kube_pod_image_trouble(&p, &c))
                        CHECK(c >= p.containers && c < p.containers + p.n_containers);
        }
        kube_pod_done(&p);
        error_done(&err);
}

static void read_csr(const json_t *o) {
        struct error err = ERROR_INIT;
        struct kube_csr c = { 0 };
        if (kube_csr_parse(o, &c, &err) < 0)
                CHECK(err.kind == ERR_PROTOCOL);
        kube_csr_done(&c);
        error_done(&err);
}

static void read_workloads(const json_t *o) {
        static const enum kube_workload kinds[] = { KUBE_DAEMON_SET, KUBE_DEPLOYMENT, KUBE_STATEFUL_SET, KUBE_JOB };
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                struct error err = ERROR_INIT;
                struct kube_ready r = { 0 };
                if (kube_ready_parse(kinds[i], o, 1, &r, &err) < 0)
                        CHECK(err.kind == ERR_PROTOCOL);
                else
                        CHECK(r.text != NULL && (!r.ready || !r.failed));
                kube_ready_done(&r);
                error_done(&err);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_json_ json_t *o = NULL;
        if (json_parse("fuzz", (const char *) p, n, &o, NULL) < 0)
                return 0;
        read_node(o);
        read_pod(o);
        read_csr(o);
        read_workloads(o);
        return 0;
}
