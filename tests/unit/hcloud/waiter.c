/* Waiting: batches, one leader for all threads, failures, servers and firewalls. */
#include <jansson.h>

#include "fake.h"

static struct fake f;

/* A cloud whose action N ends after polls_needed looks; ids above 900 fail, ids above 1000 do not exist. */
static unsigned looks[2000], polls_needed;
static size_t most_ids, requests;

static struct fake_step answer_actions(struct fake *fake, const char *line, const char *body) {
        struct strbuf out = STRBUF_INIT;
        size_t n = 0;
        ck_assert(str_starts(line, "GET /actions?id="));
        strbuf_adds(&out, "{\"actions\":[");
        for (const char *p = strchr(line, '?'); p; p = strchr(p + 1, '&')) {
                long id = strtol(p + 4, NULL, 10);
                if (++n && id > 1000)
                        continue;
                bool done = ++looks[id] >= polls_needed;
                strbuf_addf(&out,
                            "%s{\"id\":%ld,\"command\":\"create_server\",\"progress\":100,\"status\":\"%s\",\"resources\":[{"
                            "\"id\":42,\"type\":\"server\"}],\"error\":%s}",
                            out.data[out.len - 1] == '[' ? "" : ",", id,
                            !done      ? "running"
                            : id > 900 ? "error"
                                       : "success",
                            done && id > 900 ? "{\"code\":\"locked\",\"message\":\"server is locked\"}" : "null");
        }
        strbuf_adds(&out, "]}");
        most_ids = n > most_ids ? n : most_ids;
        requests++;
        return (struct fake_step) { NULL, 200, fake_keep(fake, strbuf_take(&out)) };
}

static void start_actions(unsigned polls) {
        memset(looks, 0, sizeof(looks));
        polls_needed = polls;
        most_ids = requests = 0;
        fake_start(&f, NULL);
        f.handler = answer_actions;
}

START_TEST(actions_are_asked_in_batches) {
        int64_t ids[60];
        for (size_t i = 0; i < 60; i++)
                ids[i] = (int64_t) i + 1;
        start_actions(2);
        int64_t before = clock_mono_ms(f.clock);
        ck_ok(hcloud_actions_wait(f.client, ids, 60, &f.error), f.error);
        ck_assert_uint_eq(most_ids, 25);
        ck_assert_uint_eq(requests, 6);         /* 25 + 25 + 10, twice */
        ck_assert_int_ge(clock_mono_ms(f.clock) - before, 1500);
        fake_stop(&f);
} END_TEST

START_TEST(an_action_that_never_ends_is_given_up) {
        start_actions(100000);
        int64_t before = clock_mono_ms(f.clock), waited;
        ck_fails(hcloud_actions_wait(f.client, (const int64_t[]) { 7 }, 1, &f.error), f.error, ERR_TIMEOUT);
        waited = clock_mono_ms(f.clock) - before;
        ck_assert_msg(waited >= 1800000 && waited < 1810000, "%lld ms", (long long) waited);
        ck_assert_ptr_nonnull(strstr(f.error.message, "action 7 is still not done"));
        fake_stop(&f);
} END_TEST

START_TEST(intervals_rise_to_two_seconds) {
        start_actions(6);
        int64_t before = clock_mono_ms(f.clock);
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 7 }, 1, &f.error), f.error);
        ck_assert_int_eq(clock_mono_ms(f.clock) - before, 500 + 1000 + 4 * 2000);
        ck_assert_uint_eq(requests, 6);
        struct hcloud_client_stats stats;
        hcloud_client_stats(f.client, &stats);
        ck_assert_uint_eq(stats.polls, 6);
        fake_stop(&f);
} END_TEST

START_TEST(nothing_to_wait_for_asks_nothing) {
        start_actions(1);
        ck_ok(hcloud_actions_wait(f.client, NULL, 0, &f.error), f.error);
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 0, 0 }, 2, &f.error), f.error);
        ck_assert_uint_eq(requests, 0);
        fake_stop(&f);
} END_TEST

