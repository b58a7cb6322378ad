/* Calls, errors, retries, lists. */
#include "world.h"

#include "kube/evict.h"
#include "kube/helm.h"
#include "kube/lease.h"

START_TEST(plain_http_is_for_loopback_only) {
        static const struct { const char *url; bool allowed; } cases[] = {
                { "http://[::1]:8001", true },    { "http://127.0.0.1:8001/", true },     { "http://localhost:1", true },
                { "https://[2001:db8::1]:6443", true }, { "http://[2001:db8::1]:6443", false }, { "http://10.0.0.1", false },
                { "http://127.0.0.1.example.com", false }, { "ftp://[::1]", false }, { "", false }, { "nonsense", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct kube_config config = { .server = cases[i].url };
                struct kube_client *c = NULL;
                ck_assert_msg((kube_client_new(&config, &c, &err) == 0) == cases[i].allowed, "%s", cases[i].url);
                kube_client_free(c);
        }
}
END_TEST

START_TEST(paths) {
        _cleanup_str_ char *a = kube_path("v1", "nodes", NULL, "demo-worker-1", NULL);
        _cleanup_str_ char *b = kube_path("apps/v1", "daemonsets", "kube-system", "a b/c", "status");
        ck_assert_str_eq(a, "/api/v1/nodes/demo-worker-1");
        ck_assert_str_eq(b, "/apis/apps/v1/namespaces/kube-system/daemonsets/a%20b%2Fc/status");
}
END_TEST

#define STATUS(code, reason, message) \
        "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" message "\",\"reason\":\"" reason "\",\"code\":" #code "}"

START_TEST(errors_by_status) {
        static const struct { struct peer_answer answer; enum error_kind kind; bool retryable; } rows[] = {
                { { 400, NULL, STATUS(400, "BadRequest", "m") }, ERR_INVALID, false },
                { { 401, NULL, STATUS(401, "Unauthorized", "m") }, ERR_AUTH, false },
                { { 403, NULL, STATUS(403, "Forbidden", "m") }, ERR_AUTH, false },
                { { 403, NULL, "{\"message\":\"m\",\"details\":{\"causes\":[{\"reason\":\"NamespaceTerminating\"}]}}" }, ERR_CONFLICT, true },
                { { 404, NULL, STATUS(404, "NotFound", "m") }, ERR_NOT_FOUND, false },
                { { 409, NULL, STATUS(409, "AlreadyExists", "m") }, ERR_EXISTS, false },
                { { 409, NULL, STATUS(409, "Conflict", "m") }, ERR_CONFLICT, true },
                { { 410, NULL, STATUS(410, "Expired", "m") }, ERR_CONFLICT, true },
                { { 422, NULL, STATUS(422, "Invalid", "m") }, ERR_INVALID, false },
                { { 418, NULL, "short and stout" }, ERR_REFUSED, false },
                { { 503, NULL, "<html>gateway</html>" }, ERR_UNAVAILABLE, true },
                { { 504, NULL, "" }, ERR_TIMEOUT, true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_json_ json_t *o = json_object();
                WORLD(w, rows[i].answer);
                ck_fails(kube_create(w.client, "/api/v1/x", o, NULL, &err), err, rows[i].kind);
                ck_assert_int_eq(err.http_status, rows[i].answer.status);
                ck_assert_int_eq(err.retryable, rows[i].retryable);
                ck_assert_uint_eq(peer_count(w.peer), 1); /* a create is not repeated on any of them */
        }
}
END_TEST

START_TEST(reads_are_tried_again) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = NULL;
        WORLD(w, { 503, NULL, "" }, { .drop = true }, { 429, "Retry-After: 7\r\n", "" }, { 500, NULL, STATUS(500, "x", "m") },
              { 200, NULL, "{\"a\":1}" });
        int64_t before = clock_mono_ms(w.clock);
        ck_ok(kube_get(w.client, "/api/v1/x", &o, &err), err);
        ck_assert_uint_eq(peer_count(w.peer), 5);
        ck_assert_int_ge(clock_mono_ms(w.clock) - before, 7000); /* the server's wish counts */
}
END_TEST

/* Only the header had a limit; a wish in the body moved the next try to the end of time (and the sum past 64 bits). */
START_TEST(a_wish_to_wait_has_a_limit) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = NULL;
        WORLD(w, { 503, NULL, "{\"message\":\"m\",\"details\":{\"retryAfterSeconds\":9223372036854775807}}" }, { 200, NULL, "{\"a\":1}" });
        int64_t before = clock_mono_ms(w.clock);
        ck_ok(kube_get(w.client, "/api/v1/x", &o, &err), err);
        ck_assert_int_eq(clock_mono_ms(w.clock) - before, 60000);
}
END_TEST

