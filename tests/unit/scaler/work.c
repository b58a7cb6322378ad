/* What acting rests on: the Lease, the drain, the timer's files, the metrics. */
#include "tests/unit/kube/world.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "scaler/drain.h"
#include "scaler/hold.h"
#include "scaler/metrics.h"
#include "scaler/timer.h"

/* ---- the Lease; the manual clock stands at 2026-09-21T14:13:20Z ---- */

#define LEASE(holder) "{\"metadata\":{\"name\":\"hcloud-v6-scale\",\"resourceVersion\":\"7\"},\"spec\":{\"holderIdentity\":\"" holder \
                      "\",\"leaseDurationSeconds\":60,\"renewTime\":\"2026-09-21T14:13:20.000000Z\"}}"

START_TEST(a_lease_that_another_took_in_the_middle) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct hold *h = NULL;
        WORLD(w, { 200, NULL, LEASE("me") }, { 200, NULL, LEASE("me") }, { 200, NULL, LEASE("another") });
        ck_ok(hold_take_renewing(w.client, "me", 20, &h, &err), err);
        for (int64_t end = clock_mono_ms(NULL) + 20000; clock_mono_ms(NULL) < end && hold_check(h, NULL) >= 0;)
                sched_yield();
        ck_fails(hold_check(h, &err), err, ERR_LOCKED);
        ck_assert(!err.retryable);
        hold_release(h);
        for (size_t i = 2; i < peer_count(w.peer); i++)         /* what is another's is not given back, nor overwritten */
                ck_assert_msg(strncmp(peer_request(w.peer, i)->line, "GET ", 4) == 0, "%s", peer_request(w.peer, i)->line);
}
END_TEST

START_TEST(a_lease_that_another_holds) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct hold *h = NULL;
        WORLD(w, { 200, NULL, LEASE("another") });
        ck_fails(hold_take(w.client, "me", &h, &err), err, ERR_LOCKED);
        ck_assert_ptr_nonnull(strstr(err.message, "another"));
        ck_assert_ptr_null(h);
        ck_assert_int_eq(hold_check(NULL, &err), 0);
}
END_TEST

/* ---- the drain ---- */

#define NODE(annotations, cordoned) "{\"metadata\":{\"name\":\"n\",\"annotations\":{" annotations "}},\"spec\":{\"unschedulable\":" cordoned "}}"
#define DRAINING "\"hcloud-v6/scale-down\":\"draining\",\"hcloud-v6/scale-down-since\":\"2026-09-21T14:00:00Z\""
#define PODS(items) "{\"items\":[" items "]}"
#define POD(uid, created) "{\"metadata\":{\"name\":\"web-0\",\"namespace\":\"default\",\"uid\":\"" uid "\",\"creationTimestamp\":\"" created "\"},\"spec\":{\"nodeName\":\"n\"}," \
                          "\"status\":{\"phase\":\"Running\"}}"

static struct drainer drainer_of(const struct world *w) {
        return (struct drainer) { .kube = w->client, .clock = w->clock, .deadline_ms = clock_mono_ms(w->clock) + 60000 };
}

START_TEST(a_drain_is_taken_up_again) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct drain_result r;
        WORLD(w, { 200, NULL, NODE(DRAINING, "true") }, { 200, NULL, PODS("") }, { 200, NULL, NODE("", "true") });
        struct drainer d = drainer_of(&w);
        int64_t since;
        ck_ok(drain_node(&d, "n", &r, &err), err);
        ck_assert(time_parse_rfc3339("2026-09-21T14:00:00Z", &since));
        ck_assert_int_eq(r.since_ms, since);                    /* the first cordon's, not now */
        ck_assert_int_eq(r.state, DRAIN_DONE);
        ck_assert_uint_eq(peer_count(w.peer), 3);               /* not cordoned a second time */
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 2)->body, "\"drained\""));
        drain_result_done(&r);
}
END_TEST