START_TEST(failed_action_says_what_and_why) {
        start_actions(2);
        ck_fails(hcloud_actions_wait(f.client, (const int64_t[]) { 901, 5 }, 2, &f.error), f.error, ERR_LOCKED);
        ck_assert_ptr_nonnull(strstr(f.error.message, "create_server of server 42 failed: server is locked (locked)"));
        ck_assert_str_eq(f.error.api_code, "locked");
        fake_stop(&f);
} END_TEST

START_TEST(unknown_action_is_an_error) {
        start_actions(1);
        ck_fails(hcloud_actions_wait(f.client, (const int64_t[]) { 5, 1001 }, 2, &f.error), f.error, ERR_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(f.error.message, "1001"));
        fake_stop(&f);
} END_TEST

static void *wait_for_three(void *arg) {
        int64_t first = (int64_t) (intptr_t) arg;
        struct error err = ERROR_INIT;
        int r = hcloud_actions_wait(f.client, (const int64_t[]) { first, first + 1, first + 2 }, 3, &err);
        bool should_fail = first > 898;
        ck_assert_msg((r < 0) == should_fail, "%lld: %s", (long long) first, err.message ? err.message : "no error");
        error_done(&err);
        return NULL;
}

START_TEST(threads_share_their_polls) {
        pthread_t threads[24];
        start_actions(4);
        for (intptr_t i = 0; i < 24; i++)
                pthread_create(&threads[i], NULL, wait_for_three, (void *) (i == 23 ? 899 : 1 + 3 * i));
        for (size_t i = 0; i < 24; i++)
                pthread_join(threads[i], NULL);
        /* 72 actions, 4 looks each: 3 requests a round when all are together, far from 24 × 4 when each asks alone */
        ck_assert_uint_le(requests, 60);
        ck_assert_uint_ge(requests, 12);
        fake_stop(&f);
} END_TEST

START_TEST(an_action_known_as_done_costs_nothing) {
        int64_t action = 0;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers/5/actions/poweron", 201, "{\"action\":{\"id\":77,\"status\":\"success\"}}" });
        ck_ok(hcloud_server_poweron(f.client, 5, &action, &f.error), f.error);
        ck_ok(hcloud_actions_wait(f.client, &action, 1, &f.error), f.error);
        fake_stop(&f);
} END_TEST

START_TEST(a_poll_that_fails_fails_all_who_wait) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /actions?id=5&id=6", 401, ERROR_BODY("unauthorized", "x") });
        ck_fails(hcloud_actions_wait(f.client, (const int64_t[]) { 5, 6 }, 2, &f.error), f.error, ERR_AUTH);
        fake_stop(&f);
} END_TEST

START_TEST(cancel_ends_waiting) {
        start_actions(1000000);
        hcloud_client_cancel(f.client);
        ck_fails(hcloud_actions_wait(f.client, (const int64_t[]) { 5 }, 1, &f.error), f.error, ERR_CANCELLED);
        fake_stop(&f);
} END_TEST

#define STATE(id, locked, status, fw)                                               \
        "{\"id\":" #id ",\"name\":\"s\",\"locked\":" locked ",\"status\":\"" status \
        "\",\"public_net\":{\"firewalls\":[{\"id\":38,\"status\":\"" fw "\"}]}}"
#define ONE(id, locked, status, fw) "{\"server\":" STATE(id, locked, status, fw) "}"

START_TEST(few_servers_are_asked_one_by_one) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /servers/1", 200, ONE(1, "true", "initializing", "pending") },
                    { "GET /servers/2", 200, ONE(2, "false", "off", "pending") },
                    { "GET /servers/1", 200, ONE(1, "false", "running", "applied") });
        ck_ok(hcloud_servers_wait(f.client, (const int64_t[]) { 1, 2 }, 2, NULL, NULL, 0, &f.error), f.error);
        fake_stop(&f);
} END_TEST