START_TEST(tries_end) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = NULL;
        WORLD(w, { 503, NULL, STATUS(503, "ServiceUnavailable", "later") });
        ck_fails(kube_get(w.client, "/api/v1/x", &o, &err), err, ERR_UNAVAILABLE);
        ck_assert_uint_eq(peer_count(w.peer), 8);
        ck_assert_str_eq(err.api_code, "ServiceUnavailable");
        ck_assert_ptr_nonnull(strstr(err.message, "later"));
}
END_TEST

START_TEST(a_hurried_client_gives_up_sooner) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = NULL;
        WORLD(w, { 503, NULL, "" });
        _cleanup_(kube_client_freep) struct kube_client *hurried = kube_client_hurried(w.client, 1000, 2);
        ck_fails(kube_get(hurried, "/api/v1/x", &o, &err), err, ERR_UNAVAILABLE);
        ck_assert_uint_eq(peer_count(w.peer), 2);
}
END_TEST

/* A clock on which every look costs four seconds: so long does a dead server take. */
static int64_t slow_mono(struct clock *c) {
        int64_t *now = c->data;
        return *now += 4000;
}

static int64_t slow_now(struct clock *c) { return 0; }
static void no_sleep(struct clock *c, int64_t ms, const struct cancel *cancel) { }

START_TEST(silence_is_bounded) {
        _cleanup_error_ struct error err = ERROR_INIT;
        int64_t now = 0;
        struct clock slow = { .now_ms = slow_now, .mono_ms = slow_mono, .sleep_ms = no_sleep, .data = &now };
        _cleanup_json_ json_t *o = NULL;
        WORLD(w, { .drop = true });
        _cleanup_str_ char *url = peer_url(w.peer);
        struct kube_config config = { .server = url, .engine = w.engine, .clock = &slow, .max_tries = 100 };
        _cleanup_(kube_client_freep) struct kube_client *c = NULL;
        ck_ok(kube_client_new(&config, &c, &err), err);
        ck_assert_int_lt(kube_get(c, "/api/v1/x", &o, &err), 0);
        ck_assert_uint_eq(peer_count(w.peer), 4); /* 16 s */
}
END_TEST

START_TEST(a_create_is_repeated_only_when_nothing_was_done) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = json_object();
        {
                WORLD(w, { 429, NULL, "" }, { 201, NULL, "{}" });
                ck_ok(kube_create(w.client, "/api/v1/x", o, NULL, &err), err);
                ck_assert_uint_eq(peer_count(w.peer), 2);
        }
        WORLD(w, { .drop = true }, { 201, NULL, "{}" });
        ck_assert_int_lt(kube_create(w.client, "/api/v1/x", o, NULL, &err), 0);
        ck_assert(err.ambiguous);
        ck_assert_uint_eq(peer_count(w.peer), 1);
}
END_TEST

START_TEST(causes_and_retry_after) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = NULL;
        WORLD(w, { 422, NULL, "{\"message\":\"line one\\nline two\",\"details\":{\"retryAfterSeconds\":3,\"causes\":[{\"reason\":\"A\","
                              "\"message\":\"because\"}]}}" });
        ck_fails(kube_get(w.client, "/x", &o, &err), err, ERR_INVALID);
        ck_assert_int_eq(kube_error_retry_after_s(&err), 3);
        _cleanup_str_ char *cause = kube_error_cause(&err, "A"), *none = kube_error_cause(&err, "B");
        ck_assert_str_eq(cause, "because");
        ck_assert_ptr_null(none);
        ck_assert_ptr_null(strchr(err.message, '\n'));
}
END_TEST

START_TEST(lists_follow_pages) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *list = NULL;
        WORLD(w, { 200, NULL, "{\"metadata\":{\"continue\":\"a/b+c\"},\"items\":[{\"n\":1},{\"n\":2}]}" },
              { 200, NULL, "{\"metadata\":{\"continue\":\"\"},\"items\":[{\"n\":3}]}" });
        ck_ok(kube_list(w.client, "/api/v1/nodes", "labelSelector=a%3Db", &list, &err), err);
        ck_assert_uint_eq(json_array_size(list), 3);
        ck_assert_str_eq(peer_request(w.peer, 0)->line, "GET /api/v1/nodes?limit=500&labelSelector=a%3Db");
        ck_assert_str_eq(peer_request(w.peer, 1)->line, "GET /api/v1/nodes?limit=500&labelSelector=a%3Db&continue=a%2Fb%2Bc");
}
END_TEST

