/* Server-side apply, the other patches, selectors: pure functions of sim/kube. */
#include "sim/kube/apply.h"
#include "sim/kube/fields.h"
#include "sim/kube/patch.h"
#include "tests/unit/sim/kube-world.h"

static json_t *parse(const char *text) {
        json_error_t where;
        json_t *v = json_loads(text, 0, &where);
        ck_assert_msg(v != NULL, "%s: %s", where.text, text);
        return v;
}

static json_t *apply_ok(const json_t *live, const char *config, const char *manager, bool force) {
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *c = parse(config), *causes = NULL;
        json_t *out;
        ck_ok(apply_merge(live, c, manager, "", force, 1000, &out, &causes, &err), err);
        return out;
}

#define MAP "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"},\"data\":{"

START_TEST(apply_owns_what_it_sends) {
        _cleanup_json_ json_t *o = apply_ok(NULL, MAP "\"a\":\"1\",\"b\":\"2\"}}", "one", false);
        const json_t *entry = json_array_get(jget(o, "metadata.managedFields"), 0);
        ck_text(entry, "manager", "one");
        ck_text(entry, "operation", "Apply");
        _cleanup_json_ json_t *want = parse("{\"f:data\":{\"f:a\":{},\"f:b\":{}}}");
        ck_assert(json_equal(json_object_get(entry, "fieldsV1"), want));
}
END_TEST

START_TEST(apply_removes_what_it_no_longer_sends) {
        _cleanup_json_ json_t *first = apply_ok(NULL, MAP "\"a\":\"1\",\"b\":\"2\"}}", "one", false);
        _cleanup_json_ json_t *other = apply_ok(first, MAP "\"b\":\"2\",\"c\":\"3\"}}", "two", false);
        _cleanup_json_ json_t *o = apply_ok(other, MAP "\"x\":\"9\"}}", "one", false);
        ck_assert_ptr_null(jget(o, "data.a"));           /* only "one" owned it */
        ck_text(o, "data.b", "2");                       /* shared with "two" */
        ck_text(o, "data.c", "3");
        ck_text(o, "data.x", "9");
}
END_TEST

START_TEST(apply_conflicts_on_a_different_value_only) {
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *first = apply_ok(NULL, MAP "\"a\":\"1\"}}", "one", false), *causes = NULL;
        _cleanup_json_ json_t *same = apply_ok(first, MAP "\"a\":\"1\"}}", "two", false), *config = parse(MAP "\"a\":\"2\"}}");
        json_t *out = NULL;
        ck_assert_uint_eq(json_array_size(jget(same, "metadata.managedFields")), 2);
        ck_fails(apply_merge(first, config, "two", "", false, 1000, &out, &causes, &err), err, ERR_CONFLICT);
        ck_assert_str_eq(err.message, "Apply failed with 1 conflict: conflict with \"one\": .data.a");
        ck_text(json_array_get(causes, 0), "field", ".data.a");
        ck_text(json_array_get(causes, 0), "reason", "FieldManagerConflict");
        error_done(&err);
        _cleanup_json_ json_t *forced = apply_ok(first, MAP "\"a\":\"2\"}}", "two", true);
        ck_text(forced, "data.a", "2");
        ck_assert_uint_eq(json_array_size(jget(forced, "metadata.managedFields")), 1);
}
END_TEST

#define POD(containers) "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[" containers "]}}"

START_TEST(apply_merges_containers_by_name) {
        _cleanup_json_ json_t *a = apply_ok(NULL, POD("{\"name\":\"x\",\"image\":\"i\"}"), "one", false);
        _cleanup_json_ json_t *b = apply_ok(a, POD("{\"name\":\"y\",\"image\":\"j\"}"), "two", false);
        ck_assert_uint_eq(json_array_size(jget(b, "spec.containers")), 2);
        _cleanup_json_ json_t *c = apply_ok(b, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"}}", "two",
                                            false);
        ck_assert_uint_eq(json_array_size(jget(c, "spec.containers")), 1);
        ck_text(json_array_get(jget(c, "spec.containers"), 0), "name", "x");
}
END_TEST

/* The reason why the CCM is applied as "helm": the server's default in the atomic fieldRef differs from what was sent. */
START_TEST(apply_conflicts_on_a_defaulted_field_reference) {
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *live = apply_ok(NULL,
                                               POD("{\"name\":\"x\",\"env\":[{\"name\":\"E\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"f\"}}}]}"), "hcloud-v6", false);
        json_t *reference = (json_t *) jget(json_array_get(jget(json_array_get(jget(live, "spec.containers"), 0), "env"), 0),
                                            "valueFrom.fieldRef");
        json_object_set_new(reference, "apiVersion", json_string("v1"));
        _cleanup_json_ json_t *again = parse(POD("{\"name\":\"x\",\"env\":[{\"name\":\"E\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"f\"}}}]}")), *causes = NULL;
        json_t *out = NULL;
        ck_fails(apply_merge(live, again, "helm", "", false, 1, &out, &causes, &err), err, ERR_CONFLICT);
        ck_text(json_array_get(causes, 0), "field", ".spec.containers[name=\"x\"].env[name=\"E\"].valueFrom.fieldRef");
        error_done(&err);
        ck_ok(apply_merge(live, again, "hcloud-v6", "", false, 1, &out, &causes, &err), err);
        json_decref(out);
}
END_TEST

