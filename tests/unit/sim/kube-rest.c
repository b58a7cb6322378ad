/* What the simulated API server answers and refuses. */
#include "tests/unit/sim/kube-world.h"

#define PODS "/api/v1/namespaces/default/pods"
#define BARE(name, labels) "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\",\"labels\":{" labels "}},\"spec\":{\"containers\":[{\"name\":\"c\"," \
        "\"image\":\"registry.k8s.io/pause:3\"}]}}"

static struct kube_machine *ready_node(struct kube_bench *b) {
        struct kube_machine *m = bench_machine(b, "w-1", "2001:db8:2::/64", false);
        m->settings.cni_built_in = true;
        m->settings.external_cloud_provider = false;
        bench_run(b, 10000);
        return m;
}

static void refused(json_t *answer, const char *reason, const char *message) {
        ck_text(answer, "kind", "Status");
        ck_text(answer, "reason", reason);
        ck_assert_msg(strstr(jget_text(answer, "message"), message) != NULL, "%s", jget_text(answer, "message"));
        json_decref(answer);
}

START_TEST(refuses_what_the_real_one_refuses) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_run(&b, 1000);
        refused(ck_call(&b, 404, "GET", "/apis/cilium.io/v2/ciliumnodes", NULL, NULL, NULL), "NotFound",
                "could not find the requested resource");
        refused(ck_call(&b, 404, "GET", PODS "/x", NULL, NULL, NULL), "NotFound", "pods \"x\" not found");
        refused(ck_call(&b, 404, "POST", "/api/v1/namespaces/nope/pods", NULL, JSON, BARE("p", "")), "NotFound",
                "namespaces \"nope\" not found");
        refused(ck_call(&b, 422, "POST", PODS, NULL, JSON, BARE("Bad_Name", "")), "Invalid", "a lowercase RFC 1123 subdomain");
        refused(ck_call(&b, 400, "POST", PODS, NULL, JSON,
                        "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"p\"}}"), "BadRequest",
                        "cannot be handled as a Pod");
        refused(ck_call(&b, 400, "POST", PODS, NULL, JSON, "{"), "BadRequest", "must be valid JSON");
        json_decref(ck_call(&b, 201, "POST", PODS, NULL, JSON, BARE("p", "")));
        refused(ck_call(&b, 409, "POST", PODS, NULL, JSON, BARE("p", "")), "AlreadyExists", "pods \"p\" already exists");
        refused(ck_call(&b, 415, "PATCH", PODS "/p", NULL, JSON, "{}"), "UnsupportedMediaType", "unknown format");
        refused(ck_call(&b, 422, "PATCH", PODS "/p", NULL, APPLY, BARE("p", "")), "Invalid", "fieldManager");
        refused(ck_call(&b, 400, "GET", PODS, "fieldSelector=spec.nope=1", NULL, NULL), "BadRequest",
                "field label not supported");
        bench_stop(&b);
}
END_TEST

START_TEST(pod_cidr_is_set_once) {
        struct kube_bench b;
        bench_start(&b, false);
        ready_node(&b);
        json_decref(ck_call(&b, 200, "PATCH", "/api/v1/nodes/w-1", NULL, MERGE,
                            "{\"spec\":{\"podCIDR\":\"2001:db8:2:0:1::/80\",\"podCIDRs\":[\"2001:db8:2:0:1::/80\"]}}"));
        refused(ck_call(&b, 422, "PATCH", "/api/v1/nodes/w-1", NULL, MERGE,
                        "{\"spec\":{\"podCIDR\":\"2001:db8:2:0:2::/80\",\"podCIDRs\":[\"2001:db8:2:0:2::/80\"]}}"), "Invalid",
                "Node \"w-1\" is invalid: spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid");
        refused(ck_call(&b, 422, "PATCH", "/api/v1/nodes/w-1", NULL, MERGE, "{\"spec\":{\"podCIDRs\":[\"nonsense\"]}}"),
                "Invalid", "podCIDR");
        bench_stop(&b);
}
END_TEST