START_TEST(an_expired_list_begins_again) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *list = NULL;
        WORLD(w, { 200, NULL, "{\"metadata\":{\"continue\":\"t\"},\"items\":[{\"n\":1}]}" }, { 410, NULL, STATUS(410, "Expired", "too old") },
              { 200, NULL, "{\"metadata\":{\"continue\":\"u\"},\"items\":[{\"n\":7}]}" }, { 200, NULL, "{\"items\":[{\"n\":8}]}" });
        ck_ok(kube_list(w.client, "/api/v1/nodes", NULL, &list, &err), err);
        ck_assert_uint_eq(json_array_size(list), 2); /* nothing twice, nothing old */
        ck_assert_int_eq(json_integer_value(jget(list, "0.n")), 7);
        ck_assert_str_eq(peer_request(w.peer, 2)->line, "GET /api/v1/nodes?limit=500");
}
END_TEST

START_TEST(a_list_is_never_a_part) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *list = NULL;
        {
                WORLD(w, { 200, NULL, "{\"metadata\":{\"continue\":\"t\"},\"items\":[{\"n\":1}]}" }, { 403, NULL, "" });
                ck_fails(kube_list(w.client, "/api/v1/nodes", NULL, &list, &err), err, ERR_AUTH);
        }
        {
                WORLD(w, { 200, NULL, "{\"metadata\":{\"continue\":\"t\"},\"items\":[]}" });
                ck_fails(kube_list(w.client, "/api/v1/nodes", NULL, &list, &err), err, ERR_PROTOCOL);
        }
        WORLD(w, { 410, NULL, "" });
        ck_fails(kube_list(w.client, "/api/v1/nodes", NULL, &list, &err), err, ERR_CONFLICT);
        ck_assert_uint_eq(peer_count(w.peer), 4);
        ck_assert_ptr_null(list);
}
END_TEST

START_TEST(what_is_no_json) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *o = NULL;
        WORLD(w, { 200, NULL, "<html>" }, { 200, NULL, "{\"a\":" }, { 200, NULL, "[]" }, { 200, NULL, "" });
        for (int i = 0; i < 4; i++) {
                ck_fails(kube_get(w.client, "/x", &o, &err), err, ERR_PROTOCOL);
                ck_assert_ptr_null(o);
        }
}
END_TEST

START_TEST(readyz) {
        _cleanup_error_ struct error err = ERROR_INIT;
        WORLD(w, { 500, NULL, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac failed\nreadyz check failed\n" },
              { 200, NULL, "[+]ping ok\nreadyz check passed\n" });
        ck_fails(kube_readyz(w.client, &err), err, ERR_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(err.message, "etcd, poststarthook/rbac"));
        ck_assert_uint_eq(peer_count(w.peer), 1);
        ck_ok(kube_readyz(w.client, &err), err);
}
END_TEST

START_TEST(version_and_the_servers_time) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(kube_version_done) struct kube_version v = { 0 };
        WORLD(w, { 200, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                   "{\"major\":\"1\",\"minor\":\"36+\",\"gitVersion\":\"v1.36.3\",\"platform\":\"linux/arm64\"}" });
        ck_assert_int_eq(kube_now_ms(w.client), INT64_C(1790000000000));
        ck_ok(kube_version(w.client, &v, &err), err);
        ck_assert(v.major == 1 && v.minor == 36);
        ck_assert_str_eq(v.git_version, "v1.36.3");
        ck_assert_int_eq(kube_now_ms(w.client), INT64_C(784111777000));
        clock_manual_forward(w.clock, 1500);
        ck_assert_int_eq(kube_now_ms(w.client), INT64_C(784111778500));
}
END_TEST

START_TEST(deleting) {
        _cleanup_error_ struct error err = ERROR_INIT;
        WORLD(w, { 200, NULL, "{}" });
        ck_ok(kube_delete(w.client, "/api/v1/nodes/a", "uid-1", &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->line, "DELETE /api/v1/nodes/a");
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 0)->body, "\"preconditions\":{\"uid\":\"uid-1\"}"));
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 0)->body, "\"propagationPolicy\":\"Background\""));
}
END_TEST

/* ---- evictions: the answers of a real 1.36.3 ---- */

