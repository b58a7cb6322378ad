/* The client: what it refuses to start with, what it sends, how it reads errors, when it tries again. */
#include "fake.h"

#define LOCATION \
        "{\"location\":{\"id\":1,\"name\":\"fsn1\",\"network_zone\":\"eu-central\",\"latitude\":50,\"longitude\":12.370071}}"

static struct fake f;

/* GET /locations/1 and what came of it. */
static int get_location(void) {
        struct hcloud_location *location = NULL;
        int r = hcloud_location_get(f.client, 1, &location, &f.error);
        if (r >= 0)
                ck_assert_str_eq(location->name, "fsn1");
        hcloud_location_free(location);
        return r;
}

static int64_t slept(void) {
        return clock_mono_ms(f.clock);
}

START_TEST(token_is_checked_before_anything_is_sent) {
        static const char *const bad[] = { NULL, "", "abc\n", "qx qy", "abc\r", "t\xc3\xb6ken", "qx\tqy", "qx\x7f" };
        struct hcloud_client *client = NULL;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct error err = ERROR_INIT;
                ck_fails(hcloud_client_new(&(struct hcloud_client_options) { .token = bad[i] }, &client, &err), err, ERR_AUTH);
                ck_assert_ptr_nonnull(err.hint);
                if (bad[i] && *bad[i])
                        ck_assert_ptr_null(strstr(err.message, bad[i]));
                error_done(&err);
        }
        ck_assert_ptr_null(client);
} END_TEST

START_TEST(plain_http_only_where_nobody_listens) {
        static const struct { const char *endpoint; bool ok; } cases[] = {
                { "https://api.hetzner.cloud/v1", true },
                { "http://localhost:1/v1", true },
                { "http://127.0.0.1:8080/v1", true },
                { "http://[::1]:8080/v1", true },
                { "http://[2001:db8:ffff::1]/v1", true },
                { "http://[2001:db9::1]/v1", false },
                { "http://api.hetzner.cloud/v1", false },
                { "http://128.0.0.1/v1", false },
                { "http://localhost.example.com/v1", false },
                { "ftp://[::1]/v1", false },
                { "api.hetzner.cloud", false },
                { "https://user@host/v1", false },
                { "https://h/v1?x=1", false },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err = ERROR_INIT;
                struct hcloud_client *client = NULL;
                const struct hcloud_client_options o = { .endpoint = cases[i].endpoint, .token = FAKE_TOKEN };
                if (cases[i].ok)
                        ck_ok(hcloud_client_new(&o, &client, &err), err);
                else
                        ck_fails(hcloud_client_new(&o, &client, &err), err, ERR_INVALID);
                hcloud_client_free(client);
                error_done(&err);
        }
} END_TEST

START_TEST(headers_carry_token_and_agent) {
        fake_start(&f, &(struct hcloud_client_options) { .application = "hcloud-v6/9" });
        FAKE_SCRIPT(&f, { "GET /locations/1", 200, LOCATION });
        ck_ok(get_location(), f.error);
        ck_assert_str_eq(kvs_get(&f.last_headers, "authorization"), "Bearer " FAKE_TOKEN);
        ck_assert(str_starts(kvs_get(&f.last_headers, "user-agent"), "hcloud-v6/9 libhcloud/"));
        ck_assert_str_eq(kvs_get(&f.last_headers, "accept"), "application/json");
        ck_assert_ptr_null(kvs_get(&f.last_headers, "content-type"));
        fake_stop(&f);
} END_TEST