START_TEST(servers_after_actions_are_looked_at_soon) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /actions?id=7", 200, "{\"actions\":[{\"id\":7,\"status\":\"success\"}]}" },
                    { "GET /servers/1", 200, ONE(1, "false", "off", "applied") });
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 7 }, 1, &f.error), f.error);
        int64_t before = clock_mono_ms(f.clock);
        ck_ok(hcloud_firewall_wait_applied(f.client, 38, (const int64_t[]) { 1 }, 1, NULL, 0, &f.error), f.error);
        ck_assert_int_eq(clock_mono_ms(f.clock) - before, 100);
        fake_stop(&f);
} END_TEST

#define LIST "GET /servers?label_selector=a%3Db&page=1&per_page=50"

START_TEST(many_servers_are_one_list) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f,
                    { LIST, 200,
                      "{\"servers\":[" STATE(1, "true", "off", "pending") "," STATE(2, "false", "off", "pending") ","
                      STATE(3, "false", "off", "applied") "," STATE(4, "false", "off", "applied") "]," PAGE_END "}" },
                    { LIST, 200,
                      "{\"servers\":[" STATE(1, "true", "off", "pending") "," STATE(2, "false", "off", "applied") "]," PAGE_END "}" },
                    { "GET /servers/1", 200, ONE(1, "false", "off", "applied") });
        ck_ok(hcloud_firewall_wait_applied(f.client, 38, (const int64_t[]) { 1, 2, 3, 4 }, 4, "a=b", 0, &f.error), f.error);
        fake_stop(&f);
} END_TEST

/* What a list would take more requests for than the servers themselves is asked one by one. */
START_TEST(few_of_many_are_not_worth_a_list) {
        struct strbuf list = STRBUF_INIT;
        strbuf_adds(&list, "{\"servers\":[" STATE(1, "true", "off", "x") "," STATE(2, "true", "off", "x"));
        for (int i = 3; i <= 101; i++)
                strbuf_addf(&list, ",{\"id\":%d,\"locked\":false,\"status\":\"off\"}", i);
        strbuf_adds(&list, "]," PAGE_END "}");
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { LIST, 200, strbuf_str(&list) }, { "GET /servers/1", 200, ONE(1, "false", "off", "x") },
                    { "GET /servers/2", 200, ONE(2, "false", "off", "x") });
        ck_ok(hcloud_servers_wait(f.client, (const int64_t[]) { 1, 2, 3 }, 3, "a=b", NULL, 0, &f.error), f.error);
        fake_stop(&f);
        strbuf_done(&list);
} END_TEST

/* Who joins while another thread leads is neither forgotten nor left behind when that one leaves. */
static void *wait_for_late_one(void *arg) {
        struct error err = ERROR_INIT;
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 2 }, 1, &err), err);
        *(int64_t *) arg = clock_mono_ms(f.clock);
        return NULL;
}

static int64_t joined_at, late_done_at;
static pthread_t late;

static struct fake_step join_at_the_third_look(struct fake *fake, const char *line, const char *body) {
        static int n;
        if (++n == 3) {
                joined_at = clock_mono_ms(fake->clock);
                pthread_create(&late, NULL, wait_for_late_one, &late_done_at);
        }
        struct strbuf out = STRBUF_INIT;
        strbuf_addf(&out, "{\"actions\":[{\"id\":1,\"status\":\"%s\"}%s]}", n >= 8 ? "success" : "running",
                    strstr(line, "id=2") ? ",{\"id\":2,\"status\":\"success\"}" : "");
        return (struct fake_step) { NULL, 200, fake_keep(fake, strbuf_take(&out)) };
}

START_TEST(who_joins_late_is_looked_after) {
        fake_start(&f, NULL);
        f.handler = join_at_the_third_look;
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 1 }, 1, &f.error), f.error);
        pthread_join(late, NULL);
        ck_assert_int_ge(late_done_at, joined_at);
        fake_stop(&f);
} END_TEST

