/* What needs no server: labels, names, selectors, firewall rules, amounts. */
#include <hcloud/hcloud.h>

#include "../unit.h"

START_TEST(labels_follow_the_rules) {
        static const struct { const char *key, *value; bool ok; } cases[] = {
                { "a", "", true },
                { "hcloud-v6/cluster", "blue", true },
                { "example.com/a_b.c-d", "A.b_c-1", true },
                { "a", NULL, true },
                { "", "x", false },
                { "-a", "x", false },
                { "a-", "x", false },
                { "a b", "x", false },
                { "/a", "x", false },
                { "a/", "x", false },
                { "a_b/c", "x", false },
                { "hetzner.cloud/a", "x", false },
                { "a/b/c", "x", false },
                { "a", "-x", false },
                { "a", "x y", false },
                { "\xc3\xa4", "x", false },
                { "a", "x\n", false },
                { "a..b/c", "x", false },
                { "a123456789012345678901234567890123456789012345678901234567890123", "x", false },
                { "a12345678901234567890123456789012345678901234567890123456789012", "x", true },
                { "a", "a123456789012345678901234567890123456789012345678901234567890123", false },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err = ERROR_INIT;
                int r = hcloud_label_check(cases[i].key, cases[i].value, &err);
                ck_assert_msg((r >= 0) == cases[i].ok, "'%s'='%s': %s", cases[i].key, cases[i].value,
                              err.message ? err.message : "accepted");
                error_done(&err);
        }
} END_TEST

START_TEST(names_follow_the_rules) {
        char long_name[300];
        memset(long_name, 'a', sizeof(long_name));
        long_name[129] = '\0';
        static const struct { enum hcloud_name_rule rule; const char *name; bool ok; } cases[] = {
                { HCLOUD_NAME_SERVER, "web-1.example.com", true },
                { HCLOUD_NAME_SERVER, "web_1", false },
                { HCLOUD_NAME_SERVER, "-web", false },
                { HCLOUD_NAME_SERVER, "web..x", false },
                { HCLOUD_NAME_SERVER, "", false },
                { HCLOUD_NAME_SERVER, NULL, false },
                { HCLOUD_NAME_SERVER, "1", true },
                { HCLOUD_NAME_SERVER, "a.", false },
                { HCLOUD_NAME_VOLUME, "a_b.c", true },
                { HCLOUD_NAME_VOLUME, "a b", false },
                { HCLOUD_NAME_LONG, "my net", true },
                { HCLOUD_NAME_LONG, " net", false },
                { HCLOUD_NAME_ANY, "any thing", true },
                { HCLOUD_NAME_ANY, "a\nb", false },
        };
        struct error err = ERROR_INIT;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ck_assert_msg((hcloud_name_check(cases[i].rule, cases[i].name, &err) >= 0) == cases[i].ok, "'%s'",
                              cases[i].name ? cases[i].name : "NULL");
                error_done(&err);
        }
        ck_fails(hcloud_name_check(HCLOUD_NAME_LONG, long_name, &err), err, ERR_INVALID);
        long_name[64] = '\0';
        ck_fails(hcloud_name_check(HCLOUD_NAME_SERVER, long_name, &err), err, ERR_INVALID);
        ck_ok(hcloud_name_check(HCLOUD_NAME_VOLUME, long_name, &err), err);
        error_done(&err);
} END_TEST

START_TEST(selectors_are_built) {
        struct error err = ERROR_INIT;
        char *text = NULL;
        struct hcloud_selector *s = hcloud_selector_new();
        hcloud_selector_equal(s, "hcloud-v6/cluster", "blue");
        hcloud_selector_not_equal(s, "a", "b");
        hcloud_selector_has(s, "c");
        hcloud_selector_has_not(s, "d");
        hcloud_selector_in(s, "e", (const char *const[]) { "f", "g", NULL });
        hcloud_selector_not_in(s, "h", (const char *const[]) { "i", NULL });
        ck_ok(hcloud_selector_take(s, &text, &err), err);
        ck_assert_str_eq(text, "hcloud-v6/cluster=blue,a!=b,c,!d,e in (f,g),h notin (i)");
        free(text);
        ck_ok(hcloud_selector_one("a", "b", &text, &err), err);
        ck_assert_str_eq(text, "a=b");
        free(text);
} END_TEST

/* A value with a comma would widen what a destroy selects. */
START_TEST(selectors_cannot_be_smuggled_into) {
        struct error err = ERROR_INIT;
        char *text = NULL;
        ck_fails(hcloud_selector_one("a", "b,c", &text, &err), err, ERR_INVALID);
        ck_fails(hcloud_selector_one("a=b,c", "d", &text, &err), err, ERR_INVALID);
        struct hcloud_selector *s = hcloud_selector_new();
        hcloud_selector_in(s, "a", (const char *const[]) { "b", "c)", NULL });
        hcloud_selector_equal(s, "fine", "fine");
        ck_fails(hcloud_selector_take(s, &text, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "c)"));
        s = hcloud_selector_new();
        hcloud_selector_in(s, "a", (const char *const[]) { NULL });
        ck_fails(hcloud_selector_take(s, &text, &err), err, ERR_INVALID);
        ck_fails(hcloud_selector_take(hcloud_selector_new(), &text, &err), err, ERR_INVALID);
        ck_assert_ptr_null(text);
        error_done(&err);
} END_TEST

