/* Bodies of answers: every getter over whatever came. */
#include "base/json.h"
#include "check.h"

static void get_everything(const json_t *j) {
        struct error err = ERROR_INIT;
        _cleanup_str_ char *s = NULL;
        int64_t i;
        double d;
        bool b;
        _cleanup_kvs_ struct kvs m = { 0 };
        _cleanup_strv_ struct strv v = { 0 };
        CHECK(jget_str(j, "a", &s, &err) || err.kind == ERR_PROTOCOL);
        CHECK(jget_int(j, "a", &i, &err) || err.kind == ERR_PROTOCOL);
        CHECK(jget_real(j, "a", &d, &err) || err.kind == ERR_PROTOCOL);
        CHECK(jget_bool(j, "a", &b, &err) || err.kind == ERR_PROTOCOL);
        CHECK(jget_kvs(j, "a", &m, &err) || err.kind == ERR_PROTOCOL);
        CHECK(jget_strv(j, "a", &v, &err) || err.kind == ERR_PROTOCOL);
        jget_text(j, "a.b.0.c");
        jget_text(j, "0.a");
        error_done(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        json_t *j = NULL;
        if (json_parse("fuzz", (const char *) p, n, &j, &err) < 0) {
                CHECK(err.kind == ERR_PROTOCOL && strpbrk(err.message, "\n\r\x1b") == NULL);
                error_done(&err);
                return 0;
        }
        get_everything(j);
        _cleanup_str_ char *text = json_write(j);
        json_t *again = NULL;
        CHECK(json_parse("again", text, strlen(text), &again, &err) >= 0 && json_equal(j, again));
        json_decref(again);
        json_decref(j);
        return 0;
}
