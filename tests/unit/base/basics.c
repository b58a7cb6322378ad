/* util, error, strbuf, cancel, secret, log */
#include <errno.h>
#include <poll.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "unit.h"

START_TEST(strings_compare) {
        ck_assert(str_eq(NULL, NULL) && str_eq("a", "a") && !str_eq("a", NULL) && !str_eq(NULL, "") && !str_eq("a", "b"));
        ck_assert(str_starts("abc", "ab") && !str_starts("a", "ab") && !str_starts(NULL, "a"));
        ck_assert(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("c", "bc"));
        ck_assert(str_empty(NULL) && str_empty("") && !str_empty("a"));
}
END_TEST

START_TEST(slips_find_their_word) {
        static const char *const words[] = { "cluster", "controlPlanes", "pools", "network", "ntp", NULL };
        ck_assert_str_eq(str_nearest("clutser", words), "cluster");       /* swapped neighbours */
        ck_assert_str_eq(str_nearest("controlplane", words), "controlPlanes");
        ck_assert_str_eq(str_nearest("pool", words), "pools");
        ck_assert_str_eq(str_nearest("ntpp", words), "ntp");
        ck_assert_ptr_null(str_nearest("firewall", words));
        ck_assert_ptr_null(str_nearest("np", (const char *const[]) { "abc", NULL }));
        ck_assert_ptr_null(str_nearest("x", (const char *const[]) { NULL }));
        _cleanup_str_ char *giant = xcalloc(100001, 1);
        memset(giant, 'a', 100000);
        ck_assert_ptr_null(str_nearest(giant, words));
}
END_TEST

START_TEST(integers_are_read_strictly) {
        int64_t v = 7;
        ck_assert(parse_int64("42", 0, 100, &v) && v == 42);
        ck_assert(parse_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &v) && v == INT64_MIN);
        ck_assert(parse_int64("9223372036854775807", INT64_MIN, INT64_MAX, &v) && v == INT64_MAX);
        static const char *const bad[] = { "", " 1", "1 ", "+1", "1.0", "1e9", "0x10", "-", "abc", "9223372036854775808", "101", "-1", NULL };
        for (size_t i = 0; bad[i]; i++)
                ck_assert_msg(!parse_int64(bad[i], 0, 100, &v), "'%s' was accepted", bad[i]);
        ck_assert(!parse_int64(NULL, 0, 1, &v));
}
END_TEST

START_TEST(arrays_grow) {
        int *items = NULL;
        size_t n = 0;
        for (int i = 0; i < 1000; i++)
                ARRAY_APPEND(items, n, i);
        ck_assert_uint_eq(n, 1000);
        for (int i = 0; i < 1000; i++)
                ck_assert_int_eq(items[i], i);
        free(items);
}
END_TEST

START_TEST(copies_end_where_told) {
        _cleanup_str_ char *a = xstrndup("abcdef", 3), *b = xstrndup("ab", 10), *c = xasprintf("%s-%d", "x", 7);
        ck_assert_str_eq(a, "abc");
        ck_assert_str_eq(b, "ab");
        ck_assert_str_eq(c, "x-7");
        ck_assert_ptr_null(xstrdup(NULL));
}
END_TEST

/* --- error --- */

START_TEST(errors_tell_their_story) {
        _cleanup_error_ struct error e = ERROR_INIT;
        ck_assert_int_lt(error_set(&e, ERR_NOT_FOUND, "server '%s' does not exist", "a"), 0);
        ck_assert_int_lt(error_wrap(&e, "creating node '%s'", "b"), 0);
        ck_assert_str_eq(e.message, "creating node 'b': server 'a' does not exist");
        ck_assert_int_eq(e.kind, ERR_NOT_FOUND);
        ck_assert(!e.retryable);
        ck_assert_int_eq(e.grpc_status, -1);
        error_hint(&e, "type %s", "x");
        error_hint(&e, "never mind");
        ck_assert_str_eq(e.hint, "type x");
        error_set(&e, ERR_TIMEOUT, "%s, too late", e.message); /* its own text as an argument */
        ck_assert_str_eq(e.message, "creating node 'b': server 'a' does not exist, too late");
        ck_assert_ptr_null(e.hint);
        ck_assert(e.retryable);
}
END_TEST

