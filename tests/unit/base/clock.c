#include "base/clock.h"

#include "unit.h"

static void check_rfc3339(const char *text, int64_t want) {
        int64_t ms = -1;
        ck_assert_msg(time_parse_rfc3339(text, &ms), "'%s' was refused", text);
        ck_assert_msg(ms == want, "'%s' gave %lld", text, (long long) ms);
}

START_TEST(rfc3339_is_read) {
        check_rfc3339("2016-01-30T23:55:00Z", 1454198100000);
        check_rfc3339("2016-01-30T23:55:00+00:00", 1454198100000);
        check_rfc3339("2016-01-31T01:55:00.5+02:00", 1454198100500);
        check_rfc3339("2016-01-30T21:25:00.123456789-02:30", 1454198100123);
        check_rfc3339("1970-01-01t00:00:00z", 0);
        check_rfc3339("2024-02-29T00:00:00Z", 1709164800000);
        check_rfc3339("2016-12-31T23:59:60Z", 1483228800000);
        static const char *const bad[] = { "", "2016-01-30", "2016-01-30T23:55:00", "2016-01-30 23:55:00Z", "2016-13-30T23:55:00Z",
                "2016-02-30T23:55:00Z", "2023-02-29T00:00:00Z", "2016-01-30T24:00:00Z", "2016-01-30T23:55:00Zx", "2016-01-30T23:55:00.Z",
                "2016-01-30T23:55:00+2:00", "16-01-30T23:55:00Z", NULL };
        int64_t ms;
        for (size_t i = 0; bad[i]; i++)
                ck_assert_msg(!time_parse_rfc3339(bad[i], &ms), "'%s' was accepted", bad[i]);
        ck_assert(!time_parse_rfc3339(NULL, &ms));
}
END_TEST

static void check_text(char *got, const char *want) {
        ck_assert_str_eq(got, want);
        free(got);
}

START_TEST(time_is_written) {
        check_text(time_format_rfc3339(1454198100999), "2016-01-30T23:55:00Z");
        check_text(time_format_rfc3339(-1), "1969-12-31T23:59:59Z");
        check_text(time_format_micro(1454198100007), "2016-01-30T23:55:00.007000Z");
        check_text(time_format_http_date(784111777000), "Sun, 06 Nov 1994 08:49:37 GMT");
        check_text(time_format_span(0), "0 s");
        check_text(time_format_span(4999), "4 s");
        check_text(time_format_span(125000), "2 min 05 s");
        check_text(time_format_span(3780000), "1 h 03 min");
        check_text(time_format_span(-5), "0 s");
}
END_TEST

START_TEST(http_dates_are_read_in_all_three_forms) {
        static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", NULL };
        for (size_t i = 0; good[i]; i++) {
                int64_t ms = 0;
                ck_assert_msg(time_parse_http_date(good[i], &ms), "'%s' was refused", good[i]);
                ck_assert_int_eq(ms, 784111777000);
        }
        static const char *const bad[] = { "", "Sun", "Sun,", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
                "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "06 Nov 1994 08:49:37 GMT", NULL };
        int64_t ms;
        for (size_t i = 0; bad[i]; i++)
                ck_assert_msg(!time_parse_http_date(bad[i], &ms), "'%s' was accepted", bad[i]);
}
END_TEST

START_TEST(manual_clocks_move_by_sleeping) {
        struct clock *c = clock_manual_new(1000);
        _cleanup_error_ struct error e = ERROR_INIT;
        ck_assert_int_eq(clock_now_ms(c), 1000);
        ck_assert_int_eq(clock_sleep(c, 3600000, NULL, &e), 0);
        ck_assert_int_eq(clock_now_ms(c), 3601000);
        clock_manual_forward(c, 5);
        ck_assert_int_eq(clock_mono_ms(c), 3601005);
        struct cancel *cancel = cancel_new();
        cancel_trigger(cancel);
        ck_fails(clock_sleep(c, 1000, cancel, &e), e, ERR_CANCELLED);
        ck_assert_int_eq(clock_now_ms(c), 3601005);
        cancel_free(cancel);
        clock_manual_free(c);
}
END_TEST

START_TEST(the_system_clock_can_be_cancelled) {
        struct cancel *cancel = cancel_new();
        _cleanup_error_ struct error e = ERROR_INIT;
        cancel_trigger(cancel);
        int64_t before = clock_mono_ms(NULL);
        ck_fails(clock_sleep(NULL, 3600000, cancel, &e), e, ERR_CANCELLED);
        clock_system()->sleep_ms(clock_system(), 3600000, cancel);
        ck_assert_int_lt(clock_mono_ms(NULL) - before, 10000);
        ck_assert_int_eq(clock_sleep(NULL, 1, NULL, &e), 0);
        ck_assert_int_gt(clock_mono_ms(NULL), before);
        ck_assert_int_gt(clock_now_ms(NULL), 1700000000000);
        cancel_free(cancel);
}
END_TEST

static Suite *clock_suite(void) {
        Suite *s = suite_create("clock");
        TCase *c = tcase_create("all");
        tcase_add_test(c, rfc3339_is_read);
        tcase_add_test(c, time_is_written);
        tcase_add_test(c, http_dates_are_read_in_all_three_forms);
        tcase_add_test(c, manual_clocks_move_by_sleeping);
        tcase_add_test(c, the_system_clock_can_be_cancelled);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(clock_suite())
