#include "base/json.h"

#include "unit.h"

static struct error err = ERROR_INIT;

static json_t *parse(const char *text) {
        json_t *j = NULL;
        ck_ok(json_parse("test", text, strlen(text), &j, &err), err);
        return j;
}

START_TEST(what_is_no_json_is_named) {
        json_t *j = NULL;
        static const char html[] = "<html>\n<h1>502 Bad\x1b Gateway</h1>";
        ck_fails(json_parse("GET /servers", html, strlen(html), &j, &err), err, ERR_PROTOCOL);
        ck_assert_ptr_nonnull(strstr(err.message, "GET /servers: no JSON at line 1"));
        ck_assert_ptr_nonnull(strstr(err.message, "<html><h1>502 Bad Gateway</h1>"));
        ck_fails(json_parse("x", "", 0, &j, &err), err, ERR_PROTOCOL);
        ck_fails(json_parse("x", NULL, 0, &j, &err), err, ERR_PROTOCOL);
        ck_fails(json_parse("x", "{\"a\":1", 6, &j, &err), err, ERR_PROTOCOL);
        ck_fails(json_parse("x", "{\"a\":1,\"a\":2}", 13, &j, &err), err, ERR_PROTOCOL);
        ck_fails(json_parse("x", "{} x", 4, &j, &err), err, ERR_PROTOCOL);
        _cleanup_str_ char *deep = xcalloc(100001, 1);
        memset(deep, '[', 100000);
        ck_fails(json_parse("x", deep, 100000, &j, &err), err, ERR_PROTOCOL);
        ck_assert_ptr_null(j);
        error_done(&err);
}
END_TEST

START_TEST(what_takes_too_much_memory_is_refused) {
        struct error err = ERROR_INIT;
        json_t *j = NULL;
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_adds(&b, "[[]");
        for (int i = 0; i < 1000000; i++)
                strbuf_adds(&b, ",[]");
        strbuf_adds(&b, "]");
        ck_fails(json_parse("answer", b.data, b.len, &j, &err), err, ERR_PROTOCOL);
        ck_assert_str_eq(err.message, "answer: JSON of more than 5000000 values or 1000000 objects and lists");
        strbuf_clear(&b);
        strbuf_adds(&b, "[1");
        for (int i = 0; i < 5000000; i++)
                strbuf_adds(&b, ",1");
        strbuf_adds(&b, "]");
        ck_fails(json_parse("answer", b.data, b.len, &j, &err), err, ERR_PROTOCOL);
        error_done(&err);
        /* Brackets inside a text are none. */
        strbuf_clear(&b);
        strbuf_adds(&b, "[\"\\\"");
        for (int i = 0; i < 6000000; i++)
                strbuf_addc(&b, i % 2 ? '[' : ',');
        strbuf_adds(&b, "\"]");
        ck_ok(json_parse("answer", b.data, b.len, &j, &err), err);
        json_decref(j);
}
END_TEST

START_TEST(null_is_like_absence) {
        _cleanup_json_ json_t *j = parse("{\"s\":null,\"i\":null,\"l\":null}");
        char *s = (char *) "untouched?";
        int64_t i = 7;
        double d = 1.5;
        bool b = true;
        ck_assert(jget_str(j, "s", &s, &err) && !s);
        ck_assert(jget_int(j, "i", &i, &err) && jget_int(j, "absent", &i, &err) && i == 7);
        ck_assert(jget_real(j, "i", &d, &err) && d == 1.5 && jget_bool(j, "i", &b, &err) && b);
        struct kvs m;
        struct strv v;
        ck_assert(jget_kvs(j, "l", &m, &err) && m.n == 0 && jget_strv(j, "l", &v, &err) && v.n == 0);
        ck_assert(jget_str(NULL, "s", &s, &err) && !s);
        ck_assert_ptr_null(jget(j, "s"));
}
END_TEST

