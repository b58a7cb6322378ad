/* Server-side apply: requests, order, kinds that come late, conflicts. */
#include "kube/apply.h"

#include "world.h"

static json_t *parse(const char *text) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *o = NULL;
        ck_ok(json_parse("test", text, strlen(text), &o, &err), err);
        return o;
}

START_TEST(one_object) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse("{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"ccm\",\"namespace\":\"kube-system\"}}");
        _cleanup_json_ json_t *now = NULL;
        struct kube_apply_options helm = { .field_manager = "helm", .force = true };
        WORLD(w, { 200, NULL, "{\"metadata\":{\"generation\":1}}" });
        ck_ok(kube_apply(w.client, o, &helm, &now, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->line, "PATCH /apis/apps/v1/namespaces/kube-system/daemonsets/ccm?fieldManager=helm&force=true");
        ck_assert_str_eq(peer_request(w.peer, 0)->content_type, "application/apply-patch+yaml");
        ck_assert_int_eq(json_integer_value(jget(now, "metadata.generation")), 1);
        ck_ok(kube_apply(w.client, o, NULL, NULL, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 1)->line, "PATCH /apis/apps/v1/namespaces/kube-system/daemonsets/ccm?fieldManager=hcloud-v6&force=false");
        ck_ok(kube_apply(w.client, o, &(struct kube_apply_options) { .dry_run = true }, NULL, &err), err);
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 2)->line, "&dryRun=All"));
}
END_TEST

START_TEST(order) {
        static const char yaml[] = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
                                   "---\n"
                                   "apiVersion: v1\nkind: List\nitems:\n"
                                   "  - {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n"
                                   "  - {apiVersion: v1, kind: Namespace, metadata: {name: n}}\n"
                                   "---\n# only a comment\n---\n"
                                   "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n"
                                   "---\n"
                                   "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n"
                                   "---\n"
                                   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c2}\n";
        static const char *const want[] = { "/api/v1/namespaces/n?", "/customresourcedefinitions/x?", "/clusterroles/r?", "/namespaces/demo/configmaps/c?",
                                            "/namespaces/demo/configmaps/c2?", "/namespaces/demo/deployments/d?" };
        _cleanup_error_ struct error err = ERROR_INIT;
        WORLD(w, { 200, NULL, "{}" });
        ck_ok(kube_apply_yaml(w.client, "test.yaml", yaml, strlen(yaml), &(struct kube_apply_options) { .ns = "demo" }, &err), err);
        ck_assert_uint_eq(peer_count(w.peer), ARRAY_SIZE(want));
        for (size_t i = 0; i < ARRAY_SIZE(want); i++)
                ck_assert_msg(strstr(peer_request(w.peer, i)->line, want[i]), "%zu: %s", i, peer_request(w.peer, i)->line);
}
END_TEST

#define TALOS_SA "{\"apiVersion\":\"talos.dev/v1alpha1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"s\",\"namespace\":\"kube-system\"}}"
#define DISCOVERY                                                                                                                    \
        "{\"resources\":[{\"name\":\"serviceaccounts/status\",\"kind\":\"ServiceAccount\",\"namespaced\":true},"                     \
        "{\"name\":\"serviceaccounts\",\"kind\":\"ServiceAccount\",\"namespaced\":true},{\"name\":\"clusters\",\"kind\":\"Cluster\",\"namespaced\":false}]}"

START_TEST(kinds_by_discovery) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse(TALOS_SA);
        /* The group is not there at first: its CRD was applied a moment ago. Then the resource lags behind. */
        WORLD(w, { 404, NULL, "404 page not found" }, { 200, NULL, DISCOVERY }, { 404, NULL, "{\"reason\":\"NotFound\",\"details\":{}}" }, { 201, NULL, "{}" });
        ck_ok(kube_apply(w.client, o, NULL, NULL, &err), err);
        ck_assert_uint_eq(peer_count(w.peer), 4);
        ck_assert_str_eq(peer_request(w.peer, 1)->line, "GET /apis/talos.dev/v1alpha1");
        ck_assert_str_eq(peer_request(w.peer, 3)->line,
                         "PATCH /apis/talos.dev/v1alpha1/namespaces/kube-system/serviceaccounts/s?fieldManager=hcloud-v6&force=false");
        ck_ok(kube_apply(w.client, o, NULL, NULL, &err), err);
        ck_assert_uint_eq(peer_count(w.peer), 5); /* what discovery said is kept */
}
END_TEST

START_TEST(a_kind_that_never_comes) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse(TALOS_SA);
        WORLD(w, { 404, NULL, "" });
        ck_fails(kube_apply(w.client, o, &(struct kube_apply_options) { .wait_kind_ms = 3000 }, NULL, &err), err, ERR_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(err.message, "ServiceAccount kube-system/s"));
        ck_assert_uint_ge(peer_count(w.peer), 6);
        ck_assert_uint_le(peer_count(w.peer), 8);
}
END_TEST

START_TEST(refusals) {
        static const struct { struct peer_answer answer; enum error_kind kind; const char *text; } rows[] = {
                { { 409, NULL, "{\"reason\":\"Conflict\",\"message\":\"Apply failed with 1 conflict: conflict with \\\"helm\\\": .spec.x\"}" }, ERR_CONFLICT, "helm" },
                { { 422, NULL, "{\"reason\":\"Invalid\",\"message\":\"spec.selector: field is immutable\"}" }, ERR_INVALID, "immutable" },
                { { 404, NULL, "{\"reason\":\"NotFound\",\"message\":\"namespaces \\\"n\\\" not found\",\"details\":{\"name\":\"n\",\"kind\":\"namespaces\"}}" },
                  ERR_NOT_FOUND, "namespaces" },
        };
        _cleanup_json_ json_t *o = parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\",\"namespace\":\"n\"}}");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                WORLD(w, rows[i].answer);
                ck_fails(kube_apply(w.client, o, NULL, NULL, &err), err, rows[i].kind);
                ck_assert_ptr_nonnull(strstr(err.message, rows[i].text));
                ck_assert_ptr_nonnull(strstr(err.message, "ConfigMap n/c"));
                ck_assert_uint_eq(peer_count(w.peer), 1);
        }
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *nameless = parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{}}");
        WORLD(w, { 200, NULL, "{}" });
        ck_fails(kube_apply(w.client, nameless, NULL, NULL, &err), err, ERR_INVALID);
        ck_assert_uint_eq(peer_count(w.peer), 0);
}
END_TEST

START_TEST(deleting_objects) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"n\"}}");
        _cleanup_json_ json_t *unknown = parse(TALOS_SA);
        WORLD(w, { 200, NULL, "{}" }, { 404, NULL, "" }, { 404, NULL, "" }, { 403, NULL, "" });
        ck_ok(kube_delete_object(w.client, o, NULL, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->line, "DELETE /api/v1/namespaces/n");
        ck_ok(kube_delete_object(w.client, o, NULL, &err), err);
        ck_ok(kube_delete_object(w.client, unknown, NULL, &err), err);
        ck_fails(kube_delete_object(w.client, o, NULL, &err), err, ERR_AUTH);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("kube apply");
        TCase *t = tcase_create("apply");
        tcase_add_test(t, one_object);
        tcase_add_test(t, order);
        tcase_add_test(t, kinds_by_discovery);
        tcase_add_test(t, a_kind_that_never_comes);
        tcase_add_test(t, refusals);
        tcase_add_test(t, deleting_objects);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