START_TEST(update_takes_ownership_of_what_it_changes) {
        _cleanup_json_ json_t *before = apply_ok(NULL, MAP "\"a\":\"1\",\"b\":\"2\"}}", "one",
                                                 false), *after = json_deep_copy(before);
        json_object_set_new(json_object_get(after, "data"), "a", json_string("5"));
        apply_track_update(before, after, "kubectl-edit", "", 2000);
        _cleanup_json_ json_t *want_one = parse("{\"f:data\":{\"f:b\":{}}}"), *want_edit = parse("{\"f:data\":{\"f:a\":{}}}");
        ck_assert(json_equal(jget(json_array_get(jget(after, "metadata.managedFields"), 0), "fieldsV1"), want_one));
        ck_assert(json_equal(jget(json_array_get(jget(after, "metadata.managedFields"), 1), "fieldsV1"), want_edit));
}
END_TEST

START_TEST(json_patch_operations) {
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse("{\"a\":{\"b/c\":[1,2,3]},\"k\":1}");
        _cleanup_json_ json_t *p = parse("[{\"op\":\"test\",\"path\":\"/k\",\"value\":1},{\"op\":\"remove\",\"path\":\"/a/b~1c/1\"},"
                                         "{\"op\":\"add\",\"path\":\"/a/b~1c/-\",\"value\":9},{\"op\":\"move\",\"from\":\"/k\",\"path\":\"/m\"}]");
        ck_ok(patch_json(o, p, &err), err);
        _cleanup_json_ json_t *want = parse("{\"a\":{\"b/c\":[1,3,9]},\"m\":1}");
        ck_assert(json_equal(o, want));
        _cleanup_json_ json_t *bad = parse("[{\"op\":\"test\",\"path\":\"/m\",\"value\":2}]");
        ck_fails(patch_json(o, bad, &err), err, ERR_REFUSED);
        error_done(&err);
}
END_TEST

START_TEST(strategic_merge_by_key) {
        struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse("{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"r\"},{\"type\":\"Disk\"}]},"
                                         "\"spec\":{\"taints\":[{\"key\":\"a\"}]}}");
        _cleanup_json_ json_t *p = parse("{\"status\":{\"$setElementOrder/conditions\":[],\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
                                         "{\"type\":\"Disk\",\"$patch\":\"delete\"}]},\"spec\":{\"taints\":[{\"key\":\"b\"}]}}");
        ck_ok(patch_strategic(o, p, &err), err);
        _cleanup_json_ json_t *want = parse("{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"r\"}]},"
                                            "\"spec\":{\"taints\":[{\"key\":\"b\"}]}}");
        ck_assert(json_equal(o, want));  /* taints are replaced: they have no merge key */
}
END_TEST

START_TEST(selectors) {
        static const struct { const char *text; bool matches; } cases[] = {
                { "a=1", true }, { "a==1,b!=3", true }, { "a!=1", false }, { "a in (1,2)", true }, { "a notin (1, 2)",
                                                                                          false }, { "c", false }, { "!c", true },
                { "c notin (x)", true }, { "", true }, { "a.b/c=d", true },
        };
        _cleanup_json_ json_t *labels = parse("{\"a\":\"1\",\"b\":\"2\",\"a.b/c\":\"d\"}");
        struct error err = ERROR_INIT;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct selector *s = NULL;
                ck_ok(selector_parse(cases[i].text, &s, &err), err);
                ck_assert_msg(selector_matches(s, labels) == cases[i].matches, "%s", cases[i].text);
                selector_free(s);
        }
        struct selector *s = NULL;
        ck_fails(selector_parse("a in 1", &s, &err), err, ERR_INVALID);
        error_done(&err);
        struct field_selector f = { 0 };
        ck_fails(field_selector_parse("Pod", "spec.foo=1", &f, &err), err, ERR_INVALID);
        error_done(&err);
}
END_TEST

START_TEST(quantities) {
        static const struct { const char *text; int64_t milli; } cases[] = {
                { "100m", 100 }, { "1", 1000 }, { "1Ki", 1024000 }, { "1e3", 1000000 }, { "0.5", 500 }, { "2M",
                                                                                          2000000000 }, { "1E", INT64_MAX },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *v = json_string(cases[i].text);
                int64_t milli = -1;
                ck_assert(quantity_parse(v, &milli));
                ck_assert_msg(milli == cases[i].milli, "%s: %lld", cases[i].text, (long long) milli);
        }
        _cleanup_json_ json_t *bad = json_string("1x");
        int64_t milli;
        ck_assert(!quantity_parse(bad, &milli));
}
END_TEST

static Suite *suite_apply(void) {
        Suite *s = suite_create("sim-kube-apply");
        TCase *t = tcase_create("apply");
        tcase_add_test(t, apply_owns_what_it_sends);
        tcase_add_test(t, apply_removes_what_it_no_longer_sends);
        tcase_add_test(t, apply_conflicts_on_a_different_value_only);
        tcase_add_test(t, apply_merges_containers_by_name);
        tcase_add_test(t, apply_conflicts_on_a_defaulted_field_reference);
        tcase_add_test(t, update_takes_ownership_of_what_it_changes);
        tcase_add_test(t, json_patch_operations);
        tcase_add_test(t, strategic_merge_by_key);
        tcase_add_test(t, selectors);
        tcase_add_test(t, quantities);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_apply())
