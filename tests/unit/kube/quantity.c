#include "kube/quantity.h"
#include "tests/unit/unit.h"

START_TEST(exact_values) {
        static const struct { const char *text; int64_t milli, units; } rows[] = {
                { "0", 0, 0 }, { "1", 1000, 1 }, { "100m", 100, 1 }, { "1500m", 1500, 2 }, { "1.5", 1500, 2 }, { ".5", 500, 1 }, { "5.", 5000, 5 },
                { "0.1m", 1, 1 }, { "1n", 1, 1 }, { "1u", 1, 1 }, { "1k", 1000000, 1000 }, { "1Ki", 1024000, 1024 }, { "1.5Gi", 1610612736000, 1610612736 },
                { "1e3", 1000000, 1000 }, { "1E3", 1000000, 1000 }, { "1e-3", 1, 1 }, { "12e+2", 1200000, 1200 }, { "-1", -1000, -1 }, { "-1500m", -1500, -1 },
                { "+2", 2000, 2 }, { "1E", INT64_MAX, INT64_C(1000000000000000000) }, { "1Ei", INT64_MAX, INT64_C(1) << 60 },
                { "100E", INT64_MAX, INT64_MAX }, { "9223372036854775807", INT64_MAX, INT64_MAX }, { "9223372036854775806", INT64_MAX, INT64_MAX - 1 },
                { "0.000000000000000001Ei", 1153, 2 }, { "8Ei", INT64_MAX, INT64_MAX }, { "550Mi", INT64_C(576716800000), 576716800 },
                { "0.0000000001", 1, 1 }, { "1e1000", INT64_MAX, INT64_MAX }, { "1e-1000", 1, 1 }, { "3.1415926535897932384626433832795", 3142, 4 },
                { "100000000000000000000000000000000000000000", INT64_MAX, INT64_MAX },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct quantity q;
                ck_assert_msg(quantity_parse(rows[i].text, &q), "%s", rows[i].text);
                ck_assert_msg(quantity_milli(q) == rows[i].milli, "%s: %lld m", rows[i].text, (long long) quantity_milli(q));
                ck_assert_msg(quantity_units(q) == rows[i].units, "%s: %lld", rows[i].text, (long long) quantity_units(q));
        }
}
END_TEST

START_TEST(equal_values) {
        static const char *const same[][2] = {
                { "1000m", "1" }, { "1Ki", "1024" }, { "1M", "1000k" }, { "1.5Gi", "1536Mi" }, { "1e3", "1k" }, { "0.5", "500m" }, { "1E", "1000P" },
                { "2.50", "2500m" }, { "0", "-0" }, { "1Ei", "1024Pi" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
                struct quantity a, b;
                ck_assert(quantity_parse(same[i][0], &a) && quantity_parse(same[i][1], &b));
                ck_assert_msg(quantity_compare(a, b) == 0, "%s and %s", same[i][0], same[i][1]);
        }
}
END_TEST

START_TEST(what_is_none) {
        static const char *const none[] = { "", " 1", "1 ", "m", "1mm", "1KI", "1ki", "1K", "1.2.3", "1e", "1e+", "1e--3", "e3", "--1", "0x10", "1,5", "1Zi", "." };
        for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
                struct quantity q;
                ck_assert_msg(!quantity_parse(none[i], &q), "'%s'", none[i]);
        }
        ck_assert(!quantity_parse(NULL, &(struct quantity) { 0 }));
}
END_TEST

START_TEST(sums_saturate) {
        struct quantity big, sum;
        ck_assert(quantity_parse("1e1000", &big));
        sum = quantity_add(big, big);
        ck_assert_int_eq(quantity_compare(sum, big), 0);
        ck_assert_int_gt(quantity_compare(sum, quantity_of(INT64_MAX)), 0);
        sum = quantity_of(0);
        struct quantity third;
        ck_assert(quantity_parse("100m", &third));
        for (int i = 0; i < 10; i++)
                sum = quantity_add(sum, third);
        ck_assert_int_eq(quantity_compare(sum, quantity_of(1)), 0); /* no drift, unlike floating point */
        ck_assert_int_eq(quantity_milli(quantity_sub(quantity_of(1), third)), 900);
}
END_TEST

START_TEST(texts) {
        struct quantity q;
        quantity_parse("250m", &q);
        _cleanup_str_ char *a = quantity_text_cpu(q);
        ck_assert_str_eq(a, "250m");
        quantity_parse("1500m", &q);
        _cleanup_str_ char *b = quantity_text_cpu(q);
        ck_assert_str_eq(b, "1.5");
        quantity_parse("1536Mi", &q);
        _cleanup_str_ char *c = quantity_text_bytes(q);
        ck_assert_str_eq(c, "1.5 GiB");
        quantity_parse("512", &q);
        _cleanup_str_ char *d = quantity_text_bytes(q);
        ck_assert_str_eq(d, "512 B");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("kube quantity");
        TCase *t = tcase_create("quantity");
        tcase_add_test(t, exact_values);
        tcase_add_test(t, equal_values);
        tcase_add_test(t, what_is_none);
        tcase_add_test(t, sums_saturate);
        tcase_add_test(t, texts);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