/* code, HTTP status, the kind it becomes, and whether a GET is tried again */
static const struct { const char *body; int status; enum error_kind kind; bool again; bool html; } answers[] = {
        { ERROR_BODY("unauthorized", "token is required"), 401, ERR_AUTH, false },
        { ERROR_BODY("token_readonly", "read only"), 401, ERR_AUTH, false },
        { ERROR_BODY("forbidden", "no"), 403, ERR_AUTH, false },
        { ERROR_BODY("maintenance", "later"), 403, ERR_UNAVAILABLE, false },
        { ERROR_BODY("resource_limit_exceeded", "server limit exceeded"), 403, ERR_QUOTA, false },
        { ERROR_BODY("not_found", "gone"), 404, ERR_NOT_FOUND, false },
        { ERROR_BODY("uniqueness_error", "taken"), 409, ERR_EXISTS, false },
        { ERROR_BODY("conflict", "busy"), 409, ERR_CONFLICT, true },
        { ERROR_BODY("deprecated_api_endpoint", "gone"), 410, ERR_REFUSED, false },
        { ERROR_BODY("resource_unavailable", "error during placement"), 412, ERR_CAPACITY, false },
        { ERROR_BODY("placement_error", "x"), 422, ERR_CAPACITY, false },
        { ERROR_BODY("invalid_input", "x"), 422, ERR_INVALID, false },
        { ERROR_BODY("service_error", "x"), 422, ERR_REFUSED, false },
        { ERROR_BODY("something_new", "x"), 422, ERR_REFUSED, false },
        { ERROR_BODY("locked", "server is locked"), 423, ERR_LOCKED, true },
        { ERROR_BODY("protected", "x"), 423, ERR_REFUSED, false },
        { ERROR_BODY("rate_limit_exceeded", "x"), 429, ERR_RATE_LIMITED, true },
        { ERROR_BODY("server_error", "x"), 500, ERR_UNAVAILABLE, true },
        { ERROR_BODY("bad_gateway", "x"), 502, ERR_UNAVAILABLE, true },
        { ERROR_BODY("unavailable", "x"), 503, ERR_UNAVAILABLE, true },
        { ERROR_BODY("timeout", "x"), 504, ERR_TIMEOUT, true },
        { "<html>Bad Gateway</html>", 502, ERR_UNAVAILABLE, true, true },
        { "<html>Not Found</html>", 404, ERR_PROTOCOL, false, true },
        { "<html>login here</html>", 200, ERR_PROTOCOL, true, true },
        { "", 503, ERR_UNAVAILABLE, true },
        { "", 521, ERR_UNAVAILABLE, true },
        { "{\"location\":{\"id\":1,\"na", 200, ERR_PROTOCOL, true },
        { "", 200, ERR_PROTOCOL, true },
        { "[]", 418, ERR_REFUSED, false },
        { "{\"error\":\"text\"}", 500, ERR_UNAVAILABLE, true },
        { "{\"error\":{\"code\":7,\"message\":[]}}", 422, ERR_REFUSED, false },
        { "", 302, ERR_PROTOCOL, false },
};

START_TEST(each_refusal_becomes_its_kind) {
        struct fake_step step = { "GET /locations/1", answers[_i].status, answers[_i].body, NULL, answers[_i].html };
        fake_start(&f, &(struct hcloud_client_options) { .retry_budget_ms = -1 });
        fake_script(&f, &step, 1);
        ck_fails(get_location(), f.error, answers[_i].kind);
        ck_assert_ptr_nonnull(strstr(f.error.message, "reading location 1: "));
        if (answers[_i].status != 200) {
                ck_assert_int_eq(f.error.http_status, answers[_i].status);
                ck_assert_str_eq(f.error.correlation_id, "corr-1");
        }
        fake_stop(&f);
} END_TEST

START_TEST(each_refusal_is_repeated_or_not) {
        const struct fake_step steps[] = {
                { "GET /locations/1", answers[_i].status, answers[_i].body, NULL, answers[_i].html },
                { "GET /locations/1", 200, LOCATION },
        };
        fake_start(&f, NULL);
        fake_script(&f, steps, answers[_i].again ? 2 : 1);
        int64_t before = slept();
        if (answers[_i].again) {
                ck_ok(get_location(), f.error);
                ck_assert_int_ge(slept() - before, 1000);
        } else {
                ck_assert_int_lt(get_location(), 0);
                ck_assert_int_eq(slept(), before);
        }
        fake_stop(&f);
} END_TEST