START_TEST(numbers_keep_64_bits) {
        _cleanup_json_ json_t *j = parse("{\"id\":12345678901,\"real\":5.0,\"half\":5.5,\"huge\":1e30}");
        int64_t i = 0;
        double d = 0;
        ck_assert(jget_int(j, "id", &i, &err) && i == 12345678901);
        ck_assert(jget_int(j, "real", &i, &err) && i == 5);
        ck_assert(!jget_int(j, "half", &i, &err) && err.kind == ERR_PROTOCOL);
        ck_assert(!jget_int(j, "huge", &i, &err));
        ck_assert(jget_real(j, "id", &d, &err) && d == 12345678901.0 && jget_real(j, "half", &d, &err) && d == 5.5);
        error_done(&err);
}
END_TEST

START_TEST(wrong_types_are_named_with_their_path) {
        _cleanup_json_ json_t *j = parse("{\"s\":1,\"o\":{\"k\":5},\"a\":[\"x\",{}]}");
        char *s;
        int64_t i;
        bool b;
        struct kvs m;
        struct strv v;
        ck_assert(!jget_str(j, "s", &s, &err));
        ck_assert_str_eq(err.message, "'s' is an integer, not a string");
        ck_assert(!jget_int(j, "o", &i, &err) && !jget_bool(j, "s", &b, &err) && !jget_kvs(j, "a", &m, &err));
        ck_assert(!jget_kvs(j, "o", &m, &err));
        ck_assert_str_eq(err.message, "'o.k' is an integer, not a string");
        ck_assert(!jget_strv(j, "a", &v, &err));
        ck_assert_str_eq(err.message, "'a[1]' is an object, not a string");
        ck_assert(!jget_str(json_array_get(json_object_get(j, "a"), 0), "x", &s, &err));
        ck_assert_int_eq(err.kind, ERR_PROTOCOL);
        error_done(&err);
}
END_TEST

START_TEST(paths_reach_inside) {
        _cleanup_json_ json_t *j = parse("{\"metadata\":{\"name\":\"n\"},\"items\":[{\"x\":\"first\"}],\"z\":{}}");
        ck_assert_str_eq(jget_text(j, "metadata.name"), "n");
        ck_assert_str_eq(jget_text(j, "items.0.x"), "first");
        ck_assert_ptr_null(jget_text(j, "items.1.x"));
        ck_assert_ptr_null(jget_text(j, "metadata.name.x"));
        ck_assert_ptr_null(jget_text(j, "z"));
        ck_assert_ptr_null(jget(NULL, "z"));
}
END_TEST

START_TEST(objects_are_made_and_written) {
        _cleanup_json_ json_t *o = json_object();
        _cleanup_kvs_ struct kvs m = { 0 }, back = { 0 };
        kvs_set(&m, "z", "1");
        kvs_set(&m, "a", "\xff");
        jset(o, "labels", json_from_kvs(&m));
        jset_str(o, "none", NULL);
        jset(o, "none", NULL);
        jset_str(o, "name", "x");
        jset(o, "text", json_strf("%d-%s", 5, "y"));
        _cleanup_str_ char *text = json_write(o);
        ck_assert_str_eq(text, "{\"labels\":{\"z\":\"1\",\"a\":\"?\"},\"name\":\"x\",\"text\":\"5-y\"}");
        ck_assert(jget_kvs(o, "labels", &back, &err));
        ck_assert_uint_eq(back.n, 2);
}
END_TEST

static Suite *json_suite(void) {
        Suite *s = suite_create("json");
        TCase *c = tcase_create("all");
        tcase_add_test(c, what_is_no_json_is_named);
        tcase_add_test(c, what_takes_too_much_memory_is_refused);
        tcase_add_test(c, null_is_like_absence);
        tcase_add_test(c, numbers_keep_64_bits);
        tcase_add_test(c, wrong_types_are_named_with_their_path);
        tcase_add_test(c, paths_reach_inside);
        tcase_add_test(c, objects_are_made_and_written);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(json_suite())
