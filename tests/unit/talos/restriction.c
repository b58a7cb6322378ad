/* What Kubernetes takes from no worker, found in both forms of the machine config. */
#include "talos/config.h"
#include "tests/unit/unit.h"

static void ck_refusal(const char *text, const char *wanted) {
        struct yaml_docs docs = { 0 };
        struct error err = ERROR_INIT;
        ck_ok(yaml_parse("test", text, strlen(text), &docs, &err), err);
        _cleanup_str_ char *refusal = talos_config_worker_refusal(&docs);
        if (wanted)
                ck_assert_pstr_eq(refusal, wanted);
        else
                ck_assert_ptr_null(refusal);
        yaml_docs_done(&docs);
}

START_TEST(labels) {
        static const struct { const char *label; bool refused; } cases[] = {
                { "node-role.kubernetes.io/worker", true }, { "kubernetes.io/role", true }, { "node-restriction.kubernetes.io/x", true },
                { "example.k8s.io/x", true }, { "kubernetes.io/hostname", false }, { "topology.kubernetes.io/zone", false },
                { "node.kubernetes.io/x", false }, { "a.kubelet.kubernetes.io/x", false }, { "example.com/x", false }, { "x", false },
                { "mykubernetes.io/x", false },
        };
        _cleanup_str_ char *text = xasprintf("machine:\n  nodeLabels:\n    %s: \"\"\n", cases[_i].label), *refusal = xasprintf("label %s", cases[_i].label);
        _cleanup_str_ char *document = xasprintf("apiVersion: v1alpha1\nkind: KubeNodeConfig\nlabels:\n  %s: \"\"\n", cases[_i].label);
        ck_refusal(text, cases[_i].refused ? refusal : NULL);
        ck_refusal(document, cases[_i].refused ? refusal : NULL);
}
END_TEST

START_TEST(taints) {
        ck_refusal("machine:\n  nodeTaints:\n    example.com/x: NoSchedule\n", "taint example.com/x");
        ck_refusal("apiVersion: v1alpha1\nkind: KubeNodeConfig\ntaints:\n  gpu: yes:NoSchedule\n", "taint gpu");
        ck_refusal("machine:\n  nodeTaints: {}\n", NULL);
        ck_refusal("machine:\n  kubelet:\n    extraConfig:\n      registerWithTaints: [{key: a, effect: NoSchedule}]\n", NULL);
}
END_TEST

static Suite *suite_restriction(void) {
        Suite *s = suite_create("talos-restriction");
        TCase *t = tcase_create("restriction");
        tcase_add_loop_test(t, labels, 0, 11);
        tcase_add_test(t, taints);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_restriction())
