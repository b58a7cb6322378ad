/* What every unit test program needs: Check, and a main that runs the suites it is given.
 * Usage: UNIT_MAIN(suite_one(), suite_two()) */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define UNIT_MAIN(...)                                                            \
        int main(void) {                                                          \
                Suite *suites[] = { __VA_ARGS__ };                                \
                SRunner *r = srunner_create(suites[0]);                           \
                for (size_t i = 1; i < sizeof(suites) / sizeof(suites[0]); i++)   \
                        srunner_add_suite(r, suites[i]);                          \
                srunner_run_all(r, CK_ENV);                                       \
                int failed = srunner_ntests_failed(r);                            \
                srunner_free(r);                                                  \
                return failed ? EXIT_FAILURE : EXIT_SUCCESS;                      \
        }

/* A call that must succeed; prints the error when it does not. */
#define ck_ok(call, err) ck_assert_msg((call) >= 0, "%s: %s", #call, (err).message ? (err).message : "?")
/* A call that must fail with a kind. */
#define ck_fails(call, err, want)                                                                             \
        do {                                                                                                  \
                ck_assert_msg((call) < 0, "%s succeeded", #call);                                             \
                ck_assert_msg((err).kind == (want), "%s: kind %s, not %s: %s", #call, error_kind_name((err).kind), \
                              error_kind_name(want), (err).message ? (err).message : "?");                    \
        } while (0)
