#include "base/yaml.h"

#include <dirent.h>
#include <math.h>

#include "base/file.h"
#include "base/json.h"
#include "unit.h"

static struct error err = ERROR_INIT;

static struct yaml_node *parse(const char *text) {
        struct yaml_node *n = NULL;
        ck_ok(yaml_parse_one("f", text, strlen(text), &n, &err), err);
        return n;
}

static void check_type(const char *scalar, enum yaml_type type) {
        _cleanup_str_ char *text = xasprintf("k: %s\n", scalar);
        _cleanup_(yaml_freep) struct yaml_node *n = parse(text);
        ck_assert_msg(yaml_get(n, "k")->type == type, "'%s' has type %d", scalar, (int) yaml_get(n, "k")->type);
}

START_TEST(scalars_have_the_core_schemas_types) {
        static const struct { const char *text; enum yaml_type type; } cases[] = {
                { "", YAML_NULL },       { "~", YAML_NULL },        { "Null", YAML_NULL },      { "nUll", YAML_STR },     { "true", YAML_BOOL },
                { "False", YAML_BOOL },  { "yes", YAML_STR },       { "off", YAML_STR },        { "y", YAML_STR },        { "0", YAML_INT },
                { "-7", YAML_INT },      { "+7", YAML_INT },        { "0x1F", YAML_INT },       { "0o17", YAML_INT },     { "0777", YAML_INT },
                { "08", YAML_FLOAT },    { "1.5", YAML_FLOAT },     { "1e3", YAML_FLOAT },      { ".5", YAML_FLOAT },     { "-.inf", YAML_FLOAT },
                { ".nan", YAML_FLOAT },  { "1_000", YAML_STR },     { "1:30", YAML_STR },       { "2024-01-02", YAML_STR }, { "fd40::/96", YAML_STR },
                { "\"1\"", YAML_STR },   { "'true'", YAML_STR },    { "!!str 5", YAML_STR },    { "!!int 5", YAML_INT },  { "0x", YAML_STR },
                { "9223372036854775808", YAML_FLOAT },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_type(cases[i].text, cases[i].type);
        _cleanup_(yaml_freep) struct yaml_node *n = parse("[0777, 0x1f, 0o17, -9223372036854775808, 1e3, true, -.inf]");
        ck_assert_int_eq(n->items[0]->integer, 511);
        ck_assert_int_eq(n->items[1]->integer, 31);
        ck_assert_int_eq(n->items[2]->integer, 15);
        ck_assert_int_eq(n->items[3]->integer, INT64_MIN);
        ck_assert(n->items[4]->number == 1000 && n->items[5]->boolean && isinf(n->items[6]->number) && n->items[6]->number < 0);
        ck_assert_str_eq(n->items[0]->text, "0777");
}
END_TEST

START_TEST(nodes_know_their_place) {
        _cleanup_(yaml_freep) struct yaml_node *n = parse("a: 1\nb:\n    - x\n    - c: 'd'\n");
        const struct yaml_pair *b = yaml_pair(n, "b");
        ck_assert_uint_eq(b->line, 2);
        ck_assert_uint_eq(b->column, 1);
        const struct yaml_node *d = yaml_get(b->value->items[1], "c");
        ck_assert_uint_eq(d->line, 4);
        ck_assert_uint_eq(d->column, 10);
        ck_assert(d->quoted && !d->block);
        ck_assert_uint_eq(yaml_get(n, "a")->line, 1);
}
END_TEST

static void check_refused(const char *text, const char *place, const char *words) {
        struct yaml_docs d = { 0 };
        ck_fails(yaml_parse("f", text, strlen(text), &d, &err), err, ERR_INVALID);
        ck_assert_msg(str_starts(err.message, place), "'%s' does not begin with '%s'", err.message, place);
        ck_assert_msg(strstr(err.message, words) != NULL, "'%s' lacks '%s'", err.message, words);
        error_done(&err);
}

START_TEST(ambiguous_input_is_refused_with_its_place) {
        check_refused("a: 1\nb: 2\na: 3\n", "f:3:1: ", "'a' is already there in line 1");
        check_refused("x: {a: 1, a: 2}", "f:1:11: ", "already there");
        check_refused("<<: {a: 1}\n", "f:1:1: ", "merge keys");
        check_refused("a: *x\n", "f:1:4: ", "'*x' has no anchor");
        check_refused("a: &x [*x]\n", "f:1:8: ", "has no anchor"); /* inside itself */
        check_refused("a: &x 1\n---\nb: *x\n", "f:3:4: ", "has no anchor");
        check_refused("a:\n\t- b\n", "f:2:1: ", "found character that cannot start any token");
        check_refused("a: [1, 2\n", "f:2:1: ", "");
        check_refused("a: \"\\0\"\n", "f:1:4: ", "NUL");
        check_refused("? [a]\n: b\n", "f:1:3: ", "key");
        check_refused("a: !!binary aGk=\n", "f:1:4: ", "tag");
        check_refused("a: !!int x\n", "f:1:4: ", "tag");
        check_refused("a: !foo {}\n", "f:1:4: ", "tag");
        check_refused("\"a\\nb\": 1\n", "f:1:1: ", "control character");
        check_refused("a: \xff\n", "f:", "UTF-8");
        check_refused("a: \x01\n", "f:", "control characters");
        check_refused("%YAML 9.0\n---\na: 1\n", "f:1:1: ", "incompatible");
}
END_TEST

START_TEST(hostile_input_is_refused_cheaply) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_adds(&b, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 12; i++)
                strbuf_addf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        check_refused(strbuf_str(&b), "f:", "aliases");
        strbuf_clear(&b);
        for (int i = 0; i < 100; i++)
                strbuf_addc(&b, '[');
        check_refused(strbuf_str(&b), "f:1:65: ", "64 levels");
        strbuf_clear(&b);
        for (int i = 0; i < 60; i++)
                strbuf_addc(&b, '[');
        for (int i = 0; i < 60; i++)
                strbuf_addc(&b, ']');
        _cleanup_(yaml_freep) struct yaml_node *deep = parse(strbuf_str(&b));
        strbuf_clear(&b);
        for (int i = 0; i < 600; i++)
                strbuf_addc(&b, 'k');
        strbuf_adds(&b, ": v\n");
        check_refused(strbuf_str(&b), "f:1:1: ", "512");
        strbuf_clear(&b);
        while (b.len <= 10 * 1024 * 1024)
                strbuf_addf(&b, "key%zu: value\n", b.len);
        check_refused(strbuf_str(&b), "f:1:1: ", "too many");
        strbuf_clear(&b);
        for (int i = 0; i < 50000; i++)
                strbuf_addf(&b, "key%d: v\n", i);
        strbuf_adds(&b, "key7: again\n");
        check_refused(strbuf_str(&b), "f:50001:1: ", "line 8");
}
END_TEST

