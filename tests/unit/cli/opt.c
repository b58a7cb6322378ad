/* The option tables, the token's sources, the terminal's text. */
#include "../unit.h"
#include "cli/help.h"
#include "cli/opt.h"
#include "cli/table.h"
#include "cli/term.h"
#include "cli/token.h"

/* help.c wants the list of commands, which belongs to the program. */
static const struct opt none[] = { { .name = NULL } };
static const struct command dummy = { .name = "up", .summary = "make it so", .arguments = "", .options = none };
const struct command *const commands[] = { &dummy, NULL };

struct values {
        struct common_options common;
        bool yes, wait;
        const char *name;
        struct opt_int count;
        struct strv places;
};
static const struct opt table[] = {
        { .name = "yes", .letter = 'y', .type = OPT_FLAG, .offset = offsetof(struct values, yes), .help = "do it" },
        { .name = "no-wait", .type = OPT_NEGATED, .offset = offsetof(struct values, wait), .help = "do not wait" },
        { .name = "name", .letter = 'n', .type = OPT_STRING, .offset = offsetof(struct values, name), .value_name = "NAME", .help = "a name" },
        { .name = "count", .type = OPT_INTEGER, .offset = offsetof(struct values, count), .value_name = "N", .min = 1, .max = 9, .help = "how many" },
        { .name = "place", .type = OPT_LIST, .offset = offsetof(struct values, places), .value_name = "P", .help = "where" },
        { .name = NULL },
};

static struct values v;
static struct strv args;
static struct error err;

static void setup(void) {
        v = (struct values) { .wait = true };
        args = (struct strv) { 0 };
        err = ERROR_INIT;
}

static void teardown(void) {
        opt_done(table, &v);
        strv_done(&args);
        error_done(&err);
}

static int parse(const char *const *words) {
        char *argv[16];
        int n = 0;

        for (; words[n]; n++)
                argv[n] = (char *) words[n];
        return opt_parse(table, n, argv, &v, &args, &err);
}
#define PARSE(...) parse((const char *const[]) { __VA_ARGS__, NULL })

START_TEST(every_form_of_an_option_is_understood) {
        ck_ok(PARSE("-y", "--no-wait", "--name=x", "--count", "7", "--place", "a,b", "--place=c", "rest", "--", "--yes"), err);
        ck_assert(v.yes && !v.wait);
        ck_assert_str_eq(v.name, "x");
        ck_assert(v.count.is_set && v.count.value == 7);
        ck_assert_uint_eq(v.places.n, 3);
        ck_assert_str_eq(v.places.items[2], "c");
        ck_assert_uint_eq(args.n, 2);
        ck_assert_str_eq(args.items[1], "--yes");
}
END_TEST

START_TEST(optional_values_need_an_equals_sign) {
        ck_ok(PARSE("--timings", "file"), err);
        ck_assert_str_eq(v.common.timings, "");
        ck_assert_str_eq(args.items[0], "file");
        ck_ok(PARSE("--timings=t.json"), err);
        ck_assert_str_eq(v.common.timings, "t.json");
}
END_TEST

START_TEST(slips_get_the_nearest_option) {
        ck_fails(PARSE("--nam=x"), err, ERR_USAGE);
        ck_assert_ptr_nonnull(strstr(err.message, "did you mean '--name'?"));
}
END_TEST

START_TEST(wrong_values_are_refused) {
        static const char *const wrong[][2] = { { "--count", "0" }, { "--count", "10" }, { "--count", "1e1" }, { "--count", "" }, { "--name", "" },
                                                { "--yes=1", NULL }, { "--output", "xml" }, { "--name", NULL }, { "-x", NULL } };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                const char *words[] = { wrong[i][0], wrong[i][1], NULL };
                ck_fails(parse(words), err, ERR_USAGE);
                error_done(&err);
        }
}
END_TEST

START_TEST(contexts_of_the_hcloud_cli_are_read) {
        static const char text[] = "active_context = \"one\" # now\n\n[[contexts]]\n  name = \"two\"\n  token = \"t2\"\n\n"
                                   "[[contexts]]\n  name = 'one'\n  token = \"t\\\"1\"\n  endpoint = \"https://x/v1\"\n"
                                   "  [contexts.preferences]\n    quiet = true\n";
        char *token, *endpoint, *context;

        ck_ok(toml_context("cli.toml", text, NULL, &token, &endpoint, &context, &err), err);
        ck_assert_str_eq(token, "t\"1");
        ck_assert_str_eq(endpoint, "https://x/v1");
        ck_assert_str_eq(context, "one");
        free(token); free(endpoint); free(context);
        ck_ok(toml_context("cli.toml", text, "two", &token, &endpoint, &context, &err), err);
        ck_assert_str_eq(token, "t2");
        ck_assert_ptr_null(endpoint);
        free(token); free(context);
}
END_TEST