START_TEST(waits_grow_with_jitter_and_end_with_the_budget) {
        fake_start(&f, &(struct hcloud_client_options) { .retry_budget_ms = 60000 });
        struct fake_step steps[32];
        for (size_t i = 0; i < 32; i++)
                steps[i] = (struct fake_step) { "GET /locations/1", 503, ERROR_BODY("unavailable", "x") };
        fake_script(&f, steps, 32);
        int64_t before = slept();
        ck_fails(get_location(), f.error, ERR_UNAVAILABLE);
        ck_assert(f.error.retryable);
        ck_assert_str_eq(f.error.api_code, "unavailable");
        int64_t took = slept() - before;
        ck_assert_int_le(took, 60000);
        size_t tries = fake_count(&f);
        ck_assert_uint_ge(tries, 5);     /* 1 + 2 + 4 + 8 + 16 + … at most */
        ck_assert_uint_le(tries, 31);
        f.at = f.n_steps;
        fake_stop(&f);
} END_TEST

/* What the bucket needs is a second or so, not the hour after which it is full again. */
START_TEST(rate_limit_waits_for_one_token_only) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f,
                    { "GET /locations/1", 429, ERROR_BODY("rate_limit_exceeded", "slow down"),
                      "RateLimit-Limit: 3600\r\nRateLimit-Remaining: 0\r\nRateLimit-Reset: 1700003600\r\n" },
                    { "GET /locations/1", 200, LOCATION,
                      "RateLimit-Limit: 3600\r\nRateLimit-Remaining: 41\r\nRateLimit-Reset: 1700003559\r\n" });
        int64_t before = slept();
        ck_ok(get_location(), f.error);
        ck_assert_int_ge(slept() - before, 1000);
        ck_assert_int_le(slept() - before, 5000);
        struct hcloud_client_stats stats;
        hcloud_client_stats(f.client, &stats);
        ck_assert_uint_eq(stats.requests, 2);
        ck_assert_uint_eq(stats.reads, 2);
        ck_assert_uint_eq(stats.writes, 0);
        ck_assert_uint_eq(stats.retries, 1);
        ck_assert_uint_eq(stats.rate_limited, 1);
        ck_assert_int_eq(stats.rate_limit, 3600);
        ck_assert_int_eq(stats.rate_remaining, 41);
        ck_assert_int_eq(stats.rate_reset, 1700003559);
        fake_stop(&f);
} END_TEST

START_TEST(lost_connection_is_repeated_for_reads) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /locations/1", 0 }, { "GET /locations/1", 0 }, { "GET /locations/1", 200, LOCATION });
        ck_ok(get_location(), f.error);
        fake_stop(&f);
} END_TEST

/* A wrong endpoint must not cost five minutes. */
START_TEST(an_endpoint_that_never_answered_is_given_up_soon) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 0 }, { NULL, 0 }, { NULL, 0 });
        ck_assert_int_lt(get_location(), 0);
        ck_assert(f.error.kind == ERR_UNAVAILABLE || f.error.kind == ERR_PROTOCOL);
        fake_stop(&f);
} END_TEST

START_TEST(details_reach_the_message) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(
                &f,
                { "GET /locations/1", 422,
                  "{\"error\":{\"code\":\"invalid_input\",\"message\":\"invalid input in field 'name'\",\"details\":{\"fields\":"
                  "[{\"name\":\"name\",\"messages\":[\"is too long\",\"has\\u001b[31mcolour\"]}]}}}" });
        ck_fails(get_location(), f.error, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(f.error.message, "name: is too long, has [31mcolour"));
        ck_assert_str_eq(f.error.api_code, "invalid_input");
        ck_assert_ptr_nonnull(strstr(f.error.details, "\"fields\""));
        ck_assert(!f.error.retryable);
        fake_stop(&f);
} END_TEST