START_TEST(errors_stay_on_one_line) {
        _cleanup_error_ struct error e = ERROR_INIT;
        error_set(&e, ERR_PROTOCOL, "it said: %s", "a\nb\x1b[31mc");
        ck_assert_str_eq(e.message, "it said: a b?[31mc");
}
END_TEST

/* U+009B begins a command to a terminal as ESC [ does; "é" has the same first byte in another letter's place. */
START_TEST(foreign_text_cannot_command_a_terminal) {
        char text[] = "a\tb\x1b[31m \xc2\x9b" "31m \xc3\xa9 \xc2\xa0 \x7f";
        ck_assert_str_eq(str_one_line(text), "a b?[31m ??31m \xc3\xa9 \xc2\xa0 ?");
        char cut[] = "a\xc2";
        ck_assert_str_eq(str_one_line(cut), "a\xc2");
}
END_TEST

START_TEST(messages_have_a_length) {
        struct error e = ERROR_INIT;
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (int i = 0; i < 1000000; i++)
                strbuf_adds(&b, "\xc3\xa9");
        error_set(&e, ERR_PROTOCOL, "x%s", strbuf_str(&b));
        ck_assert_uint_lt(strlen(e.message), 17000);
        ck_assert(str_ends(e.message, "\xc3\xa9\xe2\x80\xa6 (2000001 bytes)"));
        error_done(&e);
}
END_TEST

START_TEST(errors_may_be_dropped) {
        ck_assert_int_lt(error_set(NULL, ERR_IO, "x"), 0);
        ck_assert_int_lt(error_wrap(NULL, "x"), 0);
        ck_assert_int_lt(error_hint(NULL, "x"), 0);
        errno = ENOENT;
        ck_assert_int_lt(error_set_errno(NULL, "x"), 0);
        error_done(NULL);
        struct error e = ERROR_INIT;
        error_set(&e, ERR_IO, "x");
        ck_assert_int_lt(error_move(NULL, &e), 0);
        ck_assert_ptr_null(e.message);
}
END_TEST

START_TEST(errno_becomes_words) {
        _cleanup_error_ struct error e = ERROR_INIT;
        errno = ENOENT;
        error_set_errno(&e, "opening %s", "f");
        ck_assert_str_eq(e.message, "opening f: No such file or directory");
        ck_assert_int_eq(e.kind, ERR_IO);
}
END_TEST

START_TEST(errors_move_and_copy) {
        struct error a = ERROR_INIT, b = ERROR_INIT, c;
        error_set(&a, ERR_LOCKED, "one");
        a.api_code = xstrdup("locked");
        a.http_status = 423;
        error_set(&b, ERR_IO, "two");
        ck_assert_int_lt(error_move(&b, &a), 0);
        ck_assert_str_eq(b.message, "one");
        ck_assert_ptr_null(a.message);
        ck_assert_int_eq(a.kind, ERR_NONE);
        error_copy(&c, &b);
        error_done(&b);
        ck_assert_str_eq(c.message, "one");
        ck_assert_str_eq(c.api_code, "locked");
        ck_assert_int_eq(c.http_status, 423);
        error_done(&c);
}
END_TEST