#define BUDGET "The disruption budget p needs 1 healthy pods and has 1 currently"

START_TEST(evictions) {
        static const struct { struct peer_answer answer; enum kube_evict_result result; int64_t after; const char *text; } rows[] = {
                { { 201, NULL, "{\"kind\":\"Status\",\"status\":\"Success\",\"code\":201}" }, KUBE_EVICTED, 0, NULL },
                { { 429, NULL, "{\"reason\":\"TooManyRequests\",\"message\":\"Cannot evict pod as it would violate the pod's disruption budget.\","
                               "\"details\":{\"causes\":[{\"reason\":\"DisruptionBudget\",\"message\":\"" BUDGET "\"}]}}" },
                  KUBE_EVICT_BLOCKED, 5, BUDGET },
                { { 429, "Retry-After: 10\r\n",
                    "{\"reason\":\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":10,\"causes\":[{\"reason\":\"DisruptionBudget\","
                    "\"message\":\"The disruption budget p is still being processed by the server.\"}]}}" },
                  KUBE_EVICT_WAIT, 10, "The disruption budget p is still being processed by the server." },
                { { 404, NULL, STATUS(404, "NotFound", "pods p not found") }, KUBE_EVICT_GONE, 0, NULL },
                { { 409, NULL, STATUS(409, "Conflict", "Precondition failed: UID in precondition: a, UID in object meta: b") },
                  KUBE_EVICT_GONE, 0, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_(kube_evict_answer_done) struct kube_evict_answer a = { 0 };
                WORLD(w, rows[i].answer);
                ck_ok(kube_evict(w.client, "default", "p", "uid-1", -1, i == 0, &a, &err), err);
                ck_assert_int_eq(a.result, rows[i].result);
                ck_assert_int_eq(a.retry_after_s, rows[i].after);
                ck_assert_msg(str_eq(a.text, rows[i].text), "%s", a.text);
                ck_assert_uint_eq(peer_count(w.peer), 1); /* asking again is the caller's business */
                ck_assert_str_eq(peer_request(w.peer, 0)->line, i == 0 ? "POST /api/v1/namespaces/default/pods/p/eviction?dryRun=All"
                                                                       : "POST /api/v1/namespaces/default/pods/p/eviction");
        }
}
END_TEST

START_TEST(two_budgets_are_never_forced) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct kube_evict_answer a = { 0 };
        WORLD(w, { 500, NULL, "{\"message\":\"This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.\"}" });
        ck_fails(kube_evict(w.client, "default", "p", NULL, 0, false, &a, &err), err, ERR_REFUSED);
        ck_assert(!err.retryable);
        ck_assert_uint_eq(peer_count(w.peer), 1);
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 0)->body, "\"gracePeriodSeconds\":0"));
}
END_TEST

/* ---- leases ---- */

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define LEASE(holder, renewed)                                                                                                        \
        "{\"metadata\":{\"name\":\"l\",\"namespace\":\"kube-system\",\"resourceVersion\":\"5\"},\"spec\":{\"holderIdentity\":\"" holder \
        "\",\"leaseDurationSeconds\":60,\"leaseTransitions\":2,\"acquireTime\":\"1994-11-06T08:00:00.000000Z\",\"renewTime\":\"" renewed "\"}}"