START_TEST(label_lists) {
        struct hcloud_labels a = { 0 }, b = { 0 };
        hcloud_labels_set(&a, "x", "1");
        hcloud_labels_set(&a, "y", "2");
        hcloud_labels_copy(&b, &a);
        ck_assert(hcloud_labels_equal(&a, &b));
        hcloud_labels_set(&a, "z", "");
        ck_assert(!hcloud_labels_equal(&a, &b));
        ck_assert(hcloud_labels_contain(&a, &b) && !hcloud_labels_contain(&b, &a) && hcloud_labels_contain(&b, NULL));
        hcloud_labels_unset(&a, "x");
        ck_assert_ptr_null(hcloud_labels_get(&a, "x"));
        ck_assert(!hcloud_labels_contain(&a, &b));
        hcloud_labels_done(&a);
        hcloud_labels_done(&b);
} END_TEST

static struct hcloud_firewall_rules rules_of(const char *port, const char *first, const char *second) {
        struct hcloud_firewall_rules rules = { 0 };
        struct hcloud_firewall_rule *rule = hcloud_firewall_rules_add(&rules, "in", "tcp", port, "text");
        hcloud_strings_add(&rule->source_ips, first);
        if (second)
                hcloud_strings_add(&rule->source_ips, second);
        return rules;
}

START_TEST(rules_are_compared_by_what_passes) {
        static const struct { const char *port_a, *first_a, *second_a, *port_b, *first_b, *second_b; bool equal; } cases[] = {
                { "80", "::/0", NULL, "80", "::/0", NULL, true },
                { "any", "::/0", NULL, "1-65535", "::/0", NULL, true },
                { "80", "::/0", NULL, "80-80", "0:0::0/0", NULL, true },
                { "80", "2001:DB8:0:1::/64", "10.0.0.1/32", "80", "10.0.0.1", "2001:db8:0:1:0:0::/64", true },
                { "80", "::/0", "::/0", "80", "::/0", NULL, true },
                { "80", "2001:db8::1", NULL, "80", "2001:db8::1/128", NULL, true },
                { "80", "::/0", NULL, "81", "::/0", NULL, false },
                { "80", "::/0", NULL, "80", "0.0.0.0/0", NULL, false },
                { "80", "2001:db8::/64", NULL, "80", "2001:db8::/63", NULL, false },
                { "80", "::/0", "10.0.0.0/8", "80", "::/0", NULL, false },
                { "any", "::/0", NULL, "1-65534", "::/0", NULL, false },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct hcloud_firewall_rules a = rules_of(cases[i].port_a, cases[i].first_a, cases[i].second_a);
                struct hcloud_firewall_rules b = rules_of(cases[i].port_b, cases[i].first_b, cases[i].second_b);
                ck_assert_msg(hcloud_firewall_rules_equal(&a, &b, true) == cases[i].equal, "case %zu", i);
                ck_assert_msg(hcloud_firewall_rules_equal(&b, &a, false) == cases[i].equal, "case %zu", i);
                hcloud_firewall_rules_done(&a);
                hcloud_firewall_rules_done(&b);
        }
} END_TEST

START_TEST(order_of_rules_does_not_count_but_number_does) {
        struct hcloud_firewall_rules a = rules_of("80", "::/0", NULL), b = { 0 }, c;
        hcloud_strings_add(&hcloud_firewall_rules_add(&a, "in", "icmp", NULL, NULL)->source_ips, "::/0");
        hcloud_strings_add(&hcloud_firewall_rules_add(&b, "in", "icmp", NULL, "other words")->source_ips, "::/0");
        hcloud_strings_add(&hcloud_firewall_rules_add(&b, "in", "tcp", "80", "text")->source_ips, "::/0");
        ck_assert(hcloud_firewall_rules_equal(&a, &b, false));
        ck_assert(!hcloud_firewall_rules_equal(&a, &b, true));
        hcloud_firewall_rules_copy(&c, &a);
        ck_assert(hcloud_firewall_rules_equal(&a, &c, true));
        hcloud_strings_add(&hcloud_firewall_rules_add(&c, "in", "tcp", "80", "text")->source_ips, "::/0");
        ck_assert(!hcloud_firewall_rules_equal(&a, &c, false));
        hcloud_firewall_rules_done(&a);
        hcloud_firewall_rules_done(&b);
        hcloud_firewall_rules_done(&c);
} END_TEST