START_TEST(exit_codes_are_frozen) {
        static const int codes[_ERR_KIND_MAX] = { [ERR_BUG] = 1, [ERR_IO] = 1, [ERR_INVALID] = 1, [ERR_USAGE] = 4, [ERR_PROFILE] = 4,
                [ERR_AUTH] = 5, [ERR_NOT_FOUND] = 1, [ERR_CONFLICT] = 1, [ERR_EXISTS] = 1, [ERR_LOCKED] = 7, [ERR_RATE_LIMITED] = 1,
                [ERR_QUOTA] = 6, [ERR_CAPACITY] = 6, [ERR_UNAVAILABLE] = 1, [ERR_TIMEOUT] = 8, [ERR_TLS] = 1, [ERR_PROTOCOL] = 1,
                [ERR_REFUSED] = 1, [ERR_CANCELLED] = 130, [ERR_PENDING] = 2, [ERR_PARTIAL] = 3 };
        for (int i = 0; i < _ERR_KIND_MAX; i++) {
                ck_assert_int_eq(error_exit_code((enum error_kind) i), codes[i]);
                ck_assert_str_ne(error_kind_name((enum error_kind) i), "unknown");
        }
        ck_assert_str_eq(error_kind_name(ERR_RATE_LIMITED), "rate_limited");
        ck_assert_str_eq(error_kind_name((enum error_kind) 999), "unknown");
}
END_TEST

/* --- strbuf and lists --- */

START_TEST(buffers_grow_and_stop_at_their_maximum) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_MAX(10);
        ck_assert_str_eq(strbuf_str(&b), "");
        strbuf_adds(&b, "12345");
        strbuf_addf(&b, "%d", 67890);
        ck_assert(!strbuf_failed(&b));
        ck_assert_str_eq(strbuf_str(&b), "1234567890");
        strbuf_addc(&b, 'x');
        ck_assert(strbuf_failed(&b));
        strbuf_clear(&b);
        ck_assert(!strbuf_failed(&b));
        strbuf_addf(&b, "%s", "12345678901");
        ck_assert(strbuf_failed(&b));
        ck_assert_str_eq(strbuf_str(&b), "");
}
END_TEST

START_TEST(buffers_give_themselves_away) {
        struct strbuf b = STRBUF_INIT;
        _cleanup_str_ char *empty = strbuf_take(&b);
        ck_assert_str_eq(empty, "");
        strbuf_add(&b, "a\0b", 3);
        ck_assert_uint_eq(b.len, 3);
        _cleanup_str_ char *taken = strbuf_take(&b);
        ck_assert(memcmp(taken, "a\0b", 4) == 0);
        ck_assert_uint_eq(b.len, 0);
        strbuf_done(&b);
}
END_TEST

START_TEST(secret_buffers_keep_their_content) {
        _cleanup_strbuf_ struct strbuf b = { .secret = true };
        for (int i = 0; i < 1000; i++)
                strbuf_addf(&b, "%03d,", i);
        ck_assert_uint_eq(b.len, 4000);
        ck_assert(str_starts(b.data, "000,001,") && str_ends(b.data, ",998,999,"));
}
END_TEST