START_TEST(old_resource_version_conflicts) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_run(&b, 1000);
        json_t *o = ck_call(&b, 201, "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", NULL, JSON,
                            "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"a\"}}");
        _cleanup_str_ char *old = json_write(o);
        json_object_set_new(json_object_get(o, "spec"), "holderIdentity", json_string("b"));
        _cleanup_str_ char *new_text = json_write(o);
        json_decref(o);
        json_decref(ck_call(&b, 200, "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l", NULL, JSON,
                            new_text));
        refused(ck_call(&b, 409, "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l", NULL, JSON, old),
                "Conflict", "the object has been modified");
        bench_stop(&b);
}
END_TEST

START_TEST(lists_in_pages) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_run(&b, 1000);
        for (int i = 0; i < 5; i++) {
                _cleanup_str_ char *body = xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m%d\",\"labels\":{\"t\":\"x\"}}}", i);
                json_decref(ck_call(&b, 201, "POST", "/api/v1/namespaces/default/configmaps", NULL, JSON, body));
        }
        json_t *page = ck_call(&b, 200, "GET", "/api/v1/configmaps", "labelSelector=t=x&limit=2", NULL, NULL);
        ck_assert_uint_eq(json_array_size(jget(page, "items")), 2);
        ck_assert_int_eq(meta_int(page, "metadata.remainingItemCount", 0), 3);
        _cleanup_str_ char *query = xasprintf("labelSelector=t=x&limit=9&continue=%s", jget_text(page, "metadata.continue"));
        json_decref(page);
        page = ck_call(&b, 200, "GET", "/api/v1/configmaps", query, NULL, NULL);
        ck_assert_uint_eq(json_array_size(jget(page, "items")), 3);
        ck_text(json_array_get(jget(page, "items"), 0), "metadata.name", "m2");
        json_decref(page);
        b.now_ms += 6 * 60000;
        refused(ck_call(&b, 410, "GET", "/api/v1/configmaps", query, NULL, NULL), "Expired", "too old");
        bench_stop(&b);
}
END_TEST

static json_t *evict(struct kube_bench *b, const char *pod, int want) {
        _cleanup_str_ char *path = xasprintf(PODS "/%s/eviction", pod);
        _cleanup_str_ char *body = xasprintf("{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\"}}", pod);
        return ck_call(b, want, "POST", path, NULL, JSON, body);
}

#define BUDGETS "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
#define BUDGET(name) "{\"apiVersion\":\"policy/v1\",\"kind\":\"PodDisruptionBudget\",\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"minAvailable\":1," \
        "\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}"

START_TEST(evictions_answer_as_the_real_server) {
        struct kube_bench b;
        bench_start(&b, false);
        ready_node(&b);
        json_decref(ck_call(&b, 201, "POST", PODS, NULL, JSON, BARE("p", "\"a\":\"b\"")));
        json_decref(ck_call(&b, 201, "POST", PODS, NULL, JSON, BARE("q", "")));
        bench_run(&b, 10000);
        json_decref(evict(&b, "none", 404));
        json_t *answer = evict(&b, "q", 201);
        ck_text(answer, "status", "Success");
        json_decref(answer);
        bench_run(&b, 10000);
        ck_assert_ptr_null(kube_find(b.c, "", "pods", "default", "q"));
        json_decref(ck_call(&b, 201, "POST", BUDGETS, NULL, JSON, BUDGET("p")));
        answer = evict(&b, "p", 429);
        ck_assert_int_eq(meta_int(answer, "details.retryAfterSeconds", 0), 10);
        json_decref(answer);
        bench_run(&b, 10000);
        answer = evict(&b, "p", 429);
        ck_assert_ptr_null(jget(answer, "details.retryAfterSeconds"));
        ck_text(json_array_get(jget(answer, "details.causes"), 0), "message",
                "The disruption budget p needs 1 healthy pods and has 1 currently");
        ck_text(json_array_get(jget(answer, "details.causes"), 0), "reason", "DisruptionBudget");
        json_decref(answer);
        json_decref(ck_call(&b, 201, "POST", BUDGETS, NULL, JSON, BUDGET("second")));
        answer = evict(&b, "p", 500);
        ck_text(answer, "message",
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
        ck_assert_ptr_null(jget(answer, "reason"));
        json_decref(answer);
        bench_stop(&b);
}
END_TEST

START_TEST(pods_that_do_not_fit_say_why) {
        struct kube_bench b;
        bench_start(&b, false);
        ready_node(&b);
        json_decref(ck_call(&b, 201, "POST", PODS, NULL, JSON,
                            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"big\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{"
                            "\"requests\":{\"cpu\":\"9\"}}}]}}"));
        bench_run(&b, 10000);
        const json_t *condition = meta_condition(kube_find(b.c, "", "pods", "default", "big"), "PodScheduled");
        ck_text(condition, "reason", "Unschedulable");
        ck_text(condition, "message", "0/1 nodes are available: 1 Insufficient cpu.");
        bench_stop(&b);
}
END_TEST

START_TEST(dry_run_changes_nothing) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_run(&b, 1000);
        json_decref(ck_call(&b, 201, "POST", PODS, "dryRun=All", JSON, BARE("p", "")));
        json_decref(ck_call(&b, 404, "GET", PODS "/p", NULL, NULL, NULL));
        bench_stop(&b);
}
END_TEST