START_TEST(leases) {
        _cleanup_error_ struct error err = ERROR_INIT;
        {
                WORLD(w, { 404, DATE, STATUS(404, "NotFound", "m") }, { 201, DATE, LEASE("me", "1994-11-06T08:49:37.000000Z") });
                _cleanup_(kube_lease_done) struct kube_lease l = { 0 };
                ck_ok(kube_lease_acquire(w.client, "kube-system", "l", "me", 60, &l, &err), err);
                ck_assert_str_eq(l.holder, "me");
                ck_assert_str_eq(peer_request(w.peer, 1)->line, "POST /apis/coordination.k8s.io/v1/namespaces/kube-system/leases");
                ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 1)->body, "\"renewTime\":\"1994-11-06T08:49:37.000000Z\""));
        }
        { /* held: by the server's clock, not by ours */
                WORLD(w, { 200, DATE, LEASE("you", "1994-11-06T08:49:00.000000Z") });
                ck_fails(kube_lease_acquire(w.client, "kube-system", "l", "me", 60, NULL, &err), err, ERR_LOCKED);
                ck_assert_ptr_nonnull(strstr(err.message, "you"));
                ck_assert_uint_eq(peer_count(w.peer), 1);
        }
        { /* run out: taken over, with the version that was read */
                WORLD(w, { 200, DATE, LEASE("you", "1994-11-06T08:48:36.000000Z") }, { 200, DATE, LEASE("me", "1994-11-06T08:49:37.000000Z") });
                ck_ok(kube_lease_acquire(w.client, "kube-system", "l", "me", 60, NULL, &err), err);
                ck_assert_str_eq(peer_request(w.peer, 1)->line, "PUT /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l");
                ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 1)->body, "\"resourceVersion\":\"5\""));
                ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 1)->body, "\"leaseTransitions\":3"));
        }
        { /* somebody else was faster */
                WORLD(w, { 200, DATE, LEASE("", "1994-11-06T08:49:36.000000Z") }, { 409, DATE, STATUS(409, "Conflict", "modified") },
                      { 200, DATE, LEASE("you", "1994-11-06T08:49:37.000000Z") });
                ck_fails(kube_lease_acquire(w.client, "kube-system", "l", "me", 60, NULL, &err), err, ERR_LOCKED);
                ck_assert_ptr_nonnull(strstr(err.message, "held by you"));
        }
        { /* not ours: left alone */
                WORLD(w, { 200, DATE, LEASE("you", "1994-11-06T08:49:36.000000Z") });
                ck_ok(kube_lease_release(w.client, "kube-system", "l", "me", &err), err);
                ck_assert_uint_eq(peer_count(w.peer), 1);
        }
}
END_TEST

/* ---- Helm ---- */

START_TEST(helm_releases) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(kube_helm_releases_done) struct kube_helm_releases r = { 0 };
        WORLD(w, { 200, NULL,
                   "{\"items\":[{\"metadata\":{\"name\":\"sh.helm.release.v1.cilium.v10\",\"namespace\":\"kube-system\",\"labels\":{\"status\":"
                   "\"pending-upgrade\",\"modifiedAt\":\"1790000000\"}}},{\"metadata\":{\"name\":\"sh.helm.release.v1.cilium.v9\",\"namespace\":"
                   "\"kube-system\",\"labels\":{\"status\":\"deployed\"}}},{\"metadata\":{\"name\":\"sh.helm.release.v1.a.b.v1\",\"namespace\":\"x\"}},"
                   "{\"metadata\":{\"name\":\"other\",\"namespace\":\"x\"}}]}" });
        ck_ok(kube_helm_releases_list(w.client, "kube-system", "cilium", &r, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->line,
                         "GET /api/v1/namespaces/kube-system/secrets?limit=500&labelSelector=owner%3Dhelm%2Cname%3Dcilium");
        ck_assert_uint_eq(r.n, 3);
        ck_assert_str_eq(r.items[0].release, "a.b");
        const struct kube_helm_release *newest = kube_helm_newest(&r, "cilium");
        ck_assert_int_eq(newest->revision, 10);
        ck_assert_int_eq(newest->modified_ms, INT64_C(1790000000000));
        ck_assert(kube_helm_is_pending(newest));
        ck_assert(!kube_helm_is_pending(&r.items[1]));
        ck_assert_ptr_null(kube_helm_newest(&r, "talos"));
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("kube client");
        TCase *t = tcase_create("client");
        tcase_add_test(t, plain_http_is_for_loopback_only);
        tcase_add_test(t, paths);
        tcase_add_test(t, errors_by_status);
        tcase_add_test(t, reads_are_tried_again);
        tcase_add_test(t, a_wish_to_wait_has_a_limit);
        tcase_add_test(t, tries_end);
        tcase_add_test(t, a_hurried_client_gives_up_sooner);
        tcase_add_test(t, silence_is_bounded);
        tcase_add_test(t, a_create_is_repeated_only_when_nothing_was_done);
        tcase_add_test(t, causes_and_retry_after);
        tcase_add_test(t, lists_follow_pages);
        tcase_add_test(t, an_expired_list_begins_again);
        tcase_add_test(t, a_list_is_never_a_part);
        tcase_add_test(t, what_is_no_json);
        tcase_add_test(t, readyz);
        tcase_add_test(t, version_and_the_servers_time);
        tcase_add_test(t, deleting);
        suite_add_tcase(s, t);
        t = tcase_create("eviction");
        tcase_add_test(t, evictions);
        tcase_add_test(t, two_budgets_are_never_forced);
        suite_add_tcase(s, t);
        t = tcase_create("records");
        tcase_add_test(t, leases);
        tcase_add_test(t, helm_releases);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
