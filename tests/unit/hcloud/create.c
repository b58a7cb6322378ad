/* Creating: what is sent, and what happens when the answer is lost or the name is taken. */
#include <jansson.h>

#include "fake.h"

#define SERVER(labels) "{\"id\":5000000001,\"name\":\"web-1\",\"status\":\"initializing\",\"locked\":true,\"labels\":" labels "}"
#define CREATED \
        "{\"server\":" SERVER("{\"own\":\"er\",\"run\":\"7\"}") ",\"action\":{\"id\":6000000001,\"status\":\"running\"},\"next_actions\":" \
        "[{\"id\":6000000002},{\"id\":6000000003}],\"root_password\":\"secret\"}"
#define OURS "{\"servers\":[" SERVER("{\"own\":\"er\",\"run\":\"7\",\"more\":\"x\"}") "]," PAGE_END "}"
#define THEIRS "{\"servers\":[" SERVER("{\"own\":\"somebody\"}") "]," PAGE_END "}"
#define NOBODY "{\"servers\":[]," PAGE_END "}"
#define LOOK "GET /servers?name=web-1&page=1&per_page=50"

static struct fake f;
static struct hcloud_server_created *created;

static int create_server(bool with_adopt) {
        static struct hcloud_label pair[] = { { (char *) "own", (char *) "er" }, { (char *) "run", (char *) "7" } };
        const struct hcloud_labels labels = { pair, 2 };
        const struct hcloud_server_create o = {
                .name = "web-1",
                .server_type = "cx23",
                .image = 77,
                .location = "hel1",
                .no_ipv4 = true,
                .primary_ipv6 = 5000000009,
                .no_start = true,
                .firewalls = (const int64_t[]) { 38 },
                .n_firewalls = 1,
                .placement_group = 4,
                .user_data = "#!",
                .labels = &labels,
                .adopt = with_adopt ? &labels : NULL,
        };
        hcloud_server_created_free(created);
        created = NULL;
        return hcloud_server_create(f.client, &o, &created, &f.error);
}

static void end(void) {
        hcloud_server_created_free(created);
        created = NULL;
        fake_stop(&f);
}

START_TEST(body_says_what_the_api_wants) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers", 201, CREATED });
        ck_ok(create_server(true), f.error);
        json_t *sent = json_loads(fake_body(&f, 0), 0, NULL);
        json_t *want = json_loads("{\"server_type\":\"cx23\",\"start_after_create\":false,\"image\":77,\"location\":\"hel1\","
                                  "\"public_net\":{\"enable_ipv4\":false,"
                                  "\"enable_ipv6\":true,\"ipv6\":5000000009},\"firewalls\":[{\"firewall\":38}],\"placement_"
                                  "group\":4,\"user_data\":\"#!\","
                                  "\"name\":\"web-1\",\"labels\":{\"own\":\"er\",\"run\":\"7\"}}",
                                  0, NULL);
        ck_assert_msg(json_equal(sent, want), "%s", fake_body(&f, 0));
        json_decref(sent);
        json_decref(want);
        ck_assert(!created->adopted);
        ck_assert_int_eq(created->server->id, 5000000001);
        ck_assert_uint_eq(created->actions.n, 3);
        ck_assert_int_eq(created->actions.items[2], 6000000003);
        ck_assert_str_eq(created->root_password, "secret");
        end();
} END_TEST

/* How the answer may get lost, after the work was done. */
static const struct fake_step losses[] = {
        { "POST /servers", 0 },
        { "POST /servers", 201, "" },
        { "POST /servers", 502, "<html>", NULL, true },
        { "POST /servers", 502, ERROR_BODY("bad_gateway", "x") },
        { "POST /servers", 504, ERROR_BODY("timeout", "x") },
        { "POST /servers", 500, ERROR_BODY("server_error", "x") },
        { "POST /servers", 503, ERROR_BODY("unavailable", "x") },
        { "POST /servers", 201, "{\"server\":{" },
};
#define N_LOSSES ((int) (sizeof(losses) / sizeof(losses[0])))