START_TEST(a_persons_cordon_is_remembered_and_stays) {
        _cleanup_error_ struct error err = ERROR_INIT;
        enum drain_state state;
        int64_t since;
        WORLD(w, { 200, NULL, NODE("", "true") }, { 200, NULL, "{}" }, { 200, NULL, NODE(DRAINING ",\"hcloud-v6/was-cordoned\":\"true\"", "true") }, { 200, NULL, "{}" },
              { 200, NULL, NODE(DRAINING, "true") }, { 200, NULL, "{}" }, { 200, NULL, NODE("", "true") });
        struct drainer d = drainer_of(&w);
        ck_ok(drain_cordon(&d, "n", &state, &since, &err), err);
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 1)->body, "\"hcloud-v6/was-cordoned\":\"true\""));
        ck_ok(drain_give_back(&d, "n", &err), err);
        ck_assert_ptr_null(strstr(peer_request(w.peer, 3)->body, "unschedulable"));
        ck_ok(drain_give_back(&d, "n", &err), err);             /* one that only we cordoned */
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 5)->body, "\"unschedulable\":null"));
        ck_ok(drain_give_back(&d, "n", &err), err);             /* one without a mark of ours is left alone */
        ck_assert_uint_eq(peer_count(w.peer), 7);
}
END_TEST

START_TEST(a_node_that_a_person_uncordoned) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct drain_result r;
        WORLD(w, { 200, NULL, NODE(DRAINING, "false") }, { 200, NULL, NODE(DRAINING, "false") }, { 200, NULL, "{}" });
        struct drainer d = drainer_of(&w);
        ck_ok(drain_node(&d, "n", &r, &err), err);
        ck_assert_int_eq(r.state, DRAIN_GIVEN_BACK);
        ck_assert_uint_eq(peer_count(w.peer), 3);               /* no pod was asked to go */
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 2)->body, "\"hcloud-v6/scale-down\":null"));
        drain_result_done(&r);
}
END_TEST

START_TEST(a_pod_with_another_uid_is_gone) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct drain_result r;
        WORLD(w, { 200, NULL, NODE(DRAINING, "true") }, { 200, NULL, PODS(POD("u1", "2026-09-21T13:00:00Z")) },
              { 409, NULL, "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Conflict\",\"code\":409,\"message\":\"Precondition failed: UID in precondition: u1, UID in object meta: u2\"}" },
              { 200, NULL, PODS(POD("u2", "2026-09-21T14:10:00Z")) }, { 200, NULL, NODE("", "true") });
        struct drainer d = drainer_of(&w);
        ck_ok(drain_node(&d, "n", &r, &err), err);
        ck_assert_int_eq(r.state, DRAIN_DONE);
        ck_assert_uint_eq(r.moved, 0);
        ck_assert_ptr_nonnull(strstr(peer_request(w.peer, 2)->body, "\"u1\""));
        ck_assert_uint_eq(peer_count(w.peer), 5);               /* the new one came after the cordon and is not evicted */
        drain_result_done(&r);
}
END_TEST

/* ---- the timer ---- */

START_TEST(unit_files) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char dir[] = "/tmp/unit-timer-XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(dir));
        _cleanup_str_ char *config = xasprintf("%s/with a blank", dir);
        const char *words[] = { "--profile", "/home/a b/100% \"$x\".yaml", "--metrics", "/var/lib/scale.prom" };
        struct strv arguments = { .items = (char **) words, .n = ARRAY_SIZE(words) };
        struct timer_options o = { .cluster = "demo", .program = "/opt/my tools/hcloud-v6", .arguments = &arguments, .every_s = 90, .config_dir = config };
        struct timer_files f = { 0 };
        _cleanup_str_ char *service = NULL, *timer = NULL;
        bool found;
        size_t len;
        ck_ok(timer_install(&o, &f, &err), err);
        ck_ok(file_read(f.service, 1 << 16, &service, &len, &err), err);
        ck_ok(file_read(f.timer, 1 << 16, &timer, &len, &err), err);
        ck_assert_msg(strstr(service, "\nExecStart=\"/opt/my tools/hcloud-v6\" scale --auto --cluster demo --profile \"/home/a b/100%% \\\"$$x\\\".yaml\" --metrics /var/lib/scale.prom\n"),
                      "%s", service);
        ck_assert_ptr_nonnull(strstr(service, "\nSuccessExitStatus=7\n"));
        ck_assert_ptr_nonnull(strstr(timer, "\nOnUnitInactiveSec=90s\n"));
        timer_files_done(&f);
        ck_ok(timer_remove(&o, &f, &found, &err), err);
        ck_assert(found);
        ck_assert(!file_exists(f.service) && !file_exists(f.timer));
        timer_files_done(&f);
        ck_ok(timer_remove(&o, &f, &found, &err), err);
        ck_assert(!found);
        words[1] = "a\nExecStartPost=/bin/sh";
        ck_assert(!file_exists(f.service));
        timer_files_done(&f);
        ck_fails(timer_install(&o, &f, &err), err, ERR_INVALID);
}
END_TEST