START_TEST(quota_names_the_limit) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 403,
                          "{\"error\":{\"code\":\"resource_limit_exceeded\",\"message\":\"Primary IP limit "
                          "exceeded\",\"details\":{\"limits\":"
                          "[{\"name\":\"primary_ip_limit\"}]}}}" });
        ck_fails(get_location(), f.error, ERR_QUOTA);
        ck_assert_ptr_nonnull(strstr(f.error.message, "primary_ip_limit"));
        ck_assert_ptr_nonnull(f.error.hint);
        fake_stop(&f);
} END_TEST

static size_t observed;
static int64_t observed_waits[4];

static void observer(void *data, const struct hcloud_exchange *x) {
        ck_assert_str_eq(x->method, "GET");
        ck_assert_str_eq(x->path, "/locations/1");
        ck_assert_uint_eq(x->attempt, observed + 1);
        ck_assert_int_eq(x->status, observed == 0 ? 423 : 200);
        if (observed == 0)
                ck_assert_str_eq(x->api_code, "locked");
        observed_waits[observed++] = x->wait_ms;
}

START_TEST(observer_sees_each_request) {
        observed = 0;
        fake_start(&f, &(struct hcloud_client_options) { .observer = observer });
        FAKE_SCRIPT(&f, { NULL, 423, ERROR_BODY("locked", "busy") }, { NULL, 200, LOCATION });
        ck_ok(get_location(), f.error);
        ck_assert_uint_eq(observed, 2);
        ck_assert_int_ge(observed_waits[0], 1000);
        ck_assert_int_eq(observed_waits[1], -1);
        fake_stop(&f);
} END_TEST

static unsigned asked;

static int guard(void *data, struct error *err) {
        return ++asked <= *(unsigned *) data ? 0 : error_set(err, ERR_LOCKED, "no longer ours");
}

/* Reads are not asked for; each try of a change is, so that one that waited for an hour asks again. */
START_TEST(guard_is_asked_before_each_try_of_a_change) {
        unsigned allowed = 1;
        asked = 0;
        fake_start(&f, &(struct hcloud_client_options) { .guard = guard, .guard_data = &allowed });
        FAKE_SCRIPT(&f, { "GET /locations/1", 200, LOCATION }, { "DELETE /volumes/8", 423, ERROR_BODY("locked", "busy") });
        ck_ok(get_location(), f.error);
        ck_assert_uint_eq(asked, 0);
        ck_fails(hcloud_volume_delete(f.client, 8, &f.error), f.error, ERR_LOCKED);
        ck_assert_uint_eq(asked, 2);
        ck_assert_ptr_nonnull(strstr(f.error.message, "no longer ours"));
        fake_stop(&f);
} END_TEST

START_TEST(server_time_is_the_date_header_moved_on) {
        int64_t now = 0;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, LOCATION, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" });
        ck_assert(!hcloud_client_server_time(f.client, &now));
        ck_ok(get_location(), f.error);
        clock_manual_forward(f.clock, 5000);
        ck_assert(hcloud_client_server_time(f.client, &now));
        ck_assert_int_eq(now, 784111777000 + 5000);
        fake_stop(&f);
} END_TEST

START_TEST(cancel_ends_calls) {
        fake_start(&f, NULL);
        hcloud_client_cancel(f.client);
        ck_fails(get_location(), f.error, ERR_CANCELLED);
        fake_stop(&f);
} END_TEST

START_TEST(delete_of_what_is_gone_succeeds) {
        fake_start(&f, NULL);
        int64_t action = 5;
        FAKE_SCRIPT(&f, { "DELETE /servers/7", 404, ERROR_BODY("not_found", "gone") }, { "DELETE /volumes/8", 204 },
                    { "DELETE /networks/9", 404, "<html>", NULL, true });
        ck_ok(hcloud_server_delete(f.client, 7, &action, &f.error), f.error);
        ck_assert_int_eq(action, 0);
        ck_ok(hcloud_volume_delete(f.client, 8, &f.error), f.error);
        ck_fails(hcloud_network_delete(f.client, 9, &f.error), f.error, ERR_PROTOCOL);  /* a page of somebody else proves nothing */
        fake_stop(&f);
} END_TEST

