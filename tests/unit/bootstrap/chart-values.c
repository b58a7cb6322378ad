/* Values against what a chart knows: what is named, where, with which suggestion, and what must never be. */
#include "../unit.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/yaml.h"
#include "bootstrap/chart-files.h"

static struct error err;
static struct strbuf tar;

static void setup(void) {
        err = ERROR_INIT;
        tar = STRBUF_INIT;
}

static void teardown(void) {
        error_done(&err);
        strbuf_done(&tar);
}

/* ---- an archive, by hand ---- */

static void block(const char *name, char type, const char *text) {
        char head[512] = { 0 }, size[24];
        static const char zeros[512];
        size_t n = strlen(text);

        snprintf(head, 100, "%s", name);
        snprintf(size, sizeof(size), "%011zo", n);
        memcpy(head + 124, size, 12);
        head[156] = type;
        memcpy(head + 257, "ustar\00000", 8);
        strbuf_add(&tar, head, sizeof(head));
        strbuf_add(&tar, text, n);
        strbuf_add(&tar, zeros, (512 - n % 512) % 512);
}

static void add(const char *path, const char *text) {
        _cleanup_str_ char *name = xasprintf("demo/%s", path);

        block(name, '0', text);
}

static struct chart packed(void) {
        struct chart c = { .name = xstrdup("demo"), .version = xstrdup("1.2.3") };

        ck_ok(gzip_compress(tar.data, tar.len, &c.data, &c.len, &err), err);
        return c;
}

/* "path:line:column[ -> nearest]", one a line; owned. */
static char *unknown_in(const char *values_text) {
        _cleanup_(yaml_freep) struct yaml_node *values = NULL;
        _cleanup_(unknown_values_done) struct unknown_values u = { 0 };
        _cleanup_(chart_done) struct chart c = packed();
        _cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

        ck_ok(yaml_parse_one("values", values_text, strlen(values_text), &values, &err), err);
        ck_ok(bootstrap_check_values(&c, values, &u, &err), err);
        for (size_t i = 0; i < u.n; i++)
                strbuf_addf(&out, "%s:%u:%u%s%s\n", u.items[i].path, u.items[i].line, u.items[i].column, u.items[i].nearest ? " -> " : "",
                            u.items[i].nearest ? u.items[i].nearest : "");
        return strbuf_take(&out);
}

static void is_unknown(const char *values, const char *wanted) {
        _cleanup_str_ char *seen = unknown_in(values);

        ck_assert_str_eq(seen, wanted);
}

static void demo(void) {
        add("Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.2.3\n");
        add("values.yaml",
            "# -- Name\n"
            "greeting: hello\n"
            "hubble:\n"
            "  # -- Buffer\n"
            "  # eventBufferCapacity: \"4095\"\n"
            "  enabled: true\n"
            "  redact:\n"
            "    http:\n"
            "      urlQuery: false\n"
            "      headers:\n"
            "        # Example:\n"
            "        #     http:\n"
            "        #       onlyInProse: 1\n"
            "        allow: []\n"
            "  #tail: 1\n"
            "extraConfig: {}\n"
            "nothing: null\n"
            "pod:\n"
            "  annotations:\n"
            "    example.org/a: b\n"
            "  security:\n"
            "    runAsUser: 1\n"
            "  scoped:\n"
            "    one: 1\n");
        add("templates/a.yaml",
            "{{- if hasKey .Values.hubble \"byFunction\" }}x{{ end }}\n"
            "{{ .Values.onlyInTemplate | quote }} {{ .Values.hubble.redactAll }}\n"
            "{{- with .Values.pod.security }}\nsecurity: {{- toYaml . | nindent 2 }}\n{{ end }}\n"
            "{{- $s := .Values.pod.scoped }}{{ $s.two }}\n"
            "{{ ((.Values.hubble).careful).deep }}\n"
            "{{ get .Values.hubble \"range\" }} {{ index .Values \"dash-ed\" \"below\" }}\n");
}

/* ---- tests ---- */

START_TEST(what_the_chart_does_not_know_is_named_with_its_place) {
        demo();
        is_unknown("greeting: hi\n"
                   "hostPort:\n"
                   "  enabled: true\n"
                   "hubble:\n"
                   "  enabeld: true\n"
                   "  redact:\n"
                   "    http:\n"
                   "      allow: [a]\n",
                   "hostPort.enabled:2:1\n"
                   "hubble.enabeld:5:3 -> hubble.enabled\n"
                   "hubble.redact.http.allow:8:7 -> hubble.redact.http.headers.allow\n");
}
END_TEST

START_TEST(several_keys_below_an_unknown_one_are_not_listed) {
        demo();
        is_unknown("ports: {a: 1, b: 2}\n", "ports:1:1\n");
}
END_TEST

