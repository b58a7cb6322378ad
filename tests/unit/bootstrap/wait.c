/* Waiting: on a clock that moves only by the pauses themselves. */
#include "bootstrap/private.h"
#include "ground.h"

START_TEST(pauses_grow_from_a_tenth_to_three_seconds) {
        _cleanup_ground_ struct ground g;
        _cleanup_error_ struct error err = ERROR_INIT;
        ground_init(&g);
        struct wait w = wait_begin(&g.b, 10 * MINUTE_MS, 0);
        int64_t before = 0, first = -1, last = 0;

        while (wait_pause(&w, &err, "never") >= 0) {
                last = wait_elapsed(&w) - before;
                first = first < 0 ? last : first;
                ck_assert_int_ge(last, 100);
                ck_assert_int_le(last, 3000);
                before = wait_elapsed(&w);
        }
        ck_assert_int_eq(first, 100);
        ck_assert_int_eq(last, 3000);
        ck_assert_int_eq(err.kind, ERR_TIMEOUT);
        ck_assert_msg(strstr(err.message, "gave up after 10 min") && strstr(err.message, "never"), "%s", err.message);
        ck_assert_int_ge(ground_elapsed(&g), 10 * MINUTE_MS);
        ck_assert_int_le(ground_elapsed(&g), 10 * MINUTE_MS + 3000);
}
END_TEST

START_TEST(no_timeout_means_the_default) {
        _cleanup_ground_ struct ground g;
        ground_init(&g);
        ck_assert_int_eq(wait_begin(&g.b, 0, 7000).end_ms - wait_begin(&g.b, 0, 7000).start_ms, 7000);
        ck_assert_int_eq(wait_begin(&g.b, 5, 7000).end_ms - wait_begin(&g.b, 5, 7000).start_ms, 5);
}
END_TEST

START_TEST(a_cancelled_wait_ends_at_once) {
        _cleanup_ground_ struct ground g;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct cancel *cancel = cancel_new();
        ground_init(&g);
        g.b.cancel = cancel;
        struct wait w = wait_begin(&g.b, MINUTE_MS, 0);

        cancel_trigger(cancel);
        ck_fails(wait_pause(&w, &err, "never"), err, ERR_CANCELLED);
        cancel_free(cancel);
}
END_TEST

