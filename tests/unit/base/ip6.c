#include "base/ip6.h"

#include "unit.h"

static struct ip6_addr addr(const char *s) {
        struct ip6_addr a;
        ck_assert_msg(ip6_parse(s, &a), "'%s' was refused", s);
        return a;
}

static struct ip6_prefix prefix(const char *s) {
        struct ip6_prefix p;
        ck_assert_msg(ip6_prefix_parse(s, &p, NULL), "'%s' was refused", s);
        return p;
}

START_TEST(text_follows_rfc5952) {
        static const char *const pairs[][2] = {
                { "2001:0DB8:0:0:0:0:0:1", "2001:db8::1" }, { "::", "::" }, { "::1", "::1" }, { "1::", "1::" },
                { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* a single zero stays */
                { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },          /* the longest run */
                { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },    /* the first of equals */
                { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" }, { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" }, { "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
                { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                struct ip6_addr a = addr(pairs[i][0]);
                _cleanup_str_ char *text = ip6_str(&a);
                ck_assert_str_eq(text, pairs[i][1]);
        }
        static const char *const bad[] = { "", "1", "1.2.3.4", "::g", "1::2::3", "[::1]", "fe80::1%eth0", "::1/64", " ::1", NULL };
        struct ip6_addr a;
        for (size_t i = 0; bad[i]; i++)
                ck_assert_msg(!ip6_parse(bad[i], &a), "'%s' was accepted", bad[i]);
        ck_assert(!ip6_parse(NULL, &a));
}
END_TEST

START_TEST(prefixes_are_read_strictly) {
        struct ip6_prefix p = prefix("2001:db8::/32");
        _cleanup_str_ char *text = ip6_prefix_str(&p);
        ck_assert_str_eq(text, "2001:db8::/32");
        p = prefix("2001:db8::1");
        ck_assert_uint_eq(p.len, 128);
        static const char *const bad[] = { "", "/64", "2001:db8::/", "2001:db8::/129", "2001:db8::/-1", "2001:db8::/064", "2001:db8::/64x",
                "2001:db8::1/64", "2001:db8::/64/64", NULL };
        for (size_t i = 0; bad[i]; i++)
                ck_assert_msg(!ip6_prefix_parse(bad[i], &p, NULL), "'%s' was accepted", bad[i]);
        struct ip6_addr a;
        ck_assert(ip6_prefix_parse("2001:db8::1/64", &p, &a));
        struct ip6_addr want = addr("2001:db8::1"), network = addr("2001:db8::");
        ck_assert(ip6_equal(&a, &want) && ip6_equal(&p.addr, &network) && p.len == 64);
        ck_assert(ip6_prefix_parse("::/0", &p, NULL) && p.len == 0);
}
END_TEST

START_TEST(prefixes_contain) {
        struct ip6_prefix p64 = prefix("2001:db8:1:2::/64"), p80 = prefix("2001:db8:1:2:1::/80"), other = prefix("2001:db8:1:3::/64"), all = prefix("::/0");
        struct ip6_addr inside = addr("2001:db8:1:2:ffff::"), outside = addr("2001:db8:1:3::");
        ck_assert(ip6_prefix_has(&p64, &inside) && !ip6_prefix_has(&p64, &outside) && !ip6_prefix_has(&p80, &inside));
        ck_assert(ip6_prefix_covers(&p64, &p80) && !ip6_prefix_covers(&p80, &p64) && ip6_prefix_covers(&p64, &p64));
        ck_assert(ip6_prefix_overlaps(&p80, &p64) && !ip6_prefix_overlaps(&p64, &other) && ip6_prefix_overlaps(&all, &other));
        ck_assert(ip6_prefix_equal(&p64, &p64) && !ip6_prefix_equal(&p64, &p80));
        ck_assert_int_lt(ip6_compare(&inside, &outside), 0);
}
END_TEST

START_TEST(arithmetic_counts_addresses_and_subnets) {
        struct ip6_prefix p = prefix("2001:db8:1:2::/64"), sub;
        struct ip6_addr one = ip6_host(&p, 1), want = addr("2001:db8:1:2::1");
        ck_assert(ip6_equal(&one, &want));
        one = ip6_host(&p, UINT64_MAX);
        want = addr("2001:db8:1:2:ffff:ffff:ffff:ffff");
        ck_assert(ip6_equal(&one, &want));
        ck_assert(ip6_subnet(&p, 80, 1, &sub));
        _cleanup_str_ char *text = ip6_prefix_str(&sub);
        ck_assert_str_eq(text, "2001:db8:1:2:1::/80");
        ck_assert(ip6_subnet(&p, 80, 65535, &sub) && !ip6_subnet(&p, 80, 65536, &sub) && !ip6_subnet(&p, 63, 0, &sub) && !ip6_subnet(&p, 129, 0, &sub));
        ck_assert(ip6_subnet(&p, 64, 0, &sub) && ip6_prefix_equal(&p, &sub) && !ip6_subnet(&p, 64, 1, &sub));
        struct ip6_prefix all = prefix("::/0");
        ck_assert(ip6_subnet(&all, 128, 5, &sub) && ip6_subnet(&all, 0, 0, &sub));
        struct ip6_addr a = addr("2001:db8::ffff");
        p = ip6_mask(&a, 113);
        want = addr("2001:db8::8000");
        ck_assert(ip6_equal(&p.addr, &want));
        p = ip6_mask(&a, 0);
        want = addr("::");
        ck_assert(ip6_equal(&p.addr, &want));
}
END_TEST

START_TEST(kinds_are_told_apart) {
        struct ip6_addr global = addr("2a01:4f8::1"), documentation = addr("2001:db8::1"), link = addr("fe80::1"), local = addr("fd40::1"), lo = addr("::1");
        ck_assert(ip6_is_global(&global) && ip6_is_global(&documentation) && !ip6_is_global(&link) && !ip6_is_global(&local) && !ip6_is_global(&lo));
        ck_assert(ip6_is_loopback(&lo) && !ip6_is_loopback(&link));
        _cleanup_str_ char *with = ip6_bracket(&lo, 6443), *without = ip6_bracket(&lo, 0);
        ck_assert_str_eq(with, "[::1]:6443");
        ck_assert_str_eq(without, "[::1]");
}
END_TEST

static Suite *ip6_suite(void) {
        Suite *s = suite_create("ip6");
        TCase *c = tcase_create("all");
        tcase_add_test(c, text_follows_rfc5952);
        tcase_add_test(c, prefixes_are_read_strictly);
        tcase_add_test(c, prefixes_contain);
        tcase_add_test(c, arithmetic_counts_addresses_and_subnets);
        tcase_add_test(c, kinds_are_told_apart);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(ip6_suite())