/* What would take seconds or gigabytes is refused by counting. */
START_TEST(what_grows_out_of_bounds_is_refused) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_adds(&b, "a: &a \"");
        for (int i = 0; i < 1024 * 1024; i++)
                strbuf_addc(&b, 'x');
        strbuf_adds(&b, "\"\nb: [*a");
        for (int i = 0; i < 1000; i++)
                strbuf_adds(&b, ",*a");
        strbuf_adds(&b, "]\n");
        check_refused(strbuf_str(&b), "f:", "aliases");
        strbuf_clear(&b);
        for (int i = 0; i < 10001; i++)
                strbuf_adds(&b, "- &a 1\n");
        check_refused(strbuf_str(&b), "f:10001:3: ", "10000 anchors");
        strbuf_clear(&b);
        strbuf_adds(&b, "[1");
        for (int i = 0; i < 500000; i++)
                strbuf_adds(&b, i % 1000 ? ",1" : ",\n1");
        strbuf_adds(&b, "]\n");
        check_refused(strbuf_str(&b), "f:501:", "500000 values");
        strbuf_clear(&b);
        for (int i = 0; i < 101; i++)
                strbuf_addf(&b, "%%TAG !%d! x\n", i);
        strbuf_adds(&b, "--- 1\n");
        check_refused(strbuf_str(&b), "f:1:1: ", "TAG");
}
END_TEST