START_TEST(what_the_chart_knows_is_not_named) {
        demo();
        is_unknown("greeting: {any: form}\n"
                   "hubble:\n"
                   "  eventBufferCapacity: 1\n"     /* commented out */
                   "  tail: 1\n"                    /* the same, after the last key and without a blank */
                   "  byFunction: 1\n"
                   "  range: 1\n"
                   "  careful: {deep: 1}\n"
                   "  redactAll: true\n"
                   "onlyInTemplate: {deep: {er: 1}}\n"
                   "extraConfig: {any: 1, thing: {x: 1}}\n"
                   "nothing: {any: 1}\n"
                   "dash-ed: {below: 1}\n"
                   "global: {any: 1}\n"
                   "pod:\n"
                   "  annotations: {example.org/b: c}\n"
                   "  security: {fsGroup: 1}\n"     /* written out by toYaml */
                   "  scoped: {two: 2}\n",          /* asked for through a variable */
                   "");
}
END_TEST

START_TEST(prose_and_quoted_words_make_nothing_known) {
        demo();
        is_unknown("hubble:\n  redact:\n    http:\n      headers: {onlyInProse: 1}\n"
                   "pod: {scoped: {three: 3}}\n",
                   "hubble.redact.http.headers.onlyInProse:4:17\n"
                   "pod.scoped.three:5:16\n");
}
END_TEST

START_TEST(a_schema_counts_beside_the_defaults) {
        add("values.yaml", "a: 1\nopen: {x: 1}\n");
        add("values.schema.json", "{\"properties\": {\"b\": {\"properties\": {\"c\": {}}}, \"open\": {\"additionalProperties\": {}}}}");
        is_unknown("b: {c: 1}\nopen: {y: 1}\n", "");
        is_unknown("b: {d: 1}\n", "b.d:1:5\n");
}
END_TEST

START_TEST(subcharts_are_looked_into) {
        add("Chart.yaml", "name: demo\nversion: 1.2.3\ndependencies:\n- {name: sub}\n- {name: gone, alias: other}\n");
        add("values.yaml", "sub:\n  fromParent: 1\n");
        add("charts/sub/values.yaml", "x:\n  y: 1\n");
        add("charts/sub/templates/t", "{{ .Values.asked }}");
        is_unknown("sub: {x: {y: 2}, fromParent: 2, asked: 1, enabled: true, global: {a: 1}}\nother: {any: 1}\n", "");
        is_unknown("sub: {x: {z: 2}}\n", "sub.x.z:1:11 -> sub.x.y\n");
        is_unknown("sub: {question: 2}\n", "sub.question:1:7\n");
}
END_TEST

START_TEST(a_chart_without_values_says_nothing) {
        add("Chart.yaml", "name: demo\n");
        is_unknown("any: 1\n", "");
        add("values.yaml", "# nothing\n");
        is_unknown("any: 1\n", "");
}
END_TEST

START_TEST(long_names_of_both_kinds_are_read) {
        char path[400] = "demo/", record[512];
        _cleanup_(chart_files_done) struct chart_files files = { 0 };

        memset(path + 5, 'x', 200);
        strcpy(path + 205, "/gnu");
        block("././@LongLink", 'L', path);
        block("cut", '0', "first");
        strcpy(path + 205, "/pax");
        snprintf(record, sizeof(record), "219 path=%s\n", path);
        ck_assert_uint_eq(strlen(record), 219);
        block("PaxHeaders/cut", 'x', record);
        block("cut", '0', "second");
        block("demo/short", '0', "third");
        block("demo/folder/", '5', "");
        block("outside", '0', "not below the chart's folder");
        _cleanup_(chart_done) struct chart c = packed();
        ck_ok(chart_files_read(c.data, c.len, &files, &err), err);
        ck_assert_uint_eq(files.n, 3);
        ck_assert(str_ends(files.items[0].path, "x/gnu") && str_eq(files.items[0].text, "first"));
        ck_assert(str_ends(files.items[1].path, "x/pax") && str_eq(files.items[1].text, "second"));
        ck_assert_str_eq(chart_files_find(&files, "short")->text, "third");
}
END_TEST

START_TEST(what_is_no_chart_is_refused) {
        _cleanup_(chart_files_done) struct chart_files files = { 0 };

        ck_fails(chart_files_read("no gzip", 7, &files, &err), err, ERR_INVALID);
        demo();
        tar.len -= 600;                 /* the last file's end is missing */
        _cleanup_(chart_done) struct chart cut = packed();
        ck_fails(chart_files_read(cut.data, cut.len, &files, &err), err, ERR_INVALID);
        ck_assert_msg(strstr(err.message, "cut off"), "%s", err.message);
        strbuf_clear(&tar);
        _cleanup_(chart_done) struct chart nothing = packed();
        ck_fails(chart_files_read(nothing.data, nothing.len, &files, &err), err, ERR_INVALID);
}
END_TEST

START_TEST(values_that_cannot_be_read_are_an_error_and_no_verdict) {
        _cleanup_(unknown_values_done) struct unknown_values u = { 0 };
        _cleanup_(yaml_freep) struct yaml_node *values = yaml_new_map();

        add("values.yaml", "a: 1\na: 2\n");
        _cleanup_(chart_done) struct chart c = packed();
        ck_fails(bootstrap_check_values(&c, values, &u, &err), err, ERR_INVALID);
        ck_assert_msg(strstr(err.message, "chart 'demo' 1.2.3"), "%s", err.message);
}
END_TEST