START_TEST(an_api_that_never_gets_ready_is_given_up_with_what_it_said) {
        GROUND(g, { 500, NULL, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n" });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_fails(bootstrap_wait_api(&g.b, 2 * SECOND_MS, &err), err, ERR_TIMEOUT);
        ck_assert_msg(strstr(err.message, "etcd") != NULL, "%s", err.message);
        ck_assert_uint_gt(peer_count(g.peer), 5);
}
END_TEST

START_TEST(an_api_that_gets_ready_is_waited_for) {
        GROUND(g, { .drop = true }, { 503, NULL, "" }, { 200, NULL, "ok" });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(bootstrap_wait_api(&g.b, MINUTE_MS, &err), err);
        ck_assert_uint_eq(peer_count(g.peer), 3);
}
END_TEST

#define READY(status, message) "{\"metadata\":{\"name\":\"demo-1\"},\"status\":{\"conditions\":[{\"type\":\"Ready\"," \
                               "\"status\":\"" status "\",\"message\":\"" message "\"}]}}"

START_TEST(a_node_is_waited_for_until_it_is_ready) {
        GROUND(g, { 404, NULL, "{}" }, { 200, NULL, "{\"metadata\":{\"name\":\"demo-1\"}}" }, { 503, NULL, "" },
               { 200, NULL, READY("False", "cni plugin not initialized") }, { 200, NULL, READY("True", "") });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(bootstrap_wait_node_ready(&g.b, "demo-1", 0, &err), err);
        ck_assert_uint_eq(peer_count(g.peer), 5);
        ck_assert(strstr(g.notes, "the kubelet has not reported yet") && strstr(g.notes, "cni plugin not initialized"));
}
END_TEST

START_TEST(a_node_that_stays_unready_says_why) {
        GROUND(g, { 200, NULL, READY("False", "cni plugin not initialized") });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_fails(bootstrap_wait_node_ready(&g.b, "demo-1", SECOND_MS, &err), err, ERR_TIMEOUT);
        ck_assert_msg(strstr(err.message, "demo-1") && strstr(err.message, "cni plugin not initialized"), "%s", err.message);
}
END_TEST

START_TEST(refused_credentials_are_not_waited_for) {
        GROUND(g, { 401, NULL, "{\"kind\":\"Status\",\"reason\":\"Unauthorized\",\"message\":\"no\"}" });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_fails(bootstrap_wait_node_ready(&g.b, "demo-1", 0, &err), err, ERR_AUTH);
        ck_assert_uint_eq(peer_count(g.peer), 1);
        ck_assert_int_eq(ground_elapsed(&g), 0);
}
END_TEST

#define LISTED(name, status)                                                                                     \
        "{\"metadata\":{\"name\":\"" name "\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" status "\"}]}}"

/* As if so many threads waited. */
static void crowd(struct ground *g, unsigned n) {
        g->b.looks = node_looks_new();
        while (n-- > 0)
                node_looks_enter(&g->b);
}

START_TEST(many_who_wait_share_one_list) {
        GROUND(g, { 200, NULL, "{\"items\":[" LISTED("demo-1", "True") "," LISTED("demo-2", "False") "]}" },
               { 200, NULL, "{\"items\":[" LISTED("demo-1", "True") "," LISTED("demo-2", "True") "]}" });
        _cleanup_error_ struct error err = ERROR_INIT;

        crowd(&g, 3);
        ck_ok(bootstrap_wait_node_ready(&g.b, "demo-1", 0, &err), err);
        ck_assert_str_eq(peer_request(g.peer, 0)->line, "GET /api/v1/nodes?limit=100");
        ck_assert_int_eq(ground_elapsed(&g), 0);
        ck_ok(bootstrap_wait_node_ready(&g.b, "demo-2", 0, &err), err);      /* first by the same list, then, a pause later, by a new one */
        ck_assert_uint_eq(peer_count(g.peer), 2);
        ck_assert_int_eq(ground_elapsed(&g), 100);
        node_looks_free(g.b.looks);
}
END_TEST

START_TEST(a_node_that_no_list_has_did_not_report) {
        GROUND(g, { 200, NULL, "{\"items\":[" LISTED("demo-2", "True") "]}" });
        _cleanup_error_ struct error err = ERROR_INIT;

        crowd(&g, 3);
        ck_fails(bootstrap_wait_node_ready(&g.b, "demo-1", SECOND_MS, &err), err, ERR_TIMEOUT);
        ck_assert_msg(strstr(err.message, "there is no Node 'demo-1'") != NULL, "%s", err.message);
        node_looks_free(g.b.looks);
}
END_TEST

START_TEST(a_refused_list_is_everybodys_error) {
        GROUND(g, { 401, NULL, "{\"kind\":\"Status\",\"reason\":\"Unauthorized\",\"message\":\"no\"}" });
        _cleanup_error_ struct error err = ERROR_INIT;

        crowd(&g, 3);
        for (unsigned i = 1; i <= 2; i++) {
                ck_fails(bootstrap_wait_node_ready(&g.b, i == 1 ? "demo-1" : "demo-2", 0, &err), err, ERR_AUTH);
                error_done(&err);
        }
        ck_assert_uint_eq(peer_count(g.peer), 1);
        node_looks_free(g.b.looks);
}
END_TEST

START_TEST(a_few_ask_for_their_own_node) {
        GROUND(g, { 200, NULL, READY("True", "") });
        _cleanup_error_ struct error err = ERROR_INIT;

        crowd(&g, 1);
        ck_ok(bootstrap_wait_node_ready(&g.b, "demo-1", 0, &err), err);
        ck_assert_str_eq(peer_request(g.peer, 0)->line, "GET /api/v1/nodes/demo-1");
        node_looks_free(g.b.looks);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bootstrap wait");
        TCase *t = tcase_create("wait");

        tcase_add_test(t, pauses_grow_from_a_tenth_to_three_seconds);
        tcase_add_test(t, no_timeout_means_the_default);
        tcase_add_test(t, a_cancelled_wait_ends_at_once);
        tcase_add_test(t, an_api_that_never_gets_ready_is_given_up_with_what_it_said);
        tcase_add_test(t, an_api_that_gets_ready_is_waited_for);
        tcase_add_test(t, a_node_is_waited_for_until_it_is_ready);
        tcase_add_test(t, a_node_that_stays_unready_says_why);
        tcase_add_test(t, refused_credentials_are_not_waited_for);
        tcase_add_test(t, many_who_wait_share_one_list);
        tcase_add_test(t, a_node_that_no_list_has_did_not_report);
        tcase_add_test(t, a_refused_list_is_everybodys_error);
        tcase_add_test(t, a_few_ask_for_their_own_node);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