START_TEST(aliases_are_copies) {
        _cleanup_(yaml_freep) struct yaml_node *n = parse("a: &x {k: [1]}\nb: *x\n");
        ck_assert(yaml_equal(yaml_get(n, "a"), yaml_get(n, "b")));
        yaml_set_int(yaml_get(n, "b"), "k", 5);
        ck_assert_int_eq(yaml_get(yaml_get(n, "a"), "k")->type, YAML_SEQ);
        ck_assert_uint_eq(yaml_get(n, "b")->line, 2);
}
END_TEST

START_TEST(streams_have_documents) {
        struct yaml_docs d = { 0 };
        ck_ok(yaml_parse("f", "", 0, &d, &err), err);
        ck_assert_uint_eq(d.n, 0);
        ck_ok(yaml_parse("f", "# only a comment\n", 17, &d, &err), err);
        ck_assert_uint_eq(d.n, 0);
        static const char text[] = "a: 1\n---\n---\n- x\n";
        ck_ok(yaml_parse("f", text, strlen(text), &d, &err), err);
        ck_assert_uint_eq(d.n, 3);
        ck_assert_int_eq(d.items[1]->type, YAML_NULL);
        _cleanup_str_ char *out = yaml_write_docs(&d, 4);
        ck_assert_str_eq(out, "a: 1\n---\nnull\n---\n- x\n");
        yaml_docs_done(&d);
        struct yaml_node *n = NULL;
        ck_fails(yaml_parse_one("f", text, strlen(text), &n, &err), err, ERR_INVALID);
        error_done(&err);
        ck_ok(yaml_parse_one("f", "", 0, &n, &err), err);
        ck_assert(n->type == YAML_MAP && n->n == 0);
        yaml_free(n);
}
END_TEST

START_TEST(trees_are_made_and_changed) {
        _cleanup_(yaml_freep) struct yaml_node *n = yaml_new_map();
        yaml_set_str(n, "s", "x");
        yaml_set_int(n, "i", 5);
        yaml_set_bool(n, "b", true);
        yaml_set(n, "s", yaml_new_strf("%d", 7));
        yaml_append(yaml_set_seq(yaml_set_map(n, "m"), "list"), yaml_new_null());
        ck_assert_ptr_eq(yaml_set_map(n, "m"), yaml_get(n, "m"));
        ck_assert_uint_eq(yaml_path(n, "m.list")->n, 1);
        ck_assert_ptr_null(yaml_path(n, "m.list.x"));
        ck_assert_ptr_null(yaml_path(n, "absent.x"));
        ck_assert_ptr_null(yaml_get(NULL, "x"));
        ck_assert_str_eq(yaml_str(yaml_get(n, "s")), "7");
        ck_assert_ptr_null(yaml_str(yaml_path(n, "m.list")->items[0]));
        _cleanup_(yaml_freep) struct yaml_node *copy = yaml_copy(n);
        ck_assert(yaml_equal(n, copy));
        ck_assert(yaml_unset(copy, "i") && !yaml_unset(copy, "i"));
        ck_assert(!yaml_equal(n, copy));
        _cleanup_(yaml_freep) struct yaml_node *a = parse("{x: 1, y: \"2\"}"), *b = parse("y: '2'\nx: 0x1\n"), *c = parse("{x: 1, y: 2}");
        ck_assert(yaml_equal(a, b) && !yaml_equal(a, c));
}
END_TEST

static void check_written(const char *value, const char *want) {
        _cleanup_(yaml_freep) struct yaml_node *n = yaml_new_map();
        yaml_set_str(n, "k", value);
        _cleanup_str_ char *got = yaml_write(n, 4), *line = xasprintf("k: %s\n", want);
        ck_assert_str_eq(got, line);
        _cleanup_(yaml_freep) struct yaml_node *back = parse(got);
        ck_assert_msg(yaml_equal(n, back), "'%s' came back otherwise", value);
}

