/* The faults of the simulated Hetzner API that refuse by any code, and those that say what is not so. */
#include "hetzner-world.h"

#include "sim/world/faults.h"
#include "sim/world/spoil.h"

static void fault(const char *spec) {
        struct error err = ERROR_INIT;
        ck_ok(sim_faults_add(world.faults, spec, &err), err);
}

static int64_t group(const char *name) {
        _cleanup_str_ char *body = xasprintf("{\"name\":\"%s\",\"type\":\"spread\",\"labels\":{\"mine\":\"%s\"}}", name, name);
        return make("/placement_groups", "placement_group.id", body);
}

/* Names in a list, in order. */
static char *names(const char *target) {
        _cleanup_json_ json_t *j = call("GET", target, NULL, 200);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        size_t i;
        json_t *each;
        json_array_foreach(json_object_get(j, "placement_groups"), i, each)
                strbuf_addf(&b, "%s ", jget_text(each, "name"));
        return strbuf_take(&b);
}

static void listed(const char *target, const char *wanted) {
        _cleanup_str_ char *got = names(target);
        ck_assert_str_eq(got, wanted);
}

START_TEST(any_code_is_refused_with_its_status_and_details) {
        static const struct { const char *code; int status; const char *detail; } cases[] = {
                { "unauthorized", 401, NULL }, { "forbidden", 403, NULL }, { "resource_limit_exceeded", 403, "limits.0.name" },
                { "deprecated_api_endpoint", 410, "announcement" }, { "uniqueness_error", 409, "fields.0.name" }, { "placement_error", 412, NULL },
                { "invalid_input", 422, "fields.0.name" }, { "locked", 423, NULL }, { "bad_gateway", 502, NULL }, { "timeout", 504, NULL },
                { "of_tomorrow", 422, NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *spec = xasprintf("api-error:code=%s,count=1", cases[i].code);
                fault(spec);
                _cleanup_json_ json_t *j = call("POST", "/placement_groups", "{\"name\":\"g\",\"type\":\"spread\"}", cases[i].status);
                ck_assert_str_eq(jget_text(j, "error.code"), cases[i].code);
                const json_t *details = jget(j, "error.details");
                ck_assert(cases[i].detail ? jget_text(details, cases[i].detail) != NULL : !details || json_is_null(details));
        }
        fault("api-error:code=locked,status=409,count=1");
        refused("POST", "/placement_groups", "{\"name\":\"g\",\"type\":\"spread\"}", 409, "locked");
        listed("/placement_groups", "");         /* nothing was done */
}
END_TEST

START_TEST(answers_are_cut_off_when_the_work_is_done) {
        static const struct { const char *name; enum sim_spoil how; } cases[] = {
                { "empty", SPOIL_EMPTY }, { "close", SPOIL_CLOSE }, { "silent", SPOIL_SILENT }, { "drip", SPOIL_DRIP }, { "endless", SPOIL_ENDLESS },
        };
        _cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *spec = xasprintf("%s:route=POST /placement_groups,count=1", cases[i].name);
                fault(spec);
                group(cases[i].name);
                ck_assert_int_eq(last.spoil, (int) cases[i].how);
                strbuf_addf(&all, "%s ", cases[i].name);
                listed("/placement_groups", strbuf_str(&all));
                ck_assert_int_eq(last.spoil, SPOIL_NOT);
        }
}
END_TEST

START_TEST(a_stale_list_shows_the_past) {
        fault("stale:skip=1,count=1");
        fault("stale:changes=2,skip=1,count=1");
        group("a");
        int64_t b = group("b");
        listed("/placement_groups", "a b ");
        listed("/placement_groups", "a ");
        listed("/placement_groups?name=a", "");           /* two changes ago there was nothing */
        listed("/placement_groups", "a b ");
        fault("stale:count=2");
        _cleanup_str_ char *path = xasprintf("/placement_groups/%lld", (long long) b);
        json_decref(call("DELETE", path, NULL, 204));
        listed("/placement_groups?label_selector=mine%3Db", "b ");
        listed("/placement_groups?name=a", "a ");
        listed("/placement_groups", "a ");
}
END_TEST

START_TEST(pages_shift_under_the_reader) {
        group("a");
        group("b");
        group("c");
        fault("pages:size=2,move=lost,count=2");
        listed("/placement_groups", "a b ");
        listed("/placement_groups?page=2", "");
        fault("pages:size=2,move=twice,count=2");
        listed("/placement_groups", "a b ");
        listed("/placement_groups?page=2", "b c ");
        fault("pages:size=2");
        listed("/placement_groups?page=2", "c ");
        _cleanup_json_ json_t *j = call("GET", "/placement_groups", NULL, 200);
        ck_assert_int_eq(json_integer_value(jget(j, "meta.pagination.next_page")), 2);
}
END_TEST

START_TEST(strangers_large_ids_and_new_words_are_shown) {
        group("a");
        fault("foreign:route=GET /placement_groups,count=1");
        listed("/placement_groups", "a somebody-else ");
        fault("large-ids:count=1");
        _cleanup_json_ json_t *j = call("GET", "/placement_groups", NULL, 200);
        ck_assert(json_integer_value(jget(j, "placement_groups.0.id")) > 9007199254740992);
        json_decref(j);
        fault("unknown:count=1,words=all");
        j = call("GET", "/placement_groups", NULL, 200);
        ck_assert_str_eq(jget_text(j, "placement_groups.0.type"), "something_new");
        ck_assert(json_is_object(jget(j, "placement_groups.0.something_new")));
        ck_assert_str_eq(jget_text(j, "placement_groups.0.labels.mine"), "a");
        listed("/placement_groups", "a ");
}
END_TEST

START_TEST(the_date_is_wrong) {
        fault("wrong-date:seconds=-86400,count=1");
        listed("/placement_groups", "");
        ck_assert_str_eq(kvs_get(&last.headers, "Date"), "Thu, 14 Jan 2027 08:00:00 GMT");
        listed("/placement_groups", "");
        ck_assert(kvs_get(&last.headers, "Date") == NULL);
}
END_TEST

static Suite *suite_lies(void) {
        Suite *s = suite_create("sim-lies");
        TCase *t = tcase_create("instant");

        tcase_add_checked_fixture(t, start_instant, stop);
        tcase_add_test(t, any_code_is_refused_with_its_status_and_details);
        tcase_add_test(t, answers_are_cut_off_when_the_work_is_done);
        tcase_add_test(t, a_stale_list_shows_the_past);
        tcase_add_test(t, pages_shift_under_the_reader);
        tcase_add_test(t, strangers_large_ids_and_new_words_are_shown);
        tcase_add_test(t, the_date_is_wrong);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_lies())