static void refused(const char *why) {
        _cleanup_(unknown_values_done) struct unknown_values u = { 0 };
        _cleanup_(yaml_freep) struct yaml_node *values = yaml_new_map();
        _cleanup_(chart_done) struct chart c = packed();

        ck_fails(bootstrap_check_values(&c, values, &u, &err), err, ERR_INVALID);
        ck_assert_msg(strstr(err.message, why), "%s", err.message);
}

/* Counted, not timed: beyond these numbers the work would grow with their square, or with each depth of subcharts. */
START_TEST(a_hostile_chart_is_refused_by_counting) {
        _cleanup_strbuf_ struct strbuf meta = STRBUF_INIT;

        strbuf_adds(&meta, "name: demo\nversion: 1.2.3\ndependencies:\n");
        for (int i = 0; i < 501; i++)
                strbuf_addf(&meta, "- {name: sub%d, alias: sub}\n", i);
        add("Chart.yaml", strbuf_str(&meta));
        add("values.yaml", "a: 1\n");
        refused("more than 500 subcharts");
        strbuf_clear(&tar);
        for (int i = 0; i < 10001; i++)
                add("templates/a.yaml", "");
        refused("more than 10000 files");
}
END_TEST

START_TEST(the_same_subchart_a_thousand_times_is_one) {
        _cleanup_strbuf_ struct strbuf meta = STRBUF_INIT;

        strbuf_adds(&meta, "name: demo\nversion: 1.2.3\ndependencies:\n");
        for (int i = 0; i < 1000; i++)
                strbuf_adds(&meta, "- {name: sub}\n");
        add("Chart.yaml", strbuf_str(&meta));
        add("values.yaml", "a: 1\n");
        add("charts/sub/values.yaml", "known: 1\n");
        _cleanup_str_ char *found = unknown_in("sub: {other: 1}\n");
        ck_assert_str_eq(found, "sub.other:1:7\n");
}
END_TEST

/* A pax record that ends before its own key does is none, and reads nothing behind it. */
START_TEST(a_broken_pax_record_names_nothing) {
        block("demo/pax", 'x', "7 path=");
        add("values.yaml", "known: 1\n");
        _cleanup_str_ char *found = unknown_in("other: 1\n");
        ck_assert_str_eq(found, "other:1:1\n");
}
END_TEST

START_TEST(more_places_than_are_looked_at_count_as_known) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

        add("values.yaml", "a: {b: 1}\n");
        for (int i = 0; i < 2001; i++)
                strbuf_adds(&text, "{{ .Values.a }}\n");
        add("templates/a.yaml", strbuf_str(&text));
        _cleanup_str_ char *found = unknown_in("a: {other: 1}\n");
        ck_assert_str_eq(found, "");
}
END_TEST

START_TEST(an_archive_tells_its_own_name) {
        char path[] = "/tmp/test-chart-XXXXXX";
        _cleanup_(chart_done) struct chart c = { 0 };
        int fd = mkstemp(path);

        ck_assert(fd >= 0);
        cleanup_fd_(&fd);
        demo();
        _cleanup_(chart_done) struct chart made = packed();
        ck_ok(file_write_atomic(path, made.data, made.len, 0600, &err), err);
        ck_ok(bootstrap_chart_from_file(path, &c, &err), err);
        ck_assert_str_eq(c.name, "demo");
        ck_assert_str_eq(c.version, "1.2.3");
        ck_assert_uint_eq(c.len, made.len);
        ck_ok(file_remove(path, &err), err);
        ck_fails(bootstrap_chart_from_file(path, &c, &err), err, ERR_NOT_FOUND);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("chart values");
        TCase *t = tcase_create("values");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, what_the_chart_does_not_know_is_named_with_its_place);
        tcase_add_test(t, several_keys_below_an_unknown_one_are_not_listed);
        tcase_add_test(t, what_the_chart_knows_is_not_named);
        tcase_add_test(t, prose_and_quoted_words_make_nothing_known);
        tcase_add_test(t, a_schema_counts_beside_the_defaults);
        tcase_add_test(t, subcharts_are_looked_into);
        tcase_add_test(t, a_chart_without_values_says_nothing);
        tcase_add_test(t, long_names_of_both_kinds_are_read);
        tcase_add_test(t, what_is_no_chart_is_refused);
        tcase_add_test(t, values_that_cannot_be_read_are_an_error_and_no_verdict);
        tcase_add_test(t, a_hostile_chart_is_refused_by_counting);
        tcase_add_test(t, the_same_subchart_a_thousand_times_is_one);
        tcase_add_test(t, a_broken_pax_record_names_nothing);
        tcase_add_test(t, more_places_than_are_looked_at_count_as_known);
        tcase_add_test(t, an_archive_tells_its_own_name);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
