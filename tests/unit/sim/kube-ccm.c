/* The Talos CCM's double by released versions: who falls into the own-address trap, who ends at once, whose certificates are denied. */
#include "sim/kube/ccm.h"
#include "sim/kube/csr.h"
#include "tests/unit/sim/kube-world.h"

#define ALLOCATES "\"--controllers=cloud-node,node-csr-approval,node-ipam-controller\",\"--allocate-node-cidrs\""
#define AUTO "\"--controllers=cloud-node,node-csr-approval\""

static void apply_ccm(struct kube_bench *b, const char *version, const char *arguments) {
        _cleanup_str_ char *text = xasprintf(
                "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"ccm\",\"namespace\":\"kube-system\"},\"spec\":{\"selector\":{"
                "\"matchLabels\":{\"app\":\"ccm\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"ccm\"}},\"spec\":{\"hostNetwork\":true,\"nodeSelector\":{"
                "\"node-role.kubernetes.io/control-plane\":\"\"},\"tolerations\":[{\"operator\":\"Exists\"}],\"containers\":[{\"name\":\"ccm\",\"image\":"
                "\"ghcr.io/siderolabs/talos-cloud-controller-manager:%s\",\"args\":[%s]}]}}}}", version, arguments);
        json_decref(ck_call(b, 201, "POST", "/apis/apps/v1/namespaces/kube-system/daemonsets", NULL, JSON, text));
}

static const json_t *ccm_pod(struct kube_bench *b) {
        const struct kube_type *pods = kube_type(b->c, "", "pods");
        size_t at = kube_lower_bound(pods, "kube-system/ccm-");
        ck_assert(at < pods->n && str_starts(pods->items[at].key, "kube-system/ccm-"));
        return pods->items[at].value;
}

static const struct { const char *version, *arguments, *pod_cidr; bool ends, serving; } released[] = {
        { "v1.4.0", ALLOCATES, NULL, true, false },
        { "v1.6.0", ALLOCATES, NULL, true, false },
        { "v1.6.0", "\"--controllers=cloud-node\"", NULL, false, false },
        { "v1.8.0", ALLOCATES, "2001:db8:2::/80", false, true },
        { "v1.8.1", ALLOCATES, "2001:db8:2::/80", false, true },
        { "v1.9.1", ALLOCATES, "2001:db8:2::/80", false, true },
        { "v1.10.1", ALLOCATES, "2001:db8:2::/80", false, true },
        { "v1.11.0", ALLOCATES, "2001:db8:2::/80", false, true },
        { "v1.12.0", ALLOCATES, "2001:db8:2::/80", false, true },
        { "edge", ALLOCATES, "2001:db8:2::/80", false, true },
        { "v1.8.0", AUTO, NULL, false, true },
        { "v1.12.0", AUTO, NULL, false, true },
        { "v1.12.0", ALLOCATES ",\"--allocate-node-cidrs=false\"", NULL, false, true },
};

START_TEST(versions) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        struct kube_machine *w = bench_machine(&b, "w-1", "2001:db8:2::/64", false);
        apply_ccm(&b, released[_i].version, released[_i].arguments);
        bench_run(&b, 120000);
        const json_t *node = kube_find(b.c, "", "nodes", NULL, "w-1"), *status = json_array_get(jget(ccm_pod(&b), "status.containerStatuses"), 0);
        ck_assert_pstr_eq(jget_text(node, "spec.podCIDR"), released[_i].pod_cidr);
        ck_assert_pstr_eq(jget_text(node, "spec.providerID"), released[_i].ends ? NULL : "hcloud://4712");
        ck_assert_int_eq(w->has_serving, released[_i].serving);
        ck_assert_pstr_eq(jget_text(status, "state.waiting.reason"), released[_i].ends ? "CrashLoopBackOff" : NULL);
        ck_assert_int_eq(meta_int(status, "restartCount", 0) > 0, released[_i].ends);
        if (released[_i].ends)
                ck_assert_pstr_eq(jget_text(status, "state.waiting.message"), "\"node-csr-approval\" is not in the list of known controllers");
        bench_stop(&b);
}
END_TEST