START_TEST(deletes_that_must_wait_do_when_asked) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "DELETE /firewalls/7", 422, ERROR_BODY("resource_in_use", "still used") }, { "DELETE /firewalls/7", 204 },
                    { "DELETE /firewalls/8", 422, ERROR_BODY("resource_in_use", "still used") },
                    { "DELETE /primary_ips/9", 422, ERROR_BODY("must_be_unassigned", "x") }, { "DELETE /primary_ips/9", 204 },
                    { "DELETE /primary_ips/9", 422, ERROR_BODY("must_be_unassigned", "x") });
        ck_ok(hcloud_firewall_delete(f.client, 7, true, &f.error), f.error);
        ck_fails(hcloud_firewall_delete(f.client, 8, false, &f.error), f.error, ERR_CONFLICT);
        ck_ok(hcloud_primary_ip_delete(f.client, 9, true, &f.error), f.error);
        ck_fails(hcloud_primary_ip_delete(f.client, 9, false, &f.error), f.error, ERR_REFUSED);
        fake_stop(&f);
} END_TEST

#define RULE(port) "{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"" port "\",\"source_ips\":[\"::/0\"],\"destination_ips\":[],\"description\":null}"

/* The address sanitizer sees it when a list that was read has no room for more. */
START_TEST(a_rule_is_added_to_those_read) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /firewalls/7", 200, "{\"firewall\":{\"id\":7,\"name\":\"f\",\"labels\":{},\"created\":\"2026-01-01T00:00:00Z\",\"applied_to\":[],"
                                                   "\"rules\":[" RULE("1") "," RULE("2") "," RULE("3") "]}}" });
        struct hcloud_firewall *firewall = NULL;
        ck_ok(hcloud_firewall_get(f.client, 7, &firewall, &f.error), f.error);
        ck_assert_uint_eq(firewall->rules.n, 3);
        hcloud_strings_add(&hcloud_firewall_rules_add(&firewall->rules, "in", "tcp", "4", NULL)->source_ips, "::/0");
        ck_assert_uint_eq(firewall->rules.n, 4);
        ck_assert_str_eq(firewall->rules.items[3].port, "4");
        hcloud_firewall_free(firewall);
        fake_stop(&f);
} END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hcloud client");
        TCase *c = tcase_create("client");
        size_t n = sizeof(answers) / sizeof(answers[0]);
        tcase_add_test(c, token_is_checked_before_anything_is_sent);
        tcase_add_test(c, plain_http_only_where_nobody_listens);
        tcase_add_test(c, headers_carry_token_and_agent);
        tcase_add_loop_test(c, each_refusal_becomes_its_kind, 0, (int) n);
        tcase_add_loop_test(c, each_refusal_is_repeated_or_not, 0, (int) n);
        tcase_add_test(c, waits_grow_with_jitter_and_end_with_the_budget);
        tcase_add_test(c, rate_limit_waits_for_one_token_only);
        tcase_add_test(c, lost_connection_is_repeated_for_reads);
        tcase_add_test(c, an_endpoint_that_never_answered_is_given_up_soon);
        tcase_add_test(c, details_reach_the_message);
        tcase_add_test(c, quota_names_the_limit);
        tcase_add_test(c, observer_sees_each_request);
        tcase_add_test(c, guard_is_asked_before_each_try_of_a_change);
        tcase_add_test(c, server_time_is_the_date_header_moved_on);
        tcase_add_test(c, cancel_ends_calls);
        tcase_add_test(c, delete_of_what_is_gone_succeeds);
        tcase_add_test(c, deletes_that_must_wait_do_when_asked);
        tcase_add_test(c, a_rule_is_added_to_those_read);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