struct heard { char text[512]; };
static void hear(void *data, const char *what, const json_t *object) {
        struct heard *h = data;
        size_t n = strlen(h->text);
        snprintf(h->text + n, sizeof(h->text) - n, "%s %s;", what, meta_name(object));
}

START_TEST(watches_see_objects_enter_and_leave_a_selection) {
        struct kube_bench b;
        struct heard heard = { "" };
        struct error err = ERROR_INIT;
        bench_start(&b, false);
        bench_run(&b, 1000);
        struct kube_watch *w = xnew0(struct kube_watch);
        w->type = kube_type(b.c, "", "configmaps");
        w->fn = hear;
        w->data = &heard;
        ck_ok(selector_parse("on=1", &w->labels, &err), err);
        int64_t from = b.c->rv;
        json_decref(ck_call(&b, 201, "POST", "/api/v1/namespaces/default/configmaps", NULL, JSON,
                            "{\"metadata\":{\"name\":\"m\",\"labels\":{\"on\":\"1\"}}}"));
        ck_assert(kube_watch_start(b.c, w, from));
        ck_assert_str_eq(heard.text, "ADDED m;");
        json_decref(ck_call(&b, 200, "PATCH", "/api/v1/namespaces/default/configmaps/m", NULL, MERGE,
                            "{\"data\":{\"a\":\"b\"}}"));
        json_decref(ck_call(&b, 200, "PATCH", "/api/v1/namespaces/default/configmaps/m", NULL, MERGE,
                            "{\"metadata\":{\"labels\":{\"on\":null}}}"));
        ck_assert_str_eq(heard.text, "ADDED m;MODIFIED m;DELETED m;");
        kube_watch_stop(w);
        bench_stop(&b);
}
END_TEST

START_TEST(owners_take_their_pods_along) {
        struct kube_bench b;
        bench_start(&b, false);
        ready_node(&b);
        json_decref(ck_call(&b, 201, "POST", "/apis/apps/v1/namespaces/default/deployments", NULL, JSON,
                            "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
                            "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}"));
        bench_run(&b, 10000);
        _cleanup_json_ json_t *pods = ck_call(&b, 200, "GET", PODS, "labelSelector=a=b", NULL, NULL);
        ck_assert_uint_eq(json_array_size(jget(pods, "items")), 2);
        json_decref(ck_call(&b, 200, "DELETE", "/apis/apps/v1/namespaces/default/deployments/d", NULL, NULL, NULL));
        bench_run(&b, 10000);
        _cleanup_json_ json_t *left = ck_call(&b, 200, "GET", PODS, "labelSelector=a=b", NULL, NULL);
        ck_assert_uint_eq(json_array_size(jget(left, "items")), 0);
        bench_stop(&b);
}
END_TEST

static Suite *suite_rest(void) {
        Suite *s = suite_create("sim-kube-rest");
        TCase *t = tcase_create("rest");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, refuses_what_the_real_one_refuses);
        tcase_add_test(t, pod_cidr_is_set_once);
        tcase_add_test(t, old_resource_version_conflicts);
        tcase_add_test(t, lists_in_pages);
        tcase_add_test(t, evictions_answer_as_the_real_server);
        tcase_add_test(t, pods_that_do_not_fit_say_why);
        tcase_add_test(t, dry_run_changes_nothing);
        tcase_add_test(t, watches_see_objects_enter_and_leave_a_selection);
        tcase_add_test(t, owners_take_their_pods_along);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_rest())
