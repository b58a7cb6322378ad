/* Snapshots of any bytes: refused or read, and what is read decides the same twice. */
#include "check.h"
#include "base/json.h"
#include "scaler/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        _cleanup_snapshot_ struct snapshot *s = NULL;
        _cleanup_decision_ struct decision a = { 0 }, b = { 0 };
        if (snapshot_parse("fuzz", (const char *) p, n, &s, &err) < 0) {
                CHECK(err.kind != ERR_NONE && err.message);
                error_done(&err);
                return 0;
        }
        if (decide(s, &a, &err) == 0) {
                CHECK(decide(s, &b, &err) == 0);
                json_t *x = decision_json(&a), *y = decision_json(&b);
                CHECK(json_equal(x, y));
                json_decref(x);
                json_decref(y);
        }
        error_done(&err);
        return 0;
}