START_TEST(lost_answer_is_adopted) {
        fake_start(&f, NULL);
        const struct fake_step steps[] = { losses[_i], { LOOK, 200, OURS } };
        fake_script(&f, steps, 2);
        ck_ok(create_server(true), f.error);
        ck_assert(created->adopted);
        ck_assert_int_eq(created->server->id, 5000000001);
        ck_assert_uint_eq(created->actions.n, 0);
        struct hcloud_client_stats stats;
        hcloud_client_stats(f.client, &stats);
        ck_assert_uint_eq(stats.adopted, 1);
        end();
} END_TEST

START_TEST(lost_request_is_sent_again) {
        fake_start(&f, NULL);
        const struct fake_step steps[] = { losses[_i], { LOOK, 200, NOBODY }, { "POST /servers", 201, CREATED } };
        fake_script(&f, steps, 3);
        ck_ok(create_server(true), f.error);
        ck_assert(!created->adopted);
        end();
} END_TEST

START_TEST(lost_answer_without_labels_to_adopt_by_is_an_error) {
        fake_start(&f, NULL);
        const struct fake_step steps[] = { losses[_i], { LOOK, 200, OURS } };
        fake_script(&f, steps, 2);
        ck_fails(create_server(false), f.error, ERR_EXISTS);
        end();
} END_TEST

START_TEST(taken_name_is_adopted_when_ours) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers", 409, ERROR_BODY("uniqueness_error", "server name is already used") },
                    { LOOK, 200, OURS });
        ck_ok(create_server(true), f.error);
        ck_assert(created->adopted);
        end();
} END_TEST

START_TEST(taken_name_of_somebody_else_is_refused) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers", 409, ERROR_BODY("uniqueness_error", "server name is already used") },
                    { LOOK, 200, THEIRS });
        ck_fails(create_server(true), f.error, ERR_EXISTS);
        ck_assert_str_eq(f.error.api_code, "uniqueness_error");
        ck_assert_ptr_nonnull(strstr(f.error.message, "creating server 'web-1'"));
        ck_assert_ptr_nonnull(strstr(f.error.message, "5000000001"));
        end();
} END_TEST

START_TEST(second_send_finds_the_first) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers", 0 }, { LOOK, 200, NOBODY },
                    { "POST /servers", 409, ERROR_BODY("uniqueness_error", "x") }, { LOOK, 200, OURS });
        ck_ok(create_server(true), f.error);
        ck_assert(created->adopted);
        end();
} END_TEST

START_TEST(what_is_being_deleted_is_not_adopted) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers", 409, ERROR_BODY("uniqueness_error", "x") },
                    { LOOK, 200,
                      "{\"servers\":[{\"id\":7,\"name\":\"web-1\",\"status\":\"deleting\",\"labels\":{\"own\":\"er\",\"run\":"
                      "\"7\"}}]," PAGE_END "}" },
                    { "POST /servers", 201, CREATED });
        ck_ok(create_server(true), f.error);
        ck_assert(!created->adopted);
        ck_assert_int_eq(created->server->id, 5000000001);
        end();
} END_TEST

/* A lock's name and an SSH key's name can be free while its fingerprint is not. */
START_TEST(same_ssh_key_under_another_name) {
        struct hcloud_ssh_key *key = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f,
                    { "POST /ssh_keys", 409, ERROR_BODY("uniqueness_error", "SSH key with the same fingerprint already exists") },
                    { "GET /ssh_keys?name=k", 200, "{\"ssh_keys\":[]," PAGE_END "}" });
        ck_fails(hcloud_ssh_key_create(f.client, &(struct hcloud_ssh_key_create) { .name = "k", .public_key = "ssh-ed25519 AAAA" },
                                       &key, NULL, &f.error),
                 f.error, ERR_EXISTS);
        ck_assert_ptr_nonnull(strstr(f.error.message, "fingerprint"));
        ck_assert_ptr_null(key);
        end();
} END_TEST

START_TEST(a_locked_or_limited_create_is_simply_repeated) {
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers", 423, ERROR_BODY("locked", "x") }, { "POST /servers", 409, ERROR_BODY("conflict", "x") },
                    { "POST /servers", 429, ERROR_BODY("rate_limit_exceeded", "x") }, { "POST /servers", 201, CREATED });
        ck_ok(create_server(true), f.error);
        end();
} END_TEST

