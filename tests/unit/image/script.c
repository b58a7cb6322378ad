/* The script on the builder: quoting, and the lines it says; by what bytes a packing is known. */
#include "../unit.h"

#include "image/script.h"

START_TEST(packings) {
        ck_assert_int_eq(image_packing_of("\xFD" "7zXZ\0", 6), PACKED_XZ);
        ck_assert_int_eq(image_packing_of("\x28\xB5\x2F\xFD\x04\x00", 6), PACKED_ZSTD);
        ck_assert_int_eq(image_packing_of("\x1F\x8B\x08\x00\x00\x00", 6), PACKED_GZIP);
        ck_assert_int_eq(image_packing_of("\x00\x00\x00\x00\x00\x00", 6), PACKED_NOT);
        ck_assert_int_eq(image_packing_of("\xEB\x63\x90\x00\x00\x00", 6), PACKED_NOT);   /* a boot sector */
        ck_assert_int_eq(image_packing_of("<!DOCT", 6), PACKED_UNKNOWN);
        ck_assert_int_eq(image_packing_of("404 no", 6), PACKED_UNKNOWN);
        ck_assert_int_eq(image_packing_of("", 0), PACKED_UNKNOWN);
        ck_assert_int_eq(image_packing_of_name("https://x/y.raw.xz?token=a.zst"), PACKED_XZ);
        ck_assert_int_eq(image_packing_of_name("a.raw"), PACKED_NOT);
        ck_assert_int_eq(image_packing_of_name("a.iso"), PACKED_UNKNOWN);
}
END_TEST

START_TEST(quoting) {
        struct strv urls = { 0 };
        strv_add(&urls, "https://x/it's$(id).zst");
        strv_add(&urls, "https://x/b.xz");
        struct script_options o = { .urls = &urls, .sha256 = "ab" };
        _cleanup_str_ char *text = script_write(&o);
        ck_assert(str_starts(text, "disk='/dev/sda'\nurls='https://x/it'\\''s$(id).zst https://x/b.xz'\npacking=''\nwanted='ab'\n"));
        struct script_options in = { .packing = PACKED_ZSTD };
        _cleanup_str_ char *other = script_write(&in);
        ck_assert(str_starts(other, "disk='/dev/sda'\nurls=''\npacking='zst'\nwanted=''\n"));
        strv_done(&urls);
}
END_TEST

#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

START_TEST(lines) {
        struct script_line l;
        script_line_parse("hcloud-v6 from https://x/y z", &l);
        ck_assert_int_eq(l.word, SCRIPT_FROM);
        ck_assert_str_eq(l.text, "https://x/y z");
        script_line_done(&l);
        script_line_parse("hcloud-v6 progress 5 10 4294967297", &l);
        ck_assert_int_eq(l.word, SCRIPT_PROGRESS);
        ck_assert_int_eq(l.total, 10);
        ck_assert(l.written == 4294967297);
        script_line_parse("hcloud-v6 done " SUM_A " " SUM_B " 77", &l);
        ck_assert_int_eq(l.word, SCRIPT_DONE);
        ck_assert_str_eq(l.packed_sha256, SUM_A);
        ck_assert_str_eq(l.raw_sha256, SUM_B);
        ck_assert_int_eq(l.written, 77);
}
END_TEST

/* What a stranger's system may say instead. */
START_TEST(other_lines) {
        static const char *const cases[] = { "", "hcloud-v6", "hcloud-v6 ", "hcloud-v6 progress 1 2", "hcloud-v6 progress -1 2 3", "hcloud-v6 progress a b c",
                                             "hcloud-v6 done abc def 1", "hcloud-v6 done " SUM_A " " SUM_B, "done " SUM_A " " SUM_B " 1",
                                             "hcloud-v6 done " SUM_A SUM_B " x 1", "hcloud-v6 done " SUM_A " " SUM_B " -1" };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct script_line l;
                script_line_parse(cases[i], &l);
                ck_assert_msg(l.word == SCRIPT_OTHER, "'%s'", cases[i]);
                script_line_done(&l);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("image script");
        TCase *c = tcase_create("all");

        tcase_add_test(c, packings);
        tcase_add_test(c, quoting);
        tcase_add_test(c, lines);
        tcase_add_test(c, other_lines);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