START_TEST(only_the_key_itself_names_the_active_context) {
        static const struct { const char *first; const char *context; } rows[] = {
                { "active_context_before = \"two\"\nactive_context = \"one\"", "one" }, { "# active_context = \"two\"\n\tactive_context='one'", "one" },
                { "active_context_before = \"two\"", NULL },                           { "active_context = \"one\nx = \"", NULL },
                { "active_context = one", NULL },                                       { "active_context", NULL },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_str_ char *text = xasprintf("%s\n[[contexts]]\nname = \"one\"\ntoken = \"1\"\n[[contexts]]\nname = \"two\"\ntoken = \"2\"\n", rows[i].first);
                char *token = NULL, *endpoint = NULL, *context = NULL;

                int r = toml_context("c", text, NULL, &token, &endpoint, &context, &err);
                ck_assert_msg((r >= 0) == (rows[i].context != NULL), "row %zu", i);
                ck_assert_msg(str_eq(context, rows[i].context), "row %zu: %s", i, context);
                free(token); free(endpoint); free(context);
                error_done(&err);
        }
}
END_TEST

START_TEST(bad_context_files_are_refused_with_their_line) {
        char *token, *endpoint, *context;

        ck_fails(toml_context("c", "[[contexts]]\nname = one\n", "one", &token, &endpoint, &context, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "c:2:"));
        error_done(&err);
        ck_fails(toml_context("c", "[[contexts]]\nname = \"one\n", "one", &token, &endpoint, &context, &err), err, ERR_INVALID);
        error_done(&err);
        ck_fails(toml_context("c", "", NULL, &token, &endpoint, &context, &err), err, ERR_NOT_FOUND);
        error_done(&err);
        ck_fails(toml_context("c", "[[contexts]]\nname = \"one\"\n", "one", &token, &endpoint, &context, &err), err, ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_token_comes_from_the_environment_first) {
        _cleanup_credentials_ struct credentials c = { 0 };

        setenv("HCLOUD_TOKEN", "abc", 1);
        setenv("HCLOUD_ENDPOINT", "https://api.example/v1", 1);
        ck_ok(credentials_find(&c, &err), err);
        ck_assert_str_eq(c.token, "abc");
        ck_assert_str_eq(c.endpoint, "https://api.example/v1");
        credentials_done(&c);
        unsetenv("HCLOUD_TOKEN");
        setenv("HCLOUD_CONFIG", "/nonexistent/cli.toml", 1);
        ck_fails(credentials_find(&c, &err), err, ERR_AUTH);
        ck_assert_ptr_nonnull(strstr(err.hint, "HCLOUD_TOKEN"));
}
END_TEST

static char *printed(void (*print)(FILE *f)) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        print(f);
        fclose(f);
        return text;
}

static void print_table(FILE *f) {
        static const char *const header[] = { "A", "B", NULL };
        struct table t;

        table_init(&t, header);
        table_row(&t);
        table_cell(&t, "long\033[31m");
        table_cell(&t, NULL);
        table_print(&t, f);
        table_done(&t);
}

START_TEST(tables_align_and_control_characters_are_cut) {
        _cleanup_str_ char *text = printed(print_table);

        ck_assert_str_eq(text, "A          B\nlong?[31m  -\n");
}
END_TEST

static void print_bash(FILE *f) { help_completion("bash", f, &err); }

START_TEST(completion_is_made_from_the_tables) {
        _cleanup_str_ char *text = printed(print_bash);

        ck_assert_ptr_nonnull(strstr(text, "'up') words=\" --cluster --output"));
        ck_fails(help_completion("tcsh", stdout, &err), err, ERR_USAGE);
}
END_TEST

static Suite *opt_suite(void) {
        Suite *s = suite_create("cli");
        TCase *t = tcase_create("options");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, every_form_of_an_option_is_understood);
        tcase_add_test(t, optional_values_need_an_equals_sign);
        tcase_add_test(t, slips_get_the_nearest_option);
        tcase_add_test(t, wrong_values_are_refused);
        tcase_add_test(t, contexts_of_the_hcloud_cli_are_read);
        tcase_add_test(t, only_the_key_itself_names_the_active_context);
        tcase_add_test(t, bad_context_files_are_refused_with_their_line);
        tcase_add_test(t, a_token_comes_from_the_environment_first);
        tcase_add_test(t, tables_align_and_control_characters_are_cut);
        tcase_add_test(t, completion_is_made_from_the_tables);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(opt_suite())