START_TEST(strings_are_quoted_as_go_quotes) {
        static const char *const doubles[] = { "8192", "off", "y", "Yes", "0x10", "1_000", "1:30", ".5", "~", "", "null", "true", "0777", "0o14", "1e3",
                "12:30:45", "2025-01-01", "2025-01-01T00:00:00Z", "=", "<<", "-.inf", ".NaN", "+1", "0b101", "-0x1F", NULL };
        for (size_t i = 0; doubles[i]; i++) {
                _cleanup_str_ char *want = xasprintf("\"%s\"", doubles[i]);
                check_written(doubles[i], want);
        }
        static const char *const singles[] = { "::", "*,-x", "a: b # c", " lead", "trail ", "- x", "#x", "{a}", "[::1]", "'", "\"q\"", "@x", "%x",
                "a:", "? x", "-", "---", "`x", "!x", "&x", "|", ">", ",", "]", NULL };
        for (size_t i = 0; singles[i]; i++) {
                _cleanup_str_ char *want = str_eq(singles[i], "'") ? xstrdup("''''") : xasprintf("'%s'", singles[i]);
                check_written(singles[i], want);
        }
        static const char *const plains[] = { "2001:db8::1", "fd40:10::/96", "cpu=100m,memory=250Mi", "https://[2001:db8::1]:6443", "a#b", "it's", "-x",
                "?x", ":x", "v1.36.3", "a\xc3\xa9", "nUll", "1.2.3", "0x", "10s", "a  b", "..", "a]", "168h0m0s", NULL };
        for (size_t i = 0; plains[i]; i++)
                check_written(plains[i], plains[i]);
        check_written("a\tb", "\"a\\tb\"");
        check_written("a\rb", "\"a\\rb\"");
        check_written("\x1b", "\"\\e\"");
        check_written("\xf0\x9f\x98\x80", "\"\\U0001F600\""); /* as yaml.v3: past the basic plane is not printable */
        check_written("\xc2\x85", "\"\\N\"");
        check_written("\xef\xbb\xbfx", "\"\\uFEFFx\"");
        check_written("a\\b\tc", "\"a\\\\b\\tc\"");
}
END_TEST

START_TEST(texts_with_lines_are_literal_blocks) {
        check_written("a\nb\n", "|\n    a\n    b");
        check_written("a\nb", "|-\n    a\n    b");
        check_written("a\n\n", "|+\n    a\n");
        check_written("a\n  b\n\nc\n", "|\n    a\n      b\n\n    c");
        check_written("  a\nb\n", "|4\n      a\n    b");
        check_written("\na\n", "|4\n\n    a");
        check_written("\n", "|4+\n");
        check_written("a \nb\n", "\"a \\nb\\n\""); /* a reader could drop the space */
        check_written("a\nb ", "\"a\\nb \"");
        check_written("a\n\tb\n", "|\n    a\n    \tb");
        check_written("a\r\nb\n", "\"a\\r\\nb\\n\"");
}
END_TEST

START_TEST(layout_is_gos) {
        static const char text[] = "a:\n    b:\n        - c: |\n            x\n          d:\n            - - 1\n              - 2\n            - {}\n"
                                   "            - []\n            - |\n              y\n          e: null\n    \"1\": \"2\"\n    '*': !!str 5\n";
        _cleanup_(yaml_freep) struct yaml_node *n = parse(text);
        _cleanup_str_ char *four = yaml_write(n, 4), *two = yaml_write(n, 2);
        ck_assert_str_eq(four, "a:\n    b:\n        - c: |\n            x\n          d:\n            - - 1\n              - 2\n            - {}\n"
                               "            - []\n            - |\n              y\n          e: null\n    \"1\": \"2\"\n    '*': \"5\"\n");
        ck_assert_str_eq(two, "a:\n  b:\n    - c: |\n        x\n      d:\n        - - 1\n          - 2\n        - {}\n        - []\n        - |\n          y\n"
                              "      e: null\n  \"1\": \"2\"\n  '*': \"5\"\n");
        _cleanup_(yaml_freep) struct yaml_node *again = parse(two);
        ck_assert(yaml_equal(n, again));
        _cleanup_(yaml_freep) struct yaml_node *hinted = yaml_new_map();
        yaml_append(yaml_set_seq(hinted, "l"), yaml_new_str(" a\nb\n"));
        yaml_set_str(yaml_set_map(hinted, "m"), "k", "\na\n");
        for (unsigned indent = 2; indent <= 4; indent += 2) {
                _cleanup_str_ char *out = yaml_write(hinted, indent);
                _cleanup_(yaml_freep) struct yaml_node *back = parse(out);
                ck_assert_msg(yaml_equal(hinted, back), "came back otherwise:\n%s", out);
        }
}
END_TEST

