#include "base/codec.h"

#include "unit.h"

static struct error err = ERROR_INIT;

static void check_text(char *got, const char *want) {
        ck_assert_str_eq(got, want);
        free(got);
}

START_TEST(base64_goes_both_ways) {
        static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" } };
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                check_text(base64_encode(pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
                uint8_t *p;
                size_t n;
                ck_ok(base64_decode(pairs[i][1], strlen(pairs[i][1]), false, &p, &n, &err), err);
                ck_assert_uint_eq(n, strlen(pairs[i][0]));
                ck_assert_str_eq((char *) p, pairs[i][0]);
                free(p);
        }
        check_text(base64_encode("\xfb\xff", 2), "+/8=");
        check_text(base64url_encode("\xfb\xff", 2), "-_8=");
}
END_TEST

START_TEST(base64_is_strict) {
        static const struct { const char *text; bool url, ok; } cases[] = {
                { "Zm9v\r\nYg==\n", false, true }, { "Zg=", false, false }, { "Zg", false, false }, { "Zg===", false, false },
                { "Z", false, false },             { "=", false, false },   { "Zg==Zg==", false, false }, { "Z g=", false, false },
                { "Zh==", false, false },          { "Zm9=", false, false }, { "-_8=", false, false },    { "-_8=", true, true },
                { "+/8=", true, true },            { "-_8", true, true },    { "-_8==", true, false },    { "Zm9v!", false, false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                uint8_t *p = NULL;
                size_t n;
                int r = base64_decode(cases[i].text, strlen(cases[i].text), cases[i].url, &p, &n, &err);
                ck_assert_msg((r >= 0) == cases[i].ok, "'%s' was %s", cases[i].text, r >= 0 ? "accepted" : "refused");
                free(p);
        }
        ck_assert_int_eq(err.kind, ERR_INVALID);
        error_done(&err);
}
END_TEST

START_TEST(percent_goes_both_ways) {
        check_text(percent_encode("a b/\xc3\xa9~=,"), "a%20b%2F%C3%A9~%3D%2C");
        check_text(percent_decode("boom%20%C3%A9%25%20x"), "boom \xc3\xa9% x");
        check_text(percent_decode("%"), "%");
        check_text(percent_decode("%4"), "%4");
        check_text(percent_decode("%zz%41"), "%zzA");
        check_text(percent_decode("a%00b"), "a%00b");
}
END_TEST

START_TEST(hashes_are_the_known_ones) {
        check_text(sha256_hex("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check_text(hex_encode("\x00\xff", 2), "00ff");
}
END_TEST

START_TEST(gzip_goes_both_ways_and_repeats_itself) {
        _cleanup_str_ char *text = xcalloc(100001, 1);
        memset(text, 'y', 100000);
        _cleanup_free_ uint8_t *a = NULL, *b = NULL, *back = NULL;
        size_t an, bn, n;
        ck_ok(gzip_compress(text, 100000, &a, &an, &err), err);
        ck_ok(gzip_compress(text, 100000, &b, &bn, &err), err);
        ck_assert(an == bn && memcmp(a, b, an) == 0);
        ck_assert(memcmp(a + 4, "\0\0\0\0", 4) == 0); /* no time (RFC 1952, 2.3.1) */
        ck_assert_uint_lt(an, 1000);
        ck_ok(gzip_decompress(a, an, 100000, &back, &n, &err), err);
        ck_assert(n == 100000 && memcmp(back, text, n) == 0);
}
END_TEST

START_TEST(gzip_refuses_bombs_and_damage) {
        _cleanup_str_ char *text = xcalloc(100001, 1);
        _cleanup_free_ uint8_t *a = NULL, *out = NULL;
        size_t n, m;
        ck_ok(gzip_compress(text, 100000, &a, &n, &err), err);
        ck_fails(gzip_decompress(a, n, 99999, &out, &m, &err), err, ERR_INVALID);
        ck_fails(gzip_decompress(a, n - 1, 0, &out, &m, &err), err, ERR_INVALID);
        ck_fails(gzip_decompress(a, 0, 0, &out, &m, &err), err, ERR_INVALID);
        ck_fails(gzip_decompress("hello hello", 11, 0, &out, &m, &err), err, ERR_INVALID);
        a[n - 1] ^= 1; /* the length at the end */
        ck_fails(gzip_decompress(a, n, 0, &out, &m, &err), err, ERR_INVALID);
        error_done(&err);
}
END_TEST

START_TEST(gzip_members_follow_each_other) {
        _cleanup_free_ uint8_t *a = NULL, *b = NULL, *out = NULL;
        size_t an, bn, n;
        ck_ok(gzip_compress("one,", 4, &a, &an, &err), err);
        ck_ok(gzip_compress("two", 3, &b, &bn, &err), err);
        a = xrealloc(a, an + bn, 1);
        memcpy(a + an, b, bn);
        ck_ok(gzip_decompress(a, an + bn, 0, &out, &n, &err), err);
        ck_assert_str_eq((char *) out, "one,two");
}
END_TEST

START_TEST(randomness_stays_in_its_alphabet) {
        _cleanup_str_ char *a = random_token("abc", 200), *b = random_token("abc", 200);
        ck_assert_uint_eq(strspn(a, "abc"), 200);
        ck_assert(strchr(a, 'a') && strchr(a, 'b') && strchr(a, 'c'));
        ck_assert_str_ne(a, b);
        for (int i = 0; i < 100; i++)
                ck_assert_uint_lt(random_uniform(7), 7);
        uint8_t x[16] = { 0 }, y[16] = { 0 };
        random_bytes(x, sizeof(x));
        random_bytes(y, sizeof(y));
        ck_assert(memcmp(x, y, sizeof(x)) != 0);
}
END_TEST

static Suite *codec_suite(void) {
        Suite *s = suite_create("codec");
        TCase *c = tcase_create("all");
        tcase_add_test(c, base64_goes_both_ways);
        tcase_add_test(c, base64_is_strict);
        tcase_add_test(c, percent_goes_both_ways);
        tcase_add_test(c, hashes_are_the_known_ones);
        tcase_add_test(c, gzip_goes_both_ways_and_repeats_itself);
        tcase_add_test(c, gzip_refuses_bombs_and_damage);
        tcase_add_test(c, gzip_members_follow_each_other);
        tcase_add_test(c, randomness_stays_in_its_alphabet);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(codec_suite())
