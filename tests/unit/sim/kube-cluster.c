/* The whole way of a cluster through the simulator's core: bootstrap, nodes, CCM, pod CIDRs, Helm, Ready, CoreDNS,
 * certificates. */
#include "tests/unit/sim/kube-world.h"

static const char ccm[] =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"talos-cloud-controller-manager\",\"namespace\":\"kube-system\"},\"spec\":{"
        "\"selector\":{\"matchLabels\":{\"app\":\"ccm\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"ccm\"}},\"spec\":{\"hostNetwork\":true,"
        "\"nodeSelector\":{\"node-role.kubernetes.io/control-plane\":\"\"},\"tolerations\":[{\"effect\":\"NoSchedule\",\"operator\":\"Exists\"}],"
        "\"containers\":[{\"name\":\"ccm\",\"image\":\"ghcr.io/siderolabs/talos-cloud-controller-manager:v1.12.0\",\"args\":[\"--controllers=cloud-node,"
        "node-csr-approval,node-ipam-controller\",\"--allocate-node-cidrs\"],\"volumeMounts\":[{\"name\":\"talos-secrets\",\"mountPath\":\"/var/run\"}]}],"
        "\"volumes\":[{\"name\":\"talos-secrets\",\"secret\":{\"secretName\":\"ccm-talos-secrets\"}}]}}}}";

static void apply_ccm(struct kube_bench *b) {
        json_decref(ck_call(b, 201, "PATCH", "/apis/talos.dev/v1alpha1/namespaces/kube-system/serviceaccounts/ccm-talos-secrets",
                            "fieldManager=helm&force=true", APPLY,
                            "{\"apiVersion\":\"talos.dev/v1alpha1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"ccm-talos-secrets\"},\"spec\":{\"roles\":[\"os:reader\"]}}"));
        json_decref(ck_call(b, 201, "PATCH", "/apis/apps/v1/namespaces/kube-system/daemonsets/talos-cloud-controller-manager",
                            "fieldManager=helm&force=true", APPLY,
                            ccm));
}

static const char cilium[] =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"cilium\",\"namespace\":\"kube-system\"},\"spec\":{\"selector\":{\"matchLabels\":"
        "{\"k8s-app\":\"cilium\"}},\"template\":{\"metadata\":{\"labels\":{\"k8s-app\":\"cilium\"}},\"spec\":{\"hostNetwork\":true,\"tolerations\":[{\"operator\":"
        "\"Exists\"}],\"containers\":[{\"name\":\"agent\",\"image\":\"quay.io/cilium/cilium:v1.19.6\"}]}}}}";

static const json_t *node_of(struct kube_bench *b, const char *name) {
        return kube_find(b->c, "", "nodes", NULL, name);
}

START_TEST(way_of_a_cluster) {
        struct kube_bench b;
        bench_start(&b, _i == 1);
        struct kube_machine *cp = bench_machine(&b, "cp-1", "2001:db8:1::/64", true), *w = bench_machine(&b, "w-1",
                                                                                          "2001:db8:2::/64", false);
        bench_run(&b, 60000);
        ck_assert(node_of(&b, "cp-1") && node_of(&b, "w-1"));
        ck_assert(meta_condition_is(node_of(&b, "w-1"), "Ready", "False"));
        ck_assert_ptr_null(jget_text(node_of(&b, "w-1"), "spec.providerID"));
        apply_ccm(&b);
        bench_run(&b, 60000);
        ck_text(node_of(&b, "cp-1"), "spec.providerID", "hcloud://4711");
        ck_text(node_of(&b, "w-1"), "spec.podCIDR", "2001:db8:2::/80");
        ck_assert(cp->has_serving && w->has_serving);
        ck_assert(meta_condition_is(node_of(&b, "w-1"), "Ready", "False"));
        json_decref(ck_call(&b, 201, "POST", "/apis/apps/v1/namespaces/kube-system/daemonsets", NULL, JSON, cilium));
        bench_run(&b, 120000);
        ck_assert(meta_condition_is(node_of(&b, "cp-1"), "Ready", "True") && meta_condition_is(node_of(&b, "w-1"), "Ready",
                                                                                          "True"));
        ck_assert_uint_eq(json_array_size(jget(node_of(&b, "w-1"), "spec.taints")), 0);
        const json_t *dns = kube_find(b.c, "apps", "deployments", "kube-system", "coredns");
        ck_assert_int_eq(meta_int(dns, "status.availableReplicas", 0), 2);
        bench_stop(&b);
}
END_TEST

START_TEST(silent_node_turns_unknown_and_comes_back) {
        struct kube_bench b;
        bench_start(&b, true);
        struct kube_machine *m = bench_machine(&b, "w-1", "2001:db8:2::/64", false);
        m->settings.cni_built_in = true;
        bench_run(&b, 60000);
        ck_assert(meta_condition_is(node_of(&b, "w-1"), "Ready", "True"));
        kube_machine_down(m);
        bench_run(&b, 30000);
        ck_assert(meta_condition_is(node_of(&b, "w-1"), "Ready", "True"));
        bench_run(&b, 15000);
        ck_assert(meta_condition_is(node_of(&b, "w-1"), "Ready", "Unknown"));
        kube_machine_up(m);
        m->reached = true;
        bench_run(&b, 60000);
        ck_assert(meta_condition_is(node_of(&b, "w-1"), "Ready", "True"));
        bench_stop(&b);
}
END_TEST

START_TEST(image_without_dns64_is_not_pulled) {
        struct kube_bench b;
        bench_start(&b, false);
        struct kube_machine *m = bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        strv_add(&m->settings.resolvers, "2001:db8:64::1");
        bench_run(&b, 10000);
        b.fault = "dns64-down";
        apply_ccm(&b);
        bench_run(&b, 20000);
        _cleanup_json_ json_t *pods = ck_call(&b, 200, "GET", "/api/v1/namespaces/kube-system/pods", "labelSelector=app=ccm",
                                              NULL, NULL);
        const json_t *status = json_array_get(jget(json_array_get(jget(pods, "items"), 0), "status.containerStatuses"), 0);
        ck_text(status, "state.waiting.reason", "ImagePullBackOff");
        ck_assert_ptr_nonnull(strstr(jget_text(status, "state.waiting.message"), "lookup ghcr.io on [2001:db8:64::1]:53"));
        ck_assert_ptr_null(jget_text(node_of(&b, "cp-1"), "spec.providerID"));
        bench_stop(&b);
}
END_TEST

START_TEST(early_request_is_skipped) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        bench_run(&b, 10000);
        apply_ccm(&b);
        bench_run(&b, 10000);
        b.fault = "kubelet-csr-early";
        struct kube_machine *w = bench_machine(&b, "w-1", "2001:db8:2::/64", false);
        bench_run(&b, 60000);
        ck_assert(!w->has_serving);
        const json_t *request = kube_find(b.c, "certificates.k8s.io", "certificatesigningrequests", NULL, w->csr_name);
        ck_assert_uint_eq(json_array_size(jget(request, "status.conditions")), 0);
        bench_run(&b, CSR_RETRY_MS);     /* the kubelet asks anew, and now its Node is there */
        ck_assert(w->has_serving);
        bench_stop(&b);
}
END_TEST

static Suite *suite_cluster(void) {
        Suite *s = suite_create("sim-kube-cluster");
        TCase *t = tcase_create("cluster");
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, way_of_a_cluster, 0, 2);
        tcase_add_test(t, silent_node_turns_unknown_and_comes_back);
        tcase_add_test(t, image_without_dns64_is_not_pulled);
        tcase_add_test(t, early_request_is_skipped);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_cluster())