START_TEST(an_action_that_must_happen_once_is_not_repeated) {
        struct hcloud_image *image = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers/5/actions/create_image", 502, ERROR_BODY("bad_gateway", "x") });
        ck_fails(hcloud_server_create_image(f.client, 5, "d", NULL, &image, NULL, &f.error), f.error, ERR_UNAVAILABLE);
        ck_assert(f.error.ambiguous);
        end();
} END_TEST

START_TEST(a_repeatable_action_is_repeated) {
        int64_t action = 0;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers/5/actions/poweron", 504, ERROR_BODY("timeout", "x") },
                    { "POST /servers/5/actions/poweron", 201, "{\"action\":{\"id\":9,\"status\":\"running\"}}" });
        ck_ok(hcloud_server_poweron(f.client, 5, &action, &f.error), f.error);
        ck_assert_int_eq(action, 9);
        ck_assert_str_eq(fake_body(&f, 0), "");
        end();
} END_TEST

START_TEST(what_is_so_already_is_success) {
        int64_t action = 5;
        struct hcloud_ids actions = { 0 };
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /servers/5/actions/attach_to_network", 422, ERROR_BODY("server_already_attached", "x") },
                    { "POST /firewalls/3/actions/apply_to_resources", 422, ERROR_BODY("firewall_already_applied", "x") });
        ck_ok(hcloud_server_attach_to_network(f.client, 5, 8, NULL, NULL, &action, &f.error), f.error);
        ck_assert_int_eq(action, 0);
        ck_assert_str_eq(fake_body(&f, 0), "{\"network\":8}");
        ck_ok(hcloud_firewall_apply(f.client, 3, (const int64_t[]) { 5 }, 1, &actions, &f.error), f.error);
        ck_assert_uint_eq(actions.n, 0);
        end();
} END_TEST

START_TEST(wrong_input_is_refused_before_sending) {
        char *long_data = xcalloc(HCLOUD_USER_DATA_MAX + 2, 1);
        memset(long_data, 'x', HCLOUD_USER_DATA_MAX + 1);
        struct hcloud_label bad_label[] = { { (char *) "hetzner.cloud/x", (char *) "" } };
        const struct hcloud_labels labels = { bad_label, 1 };
        const struct hcloud_server_create cases[] = {
                { .name = "bad_name", .server_type = "cx23", .image = 1 },
                { .name = "a", .server_type = "cx23" },
                { .name = "a", .image = 1 },
                { .name = "a", .server_type = "cx23", .image = 1, .user_data = long_data },
                { .name = "a", .server_type = "cx23", .image = 1, .labels = &labels },
                { .name = "a", .server_type = "cx23", .image = 1, .user_data = "\xff\xfe" },
                { .name = "a", .server_type = "cx23", .image = 1, .no_ipv6 = true, .primary_ipv6 = 3 },
        };
        fake_start(&f, NULL);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                ck_fails(hcloud_server_create(f.client, &cases[i], &created, &f.error), f.error, ERR_INVALID);
        ck_assert_uint_eq(fake_count(&f), 0);
        free(long_data);
        end();
} END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hcloud create");
        TCase *c = tcase_create("create");
        tcase_add_test(c, body_says_what_the_api_wants);
        tcase_add_loop_test(c, lost_answer_is_adopted, 0, N_LOSSES);
        tcase_add_loop_test(c, lost_request_is_sent_again, 0, N_LOSSES);
        tcase_add_loop_test(c, lost_answer_without_labels_to_adopt_by_is_an_error, 0, N_LOSSES);
        tcase_add_test(c, taken_name_is_adopted_when_ours);
        tcase_add_test(c, taken_name_of_somebody_else_is_refused);
        tcase_add_test(c, second_send_finds_the_first);
        tcase_add_test(c, what_is_being_deleted_is_not_adopted);
        tcase_add_test(c, same_ssh_key_under_another_name);
        tcase_add_test(c, a_locked_or_limited_create_is_simply_repeated);
        tcase_add_test(c, an_action_that_must_happen_once_is_not_repeated);
        tcase_add_test(c, a_repeatable_action_is_repeated);
        tcase_add_test(c, what_is_so_already_is_success);
        tcase_add_test(c, wrong_input_is_refused_before_sending);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