START_TEST(an_action_seen_to_succeed_is_not_asked_again) {
        start_actions(1);
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 5 }, 1, &f.error), f.error);
        ck_ok(hcloud_actions_wait(f.client, (const int64_t[]) { 5 }, 1, &f.error), f.error);
        ck_assert_uint_eq(requests, 1);
        fake_stop(&f);
} END_TEST

START_TEST(a_wanted_status_is_waited_for) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, ONE(1, "false", "stopping", "applied") }, { NULL, 200, ONE(1, "false", "off", "applied") });
        ck_ok(hcloud_servers_wait(f.client, (const int64_t[]) { 1 }, 1, NULL, "off", 0, &f.error), f.error);
        fake_stop(&f);
} END_TEST

START_TEST(server_waits_end) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, ONE(1, "true", "off", "pending") }, { NULL, 200, ONE(1, "true", "off", "pending") },
                    { NULL, 200, ONE(1, "true", "off", "pending") }, { NULL, 404, ERROR_BODY("not_found", "x") },
                    { NULL, 404, ERROR_BODY("not_found", "x") });
        ck_fails(hcloud_servers_wait(f.client, (const int64_t[]) { 1 }, 1, NULL, NULL, 2000, &f.error), f.error, ERR_TIMEOUT);
        ck_assert_ptr_nonnull(strstr(f.error.message, "server 1 is still not ready: locked, off"));
        ck_fails(hcloud_servers_wait(f.client, (const int64_t[]) { 2 }, 1, NULL, NULL, 0, &f.error), f.error, ERR_NOT_FOUND);
        fake_stop(&f);
} END_TEST

START_TEST(images_are_waited_for) {
        struct hcloud_image *image = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /images/3", 200, "{\"image\":{\"id\":3,\"status\":\"creating\"}}" },
                    { "GET /images/3", 200, "{\"image\":{\"id\":3,\"status\":\"available\"}}" },
                    { "GET /images/4", 200, "{\"image\":{\"id\":4,\"status\":\"unavailable\"}}" });
        ck_ok(hcloud_image_wait_available(f.client, 3, 0, &image, &f.error), f.error);
        ck_assert_int_eq(image->id, 3);
        hcloud_image_free(image);
        ck_fails(hcloud_image_wait_available(f.client, 4, 0, &image, &f.error), f.error, ERR_REFUSED);
        fake_stop(&f);
} END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hcloud waiter");
        TCase *c = tcase_create("waiter");
        tcase_set_timeout(c, 30);
        tcase_add_test(c, actions_are_asked_in_batches);
        tcase_add_test(c, an_action_that_never_ends_is_given_up);
        tcase_add_test(c, intervals_rise_to_two_seconds);
        tcase_add_test(c, nothing_to_wait_for_asks_nothing);
        tcase_add_test(c, failed_action_says_what_and_why);
        tcase_add_test(c, unknown_action_is_an_error);
        tcase_add_test(c, threads_share_their_polls);
        tcase_add_test(c, an_action_known_as_done_costs_nothing);
        tcase_add_test(c, a_poll_that_fails_fails_all_who_wait);
        tcase_add_test(c, cancel_ends_waiting);
        tcase_add_test(c, few_servers_are_asked_one_by_one);
        tcase_add_test(c, servers_after_actions_are_looked_at_soon);
        tcase_add_test(c, many_servers_are_one_list);
        tcase_add_test(c, few_of_many_are_not_worth_a_list);
        tcase_add_test(c, who_joins_late_is_looked_after);
        tcase_add_test(c, an_action_seen_to_succeed_is_not_asked_again);
        tcase_add_test(c, a_wanted_status_is_waited_for);
        tcase_add_test(c, server_waits_end);
        tcase_add_test(c, images_are_waited_for);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