START_TEST(lists_split_and_join) {
        _cleanup_strv_ struct strv v = { 0 }, copy;
        strv_split(&v, "a,,b,", ',');
        ck_assert_uint_eq(v.n, 4);
        ck_assert(strv_has(&v, "b") && strv_has(&v, "") && !strv_has(&v, "c"));
        strv_copy(&copy, &v);
        _cleanup_str_ char *text = strv_join(&copy, "+");
        ck_assert_str_eq(text, "a++b+");
        strv_done(&v);
        _cleanup_str_ char *none = strv_join(&v, "+");
        ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(pairs_keep_order_and_compare_without) {
        _cleanup_kvs_ struct kvs m = { 0 }, n = { 0 };
        kvs_set(&m, "a", "1");
        kvs_set(&m, "b", "2");
        kvs_set(&m, "c", "3");
        kvs_set(&m, "b", "4");
        ck_assert_uint_eq(m.n, 3);
        ck_assert_str_eq(m.items[1].value, "4");
        ck_assert_ptr_null(kvs_get(&m, "x"));
        kvs_set(&n, "c", "3");
        kvs_set(&n, "b", "4");
        ck_assert(!kvs_equal(&m, &n));
        kvs_set(&n, "a", "1");
        ck_assert(kvs_equal(&m, &n));
        kvs_set(&n, "a", "2");
        ck_assert(!kvs_equal(&m, &n));
        kvs_unset(&m, "a");
        kvs_unset(&m, "a");
        ck_assert_uint_eq(m.n, 2);
        ck_assert_str_eq(m.items[0].key, "b");
        for (int i = 0; i < 9; i++) { /* growth after shrinking */
                char key[2] = { (char) ('p' + i), 0 };
                kvs_set(&m, key, "x");
        }
        ck_assert_uint_eq(m.n, 11);
}
END_TEST

/* --- the rest --- */

START_TEST(cancelling_sticks) {
        struct cancel *c = cancel_new();
        _cleanup_error_ struct error e = ERROR_INIT;
        struct pollfd fd = { .fd = cancel_fd(c), .events = POLLIN };
        ck_assert(!cancel_is_set(c) && cancel_check(c, &e) == 0 && poll(&fd, 1, 0) == 0);
        cancel_trigger(c);
        cancel_trigger(c);
        ck_assert(cancel_is_set(c) && poll(&fd, 1, 0) == 1 && poll(&fd, 1, 0) == 1);
        ck_fails(cancel_check(c, &e), e, ERR_CANCELLED);
        cancel_free(c);
        cancel_free(NULL);
        ck_assert(!cancel_is_set(NULL) && cancel_fd(NULL) == -1 && cancel_check(NULL, &e) == 0);
}
END_TEST

START_TEST(secrets_compare) {
        ck_assert(secret_equal("abc", "abc") && !secret_equal("abc", "abd") && !secret_equal("abc", "ab") && !secret_equal(NULL, "a"));
        ck_assert(secret_equal(NULL, NULL));
        char text[] = "secret";
        secret_wipe(text, sizeof(text));
        ck_assert(memcmp(text, "\0\0\0\0\0\0", 7) == 0);
        secret_free(NULL);
}
END_TEST

static char last_message[64];

static void keep(void *data, const char *module, const char *message) {
        snprintf(last_message, sizeof(last_message), "%s|%s|%s", (char *) data, module, message);
}

START_TEST(messages_reach_the_sink) {
        ck_assert(!log_enabled());
        log_debug("m", "dropped");
        char name[] = "sink";
        log_set_sink(keep, name);
        log_debug("m", "%d", 5);
        ck_assert_str_eq(last_message, "sink|m|5");
        log_set_sink(NULL, NULL);
        log_debug("m", "dropped");
        ck_assert_str_eq(last_message, "sink|m|5");
}
END_TEST

static Suite *basics_suite(void) {
        Suite *s = suite_create("basics");
        TCase *c = tcase_create("all");
        tcase_add_test(c, strings_compare);
        tcase_add_test(c, slips_find_their_word);
        tcase_add_test(c, integers_are_read_strictly);
        tcase_add_test(c, arrays_grow);
        tcase_add_test(c, copies_end_where_told);
        tcase_add_test(c, errors_tell_their_story);
        tcase_add_test(c, errors_stay_on_one_line);
        tcase_add_test(c, foreign_text_cannot_command_a_terminal);
        tcase_add_test(c, messages_have_a_length);
        tcase_add_test(c, errors_may_be_dropped);
        tcase_add_test(c, errno_becomes_words);
        tcase_add_test(c, errors_move_and_copy);
        tcase_add_test(c, exit_codes_are_frozen);
        tcase_add_test(c, buffers_grow_and_stop_at_their_maximum);
        tcase_add_test(c, buffers_give_themselves_away);
        tcase_add_test(c, secret_buffers_keep_their_content);
        tcase_add_test(c, lists_split_and_join);
        tcase_add_test(c, pairs_keep_order_and_compare_without);
        tcase_add_test(c, cancelling_sticks);
        tcase_add_test(c, secrets_compare);
        tcase_add_test(c, messages_reach_the_sink);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(basics_suite())