/* ---- the metrics ---- */

START_TEST(metrics_are_prometheus_text) {
        struct tick_report r = { .observed = true, .duration_ms = 1500, .seen = { .nodes = 3, .ready = 2, .servers = 4, .coming = 1, .pods = 9, .pending = 1 } };
        _cleanup_str_ char *text = metrics_text("a\"b\\c\nd", &r, 7);
        ck_assert_ptr_nonnull(strstr(text, "\nhcloud_v6_scale_nodes{cluster=\"a\\\"b\\\\c\\nd\",state=\"not_ready\"} 1\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nhcloud_v6_scale_last_run_exit_code{cluster=\"a\\\"b\\\\c\\nd\"} 7\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nhcloud_v6_scale_last_run_success{cluster=\"a\\\"b\\\\c\\nd\"} 0\n"));
        ck_assert_ptr_nonnull(strstr(text, "} 1.5\n"));
        ck_assert_ptr_null(strstr(text, "pods_unplaceable"));   /* nothing was decided */
        ck_assert_int_eq(text[strlen(text) - 1], '\n');
}
END_TEST

START_TEST(metrics_are_whole_or_not_at_all) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char dir[] = "/tmp/unit-metrics-XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(dir));
        _cleanup_str_ char *path = xasprintf("%s/x.prom", dir), *nowhere = xasprintf("%s/none/x.prom", dir), *text = NULL;
        struct tick_report r = { .duration_ms = 1 };
        struct stat before, after;
        size_t len;
        ck_ok(metrics_write(path, "demo", &r, 0, &err), err);
        ck_assert_int_eq(stat(path, &before), 0);
        ck_assert_int_eq(before.st_mode & 0777, 0644);
        FILE *reader = fopen(path, "r");
        ck_ok(metrics_write(path, "demo", &r, 1, &err), err);
        ck_assert_int_eq(stat(path, &after), 0);
        ck_assert(before.st_ino != after.st_ino);               /* another file: who reads the old one reads it to its end */
        fclose(reader);
        ck_ok(file_read(path, 1 << 16, &text, &len, &err), err);
        ck_assert_ptr_nonnull(strstr(text, "last_run_success{cluster=\"demo\"} 0\n"));
        ck_assert_int_lt(metrics_write(nowhere, "demo", &r, 0, &err), 0);
        unlink(path);
        ck_assert_int_eq(rmdir(dir), 0);                        /* nothing half written is left */
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("work");
        TCase *t = tcase_create("work");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, a_lease_that_another_took_in_the_middle);
        tcase_add_test(t, a_lease_that_another_holds);
        tcase_add_test(t, a_drain_is_taken_up_again);
        tcase_add_test(t, a_persons_cordon_is_remembered_and_stays);
        tcase_add_test(t, a_node_that_a_person_uncordoned);
        tcase_add_test(t, a_pod_with_another_uid_is_gone);
        tcase_add_test(t, unit_files);
        tcase_add_test(t, metrics_are_prometheus_text);
        tcase_add_test(t, metrics_are_whole_or_not_at_all);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
