/* The firewall in front of builders: who may reach a rescue system's SSH. */
#include "../unit.h"

#include "image/guard.h"

static const struct hcloud_firewall_rule *ssh_of(const struct hcloud_firewall_rules *r) {
        const struct hcloud_firewall_rule *found = NULL;
        for (size_t i = 0; i < r->n; i++) {
                ck_assert_str_eq(r->items[i].direction, "in");
                if (str_eq(r->items[i].protocol, "icmp"))
                        continue;
                ck_assert_str_eq(r->items[i].protocol, "tcp");
                ck_assert_str_eq(r->items[i].port, "22");
                ck_assert_ptr_null(found);
                found = &r->items[i];
        }
        return found;
}

START_TEST(operators_alone) {
        struct strv operators = { 0 };
        struct hcloud_firewall_rules r;
        struct error err = ERROR_INIT;
        strv_add(&operators, "2001:db8:1::/64");
        strv_add(&operators, "2001:db8:2::/48");
        guard_rules(&operators, false, &r);
        ck_ok(hcloud_firewall_rules_check(&r, &err), err);
        ck_assert_uint_eq(ssh_of(&r)->source_ips.n, 2);
        ck_assert_str_eq(ssh_of(&r)->source_ips.items[1], "2001:db8:2::/48");
        hcloud_firewall_rules_done(&r);
        guard_rules(&operators, true, &r);
        ck_ok(hcloud_firewall_rules_check(&r, &err), err);
        ck_assert_uint_eq(ssh_of(&r)->source_ips.n, 3);
        ck_assert_str_eq(ssh_of(&r)->source_ips.items[2], "0.0.0.0/0");
        hcloud_firewall_rules_done(&r);
        strv_done(&operators);
}
END_TEST

/* A rule without sources would be refused, or worse, mean everybody. */
START_TEST(nobody) {
        struct strv operators = { 0 };
        struct hcloud_firewall_rules r;
        struct error err = ERROR_INIT;
        guard_rules(&operators, false, &r);
        ck_ok(hcloud_firewall_rules_check(&r, &err), err);
        ck_assert_ptr_null(ssh_of(&r));
        hcloud_firewall_rules_done(&r);
}
END_TEST

START_TEST(as_many_as_a_rule_holds) {
        struct strv operators = { 0 };
        struct hcloud_firewall_rules r;
        struct error err = ERROR_INIT;
        for (int i = 0; i < 150; i++)
                strv_take(&operators, xasprintf("2001:db8:%x::/64", i + 1));
        for (int ipv4 = 0; ipv4 < 2; ipv4++) {
                guard_rules(&operators, ipv4, &r);
                ck_ok(hcloud_firewall_rules_check(&r, &err), err);
                ck_assert_uint_eq(ssh_of(&r)->source_ips.n, HCLOUD_FIREWALL_MAX_CIDRS);
                hcloud_firewall_rules_done(&r);
        }
        strv_done(&operators);
}
END_TEST

static Suite *suite_guard(void) {
        Suite *s = suite_create("guard");
        TCase *t = tcase_create("guard");
        tcase_add_test(t, operators_alone);
        tcase_add_test(t, nobody);
        tcase_add_test(t, as_many_as_a_rule_holds);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_guard())