START_TEST(rules_are_checked) {
        static const struct { const char *direction, *protocol, *port, *source, *destination; bool ok; } cases[] = {
                { "in", "tcp", "80", "::/0", NULL, true },
                { "out", "udp", "any", NULL, "10.0.0.0/8", true },
                { "in", "icmp", NULL, "::/0", NULL, true },
                { "in", "icmp", "80", "::/0", NULL, false },
                { "in", "tcp", NULL, "::/0", NULL, false },
                { "in", "tcp", "0", "::/0", NULL, false },
                { "in", "tcp", "65536", "::/0", NULL, false },
                { "in", "tcp", "90-80", "::/0", NULL, false },
                { "in", "tcp", "80-", "::/0", NULL, false },
                { "out", "tcp", "80", "::/0", NULL, false },
                { "in", "tcp", "80", "::/0", "::/0", false },
                { "in", "tcp", "80", NULL, NULL, false },
                { "in", "tcp", "80", "2001:db8::1/64", NULL, false },
                { "in", "tcp", "80", "2001:db8::", NULL, false },
                { "in", "tcp", "80", "x/64", NULL, false },
                { "in", "tcp", "80", "10.0.0.0/33", NULL, false },
                { "through", "tcp", "80", "::/0", NULL, false },
                { "in", "sctp", "80", "::/0", NULL, false },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err = ERROR_INIT;
                struct hcloud_firewall_rules rules = { 0 };
                struct hcloud_firewall_rule *rule = hcloud_firewall_rules_add(&rules, cases[i].direction, cases[i].protocol,
                                                                              cases[i].port, NULL);
                if (cases[i].source)
                        hcloud_strings_add(&rule->source_ips, cases[i].source);
                if (cases[i].destination)
                        hcloud_strings_add(&rule->destination_ips, cases[i].destination);
                ck_assert_msg((hcloud_firewall_rules_check(&rules, &err) >= 0) == cases[i].ok, "case %zu: %s", i,
                              err.message ? err.message : "accepted");
                hcloud_firewall_rules_done(&rules);
                error_done(&err);
        }
} END_TEST

START_TEST(rules_have_limits) {
        struct error err = ERROR_INIT;
        struct hcloud_firewall_rules rules = { 0 };
        for (size_t i = 0; i < 50; i++)
                hcloud_strings_add(&hcloud_firewall_rules_add(&rules, "in", "icmp", NULL, NULL)->source_ips, "::/0");
        for (size_t i = 1; i < 100; i++)
                hcloud_strings_add(&rules.items[7].source_ips, "10.0.0.0/8");
        ck_ok(hcloud_firewall_rules_check(&rules, &err), err);
        hcloud_strings_add(&rules.items[7].source_ips, "10.0.0.0/8");
        ck_fails(hcloud_firewall_rules_check(&rules, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "rule 8"));
        hcloud_firewall_rules_done(&rules);
        for (size_t i = 0; i < 51; i++)
                hcloud_strings_add(&hcloud_firewall_rules_add(&rules, "in", "icmp", NULL, NULL)->source_ips, "::/0");
        ck_fails(hcloud_firewall_rules_check(&rules, &err), err, ERR_INVALID);
        hcloud_firewall_rules_done(&rules);
        error_done(&err);
} END_TEST

START_TEST(amounts_are_exact) {
        static const struct { const char *text; int64_t nano; bool ok; } cases[] = {
                { "0.0088000000", 8800000, true },
                { "5.49", 5490000000, true },
                { "12", 12000000000, true },
                { "0.0104720000000000", 10472000, true },
                { "0.0000000005", 1, true },
                { "0.00000000049", 0, true },
                { "-1.5", -1500000000, true },
                { "", 0, false },
                { NULL, 0, false },
                { "x", 0, false },
                { "1,5", 0, false },
                { "1.5 ", 0, false },
                { ".5", 0, false },
                { "99999999999999999999", 0, false },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int64_t nano = 0;
                ck_assert_msg(hcloud_amount_parse(cases[i].text, &nano) == cases[i].ok, "case %zu", i);
                ck_assert_msg(nano == cases[i].nano, "case %zu: %lld", i, (long long) nano);
        }
        static const struct { int64_t nano; unsigned decimals; const char *text; } formats[] = {
                { 5490000000, 2, "5.49" },  { 8800000, 4, "0.0088" }, { 999999999, 2, "1.00" }, { 0, 0, "0" },
                { -1500000000, 1, "-1.5" }, { 1, 9, "0.000000001" },  { 2500000000, 0, "3" },
        };
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
                char *text = hcloud_amount_format(formats[i].nano, formats[i].decimals);
                ck_assert_str_eq(text, formats[i].text);
                free(text);
        }
} END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hcloud values");
        TCase *c = tcase_create("values");
        tcase_add_test(c, labels_follow_the_rules);
        tcase_add_test(c, names_follow_the_rules);
        tcase_add_test(c, selectors_are_built);
        tcase_add_test(c, selectors_cannot_be_smuggled_into);
        tcase_add_test(c, label_lists);
        tcase_add_test(c, rules_are_compared_by_what_passes);
        tcase_add_test(c, order_of_rules_does_not_count_but_number_does);
        tcase_add_test(c, rules_are_checked);
        tcase_add_test(c, rules_have_limits);
        tcase_add_test(c, amounts_are_exact);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
