/* What a running plan prints where no terminal moves. */
#include "../unit.h"

#include <unistd.h>

#include "base/strbuf.h"
#include "cli/progress.h"

static int as_its_detail(struct plan_step *s, void *arg, struct error *err) {
        plan_step_note(s, "cax11 in hel1");
        plan_step_note(s, "cax11 in nbg1");
        plan_step_note(s, "cax11 in nbg1");
        plan_step_note(s, "cax11 in hel1");
        return 0;
}

/* Runs a plan of one step; what went to the stream, owned. */
static char *shown(bool json, FILE *stream) {
        struct error err = ERROR_INIT;
        struct clock *clock = clock_system();
        FILE *file = tmpfile();
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        char buf[4096];
        size_t n;

        ck_assert_ptr_nonnull(file);
        fflush(stream);
        int fd = fileno(stream), kept = dup(fd);
        dup2(fileno(file), fd);
        struct plan *plan = plan_new("test");
        plan_step_detail(plan_add(plan, "create", "server", "demo", as_its_detail, NULL), "cax11 in hel1");
        struct progress *progress = progress_new(json, clock);
        struct plan_options o = { .clock = clock, .observer = progress_observer(progress) };
        int r = plan_run(plan, &o, &err);
        progress_free(progress);
        plan_free(plan);
        fflush(stream);
        dup2(kept, fd);
        close(kept);
        ck_ok(r, err);
        rewind(file);
        while ((n = fread(buf, 1, sizeof(buf), file)) > 0)
                strbuf_add(&text, buf, n);
        fclose(file);
        return strbuf_take(&text);
}

static unsigned count(const char *text, const char *what) {
        unsigned n = 0;

        for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
                n++;
        return n;
}

START_TEST(a_line_says_nothing_that_the_line_before_it_said) {
        _cleanup_str_ char *text = shown(false, stderr);

        ck_assert_msg(count(text, "create server demo: ") == 4, "%s", text);      /* detail, nbg1, hel1 again, done */
        ck_assert_msg(count(text, ": cax11 in hel1\n") == 2, "%s", text);
        ck_assert_msg(count(text, ": cax11 in nbg1\n") == 1, "%s", text);
        ck_assert_msg(count(text, ": done in ") == 1, "%s", text);
}
END_TEST

START_TEST(events_give_the_detail_when_a_step_begins) {
        _cleanup_str_ char *text = shown(true, stdout);

        ck_assert_msg(count(text, "\n") == 4, "%s", text);
        ck_assert_msg(count(text, "\"detail\":\"cax11 in hel1\"") + count(text, "\"detail\": \"cax11 in hel1\"") == 1, "%s", text);
        ck_assert_msg(count(text, "\"note\"") == 2 * 2, "%s", text);      /* as event and as key, twice */
}
END_TEST

static Suite *progress_suite(void) {
        Suite *s = suite_create("progress");
        TCase *t = tcase_create("no terminal");

        tcase_add_test(t, a_line_says_nothing_that_the_line_before_it_said);
        tcase_add_test(t, events_give_the_detail_when_a_step_begins);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(progress_suite())