static char *shared_path(const char *below) {
        const char *shared = getenv("SHARED_DATA");
        return shared ? path_join(shared, below) : NULL;
}

static unsigned check_folder(const char *folder) {
        DIR *d = opendir(folder);
        if (!d)
                return 0;
        unsigned count = 0;
        for (struct dirent *e; (e = readdir(d));) {
                if (!str_ends(e->d_name, ".yaml") && !str_eq(e->d_name, "talosconfig"))
                        continue;
                _cleanup_str_ char *path = path_join(folder, e->d_name), *text = NULL;
                size_t n;
                ck_ok(file_read(path, 1 << 20, &text, &n, &err), err);
                struct yaml_docs docs = { 0 };
                ck_ok(yaml_parse(e->d_name, text, n, &docs, &err), err);
                _cleanup_str_ char *out = yaml_write_docs(&docs, 4);
                ck_assert_msg(str_eq(out, text), "%s is written otherwise", path);
                yaml_docs_done(&docs);
                count++;
        }
        closedir(d);
        return count;
}

START_TEST(taloss_own_files_come_back_byte_for_byte) {
        _cleanup_str_ char *golden = shared_path("talos/golden");
        if (!golden || !file_exists(golden)) {
                puts("skipped: no shared data with Talos's golden files here");
                return;
        }
        ck_assert_uint_ge(check_folder(golden), 20);
}
END_TEST

START_TEST(json_goes_both_ways) {
        _cleanup_(yaml_freep) struct yaml_node *n = parse("{s: x, i: 12345678901, f: 1.5, b: true, z: null, l: [1, {k: v}], inf: .inf, one: 1.0}");
        _cleanup_json_ json_t *j = yaml_to_json(n);
        _cleanup_str_ char *text = json_write(j);
        ck_assert_str_eq(text, "{\"s\":\"x\",\"i\":12345678901,\"f\":1.5,\"b\":true,\"z\":null,\"l\":[1,{\"k\":\"v\"}],\"inf\":\".inf\",\"one\":1.0}");
        _cleanup_(yaml_freep) struct yaml_node *back = yaml_from_json(j);
        _cleanup_str_ char *out = yaml_write(back, 2);
        ck_assert_str_eq(out, "s: x\ni: 12345678901\nf: 1.5\nb: true\nz: null\nl:\n  - 1\n  - k: v\ninf: \".inf\"\none: 1.0\n");
}
END_TEST

static Suite *yaml_suite(void) {
        Suite *s = suite_create("yaml");
        TCase *c = tcase_create("all");
        tcase_set_timeout(c, 60);
        tcase_add_test(c, scalars_have_the_core_schemas_types);
        tcase_add_test(c, nodes_know_their_place);
        tcase_add_test(c, ambiguous_input_is_refused_with_its_place);
        tcase_add_test(c, hostile_input_is_refused_cheaply);
        tcase_add_test(c, what_grows_out_of_bounds_is_refused);
        tcase_add_test(c, aliases_are_copies);
        tcase_add_test(c, streams_have_documents);
        tcase_add_test(c, trees_are_made_and_changed);
        tcase_add_test(c, strings_are_quoted_as_go_quotes);
        tcase_add_test(c, texts_with_lines_are_literal_blocks);
        tcase_add_test(c, layout_is_gos);
        tcase_add_test(c, taloss_own_files_come_back_byte_for_byte);
        tcase_add_test(c, json_goes_both_ways);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(yaml_suite())
