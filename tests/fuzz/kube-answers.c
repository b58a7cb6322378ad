/* What a Kubernetes API server answers, from HTTP status to plain struct. The first byte chooses the call, the second the
 * status, its highest bit header lines before the body, and the next bit that the client tries again. */
#include "answers.h"
#include "kube/apply.h"
#include "kube/csr.h"
#include "kube/evict.h"
#include "kube/helm.h"
#include "kube/lease.h"
#include "kube/pod.h"
#include "kube/ready.h"

static void lists(struct kube_client *c, struct error *err) {
        struct kube_nodes nodes = { 0 };
        struct kube_pods pods = { 0 };
        struct kube_csrs csrs = { 0 };
        kube_nodes_list(c, &nodes, err);
        kube_nodes_done(&nodes);
        canned.asked = 0;
        kube_pods_list(c, NULL, "a=b", NULL, &pods, err);
        kube_pods_done(&pods);
        canned.asked = 0;
        kube_csrs_list(c, &csrs, err);
        kube_csrs_done(&csrs);
}

static void changes(struct kube_client *c, struct error *err) {
        const struct kube_taint taint = { .key = (char *) "a", .value = (char *) "b", .effect = (char *) "NoSchedule" };
        const struct kube_change change = { .key = "a", .value = "b" };
        canned.every = true;
        kube_node_set_taint(c, "n", &taint, err);
        kube_node_remove_taint(c, "n", "a", err);
        kube_node_set_labels(c, "n", &change, 1, err);
        kube_csr_approve(c, "n", "r", "m", err);
        kube_csr_deny(c, "n", "r", "m", err);
}

static void leases(struct kube_client *c, struct error *err) {
        struct kube_lease l = { 0 };
        canned.every = true;
        kube_lease_get(c, "a", "b", &l, err);
        kube_lease_done(&l);
        l = (struct kube_lease) { 0 };
        kube_lease_acquire(c, "a", "b", "me", 15, &l, err);
        kube_lease_done(&l);
        kube_lease_release(c, "a", "b", "me", err);
}

static void releases(struct kube_client *c, struct error *err) {
        struct kube_helm_releases r = { 0 };
        if (kube_helm_releases_list(c, NULL, NULL, &r, err) >= 0) {
                const struct kube_helm_release *newest = kube_helm_newest(&r, "cilium");
                if (newest)
                        kube_helm_is_pending(newest);
        }
        kube_helm_releases_done(&r);
}

static void server(struct kube_client *c, struct error *err) {
        struct kube_version v = { 0 };
        struct kube_resource r = { 0 };
        kube_readyz(c, err);
        canned.asked = 0;
        kube_version(c, &v, err);
        kube_version_done(&v);
        canned.asked = 0;
        kube_resource_find(c, "talos.dev/v1alpha1", "ServiceAccount", &r, err);
        kube_resource_done(&r);
}

static void writes(struct kube_client *c, struct error *err) {
        _cleanup_json_ json_t *o = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind", "ConfigMap", "metadata", "name", "a");
        struct kube_evict_answer answer = { 0 };
        kube_apply(c, o, NULL, NULL, err);
        free(kube_error_cause(err, "FieldManagerConflict"));
        kube_error_retry_after_s(err);
        canned.asked = 0;
        kube_evict(c, "a", "b", NULL, -1, false, &answer, err);
        kube_evict_answer_done(&answer);
        canned.asked = 0;
        kube_delete_object(c, o, NULL, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static void (*const calls[])(struct kube_client *, struct error *) = { lists, changes, leases, releases, server, writes };
        static const int statuses[] = { 200, 201, 400, 403, 404, 409, 410, 422, 429, 500, 503, 302 };
        struct error err = ERROR_INIT;
        struct kube_client *c = NULL;
        struct clock *clock = clock_manual_new(INT64_C(1790000000000));
        struct kube_config config = { .server = "http://[::1]:1", .clock = clock, .max_tries = 1 };
        if (n >= 2) {
                config.max_tries = p[1] & 0x40 ? 4 : 1;
                CHECK(kube_client_new(&config, &c, &err) >= 0);
                canned = (struct canned_answer) { .status = statuses[p[1] % ARRAY_SIZE(statuses)], .p = p + 2, .n = n - 2, .with_headers = p[1] & 0x80,
                                                  .every = p[1] & 0x40 };
                calls[p[0] % ARRAY_SIZE(calls)](c, &err);
                CHECK(err.kind == ERR_NONE || !strpbrk(err.message, "\n\r\x1b"));
                CHECK(clock_mono_ms(clock) - INT64_C(1790000000000) < 2 * 3600000); /* no answer makes it wait for ever */
                kube_client_free(c);
        }
        clock_manual_free(clock);
        error_done(&err);
        return 0;
}