START_TEST(wide_pod_subnets_end_it) {
        struct kube_bench b;
        bench_start(&b, false);
        strv_add(&b.c->settings.pod_subnets, _i == 0 ? "fd40:10::/63" : "fd40:10::/64");
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        apply_ccm(&b, "v1.12.0", ALLOCATES);
        bench_run(&b, 60000);
        const json_t *status = json_array_get(jget(ccm_pod(&b), "status.containerStatuses"), 0);
        ck_assert_pstr_eq(jget_text(status, "state.waiting.reason"), _i == 0 ? "CrashLoopBackOff" : NULL);
        bench_stop(&b);
}
END_TEST

/* A request with the API server's name in it: denied since v1.11.0, approved or passed over before. */
START_TEST(names_of_the_api_server) {
        static const struct { const char *version, *name, *verdict; } cases[] = {
                { "v1.10.1", "kubernetes", NULL }, { "v1.11.0", "kubernetes", "Denied" }, { "v1.12.0", "kubernetes.default", "Denied" },
                { "v1.12.0", "kubernetes-1", NULL },     /* no Node of that name: not looked at again */
        };
        struct kube_bench b;
        struct ip6_addr a;
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_str_ char *pem = NULL;
        bench_start(&b, false);
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        apply_ccm(&b, cases[_i].version, AUTO);
        bench_run(&b, 60000);
        ck_assert(ip6_parse("2001:db8:1::1", &a));
        ck_ok(csr_make("system:node:cp-1", "system:nodes", cases[_i].name, &a, &pem, NULL, &err), err);
        _cleanup_str_ char *encoded = base64_encode(pem, strlen(pem));
        ck_assert(kube_save(b.c, "kubelet", "", json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:s, s:[ss], s:s, s:[s]}}", "apiVersion", "certificates.k8s.io/v1",
                                                          "kind", "CertificateSigningRequest", "metadata", "name", "odd", "spec", "request", encoded,
                                                          "signerName", "kubernetes.io/kubelet-serving", "usages", "digital signature", "server auth",
                                                          "username", "system:node:cp-1", "groups", "system:nodes")));
        bench_run(&b, 10000);
        const json_t *condition = json_array_get(jget(kube_find(b.c, "certificates.k8s.io", "certificatesigningrequests", NULL, "odd"),
                                                      "status.conditions"), 0);
        ck_assert_pstr_eq(jget_text(condition, "type"), cases[_i].verdict);
        bench_stop(&b);
}
END_TEST

START_TEST(what_node_restriction_refuses) {
        struct kube_bench b;
        bench_start(&b, false);
        struct kube_machine *w = bench_machine(&b, "w-1", "2001:db8:2::/64", false);
        kvs_set(&w->settings.labels, "example.com/tier", "db");
        if (_i == 1)
                kvs_set(&w->settings.labels, "node-role.kubernetes.io/worker", "");
        if (_i == 2) {
                struct kube_taint t = { xstrdup("example.com/db"), xstrdup(""), xstrdup("NoSchedule"), false };
                ARRAY_APPEND(w->settings.taints, w->settings.n_taints, t);
        }
        if (_i == 3) {
                struct kube_taint t = { xstrdup("example.com/db"), xstrdup(""), xstrdup("NoSchedule"), true };
                ARRAY_APPEND(w->settings.taints, w->settings.n_taints, t);
        }
        bench_run(&b, 20000);
        const json_t *node = kube_find(b.c, "", "nodes", NULL, "w-1");
        bool refused = _i == 1 || _i == 2, tainted = false;
        size_t i;
        json_t *each;
        json_array_foreach(jget(node, "spec.taints"), i, each)
                tainted |= str_eq(jget_text(each, "key"), "example.com/db");
        ck_assert_pstr_eq(meta_label(node, "example.com/tier"), refused ? NULL : "db");
        ck_assert_ptr_null(meta_label(node, "node-role.kubernetes.io/worker"));
        ck_assert_int_eq(tainted, _i == 3);
        ck_assert_pstr_eq(meta_label(node, "kubernetes.io/hostname"), "w-1");
        bench_stop(&b);
}
END_TEST

static Suite *suite_ccm(void) {
        Suite *s = suite_create("sim-kube-ccm");
        TCase *t = tcase_create("ccm");
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, versions, 0, ARRAY_SIZE(released));
        tcase_add_loop_test(t, wide_pod_subnets_end_it, 0, 2);
        tcase_add_loop_test(t, names_of_the_api_server, 0, 4);
        tcase_add_loop_test(t, what_node_restriction_refuses, 0, 4);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_ccm())
