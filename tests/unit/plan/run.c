/* The graph runner: order, parallelism, failures, cancellation, what it says of itself. */
#include <pthread.h>
#include <stdatomic.h>

#include "../unit.h"
#include "base/json.h"
#include "plan/plan.h"

struct trail { pthread_mutex_t lock; char text[256]; };

static struct trail trail;

static int leave_mark(struct plan_step *step, void *arg, struct error *err) {
        pthread_mutex_lock(&trail.lock);
        strncat(trail.text, step_name(step), sizeof(trail.text) - strlen(trail.text) - 1);
        pthread_mutex_unlock(&trail.lock);
        return 0;
}

static int break_down(struct plan_step *step, void *arg, struct error *err) {
        return error_set(err, ERR_QUOTA, "server limit");
}

static void setup(void) {
        pthread_mutex_init(&trail.lock, NULL);
        trail.text[0] = '\0';
}

static struct plan_step *mark(struct plan *p, const char *name, struct plan_step *before) {
        struct plan_step *s = plan_add(p, "do", "thing", name, leave_mark, NULL);
        plan_after(s, before);
        return s;
}

START_TEST(runs_in_the_order_of_dependencies) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct plan_step *a, *b, *joint;

        a = mark(p, "a", NULL);
        b = mark(p, "b", a);
        joint = plan_add(p, "", "", "joint", NULL, NULL);
        plan_after(joint, b);
        mark(p, "c", joint);
        ck_assert_uint_eq(plan_work(p), 3);
        ck_ok(plan_run(p, &(struct plan_options) { 0 }, &err), err);
        ck_assert_str_eq(trail.text, "abc");
}
END_TEST

START_TEST(unchanged_steps_do_not_run_but_let_others_go_on) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct plan_step *a, *b;

        a = mark(p, "a", NULL);
        b = mark(p, "b", a);
        plan_step_unchanged(b);
        mark(p, "c", b);
        ck_assert_uint_eq(plan_work(p), 2);
        ck_ok(plan_run(p, &(struct plan_options) { 0 }, &err), err);
        ck_assert_str_eq(trail.text, "ac");
        ck_assert_int_eq(step_get_state(b), STEP_DONE_BEFORE);
}
END_TEST

START_TEST(a_failure_skips_what_follows_but_not_the_always_steps) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct plan_step *bad, *next, *release;

        bad = plan_add(p, "create", "server", "x", break_down, NULL);
        next = mark(p, "n", bad);
        release = mark(p, "r", next);
        plan_always(release);
        ck_fails(plan_run(p, &(struct plan_options) { 0 }, &err), err, ERR_QUOTA);
        ck_assert_str_eq(err.message, "create server 'x': server limit");
        ck_assert_str_eq(trail.text, "r");
        ck_assert_int_eq(step_get_state(next), STEP_SKIPPED);
}
END_TEST

/* Two works apart and a common one: the one that fails, and what it was waited for by. */
static void run_apart(bool common_fails, const char *want) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct plan_step *bad, *waits, *own, *gate, *other, *common;

        trail.text[0] = '\0';
        bad = plan_add(p, "create", "server", "x", break_down, NULL);
        gate = mark(p, "g", NULL);
        plan_after(gate, bad);                   /* so that the others begin when it has failed */
        plan_always(gate);
        waits = mark(p, "w", bad);
        own = mark(p, "o", waits);
        other = mark(p, "a", gate);
        struct plan_step *after_other = mark(p, "b", other);
        common = mark(p, "c", gate);
        for (size_t i = 0; i < 5; i++)
                plan_apart((struct plan_step *[]) { waits, own, other, after_other, gate }[i]);
        if (!common_fails)
                plan_apart(bad);
        ck_fails(plan_run(p, &(struct plan_options) { .max_threads = 1 }, &err), err, ERR_QUOTA);
        ck_assert_str_eq(trail.text, want);
        ck_assert_int_eq(step_get_state(waits), STEP_SKIPPED);
        ck_assert_int_eq(step_get_state(common), STEP_SKIPPED);
}

START_TEST(what_stands_apart_goes_on_when_another_such_step_fails) {
        run_apart(false, "gab");
        run_apart(true, "g");
}
END_TEST

START_TEST(a_cancelled_run_starts_nothing_but_always_steps) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_(cancel_freep) struct cancel *c = cancel_new();
        _cleanup_error_ struct error err = ERROR_INIT;

        mark(p, "a", NULL);
        plan_always(mark(p, "r", NULL));
        cancel_trigger(c);
        ck_fails(plan_run(p, &(struct plan_options) { .cancel = c }, &err), err, ERR_CANCELLED);
        ck_assert_str_eq(trail.text, "r");
}
END_TEST

START_TEST(a_cycle_is_found_before_anything_runs) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct plan_step *a, *b;

        mark(p, "x", NULL);
        a = mark(p, "a", NULL);
        b = mark(p, "b", a);
        plan_after(a, b);
        ck_fails(plan_run(p, &(struct plan_options) { 0 }, &err), err, ERR_BUG);
        ck_assert_str_eq(trail.text, "");
}
END_TEST

/* Each waits until all have come: passes only when they really run at the same time. */
static pthread_barrier_t together;
static int meet(struct plan_step *step, void *arg, struct error *err) {
        pthread_barrier_wait(&together);
        return 0;
}

START_TEST(independent_steps_run_at_the_same_time) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;

        pthread_barrier_init(&together, NULL, 40);
        for (int i = 0; i < 40; i++)
                plan_add(p, "meet", "thing", "x", meet, NULL);
        ck_ok(plan_run(p, &(struct plan_options) { 0 }, &err), err);
        pthread_barrier_destroy(&together);
}
END_TEST

static int let_time_pass(struct plan_step *step, void *arg, struct error *err) {
        clock_manual_forward(plan_clock(step), *(int64_t *) arg);
        return 0;
}

START_TEST(the_critical_path_is_the_chain_that_ended_last) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        struct clock *clock = clock_manual_new(0);
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ struct plan_step **path = NULL;
        _cleanup_json_ json_t *trace = NULL;
        _cleanup_str_ char *text = NULL;
        int64_t ten = 10, thousand = 1000;
        struct plan_step *a, *b, *c;

        a = plan_add(p, "do", "t", "a", let_time_pass, &thousand);
        b = plan_add(p, "do", "t", "b", let_time_pass, &ten);
        plan_after(b, a);
        c = plan_add(p, "do", "t", "c", let_time_pass, &ten);
        plan_after(c, b);
        ck_ok(plan_run(p, &(struct plan_options) { .clock = clock, .max_threads = 1 }, &err), err);
        ck_assert_uint_eq(plan_critical_path(p, &path), 3);
        ck_assert_ptr_eq(path[0], a);
        ck_assert_ptr_eq(path[2], c);
        text = plan_trace_json(p);
        ck_ok(json_parse("trace", text, strlen(text), &trace, &err), err);
        ck_assert_ptr_nonnull(strstr(text, "\"dur\":1000000"));
        clock_manual_free(clock);
}
END_TEST

static _Atomic int events;
static void count(void *data, const struct plan *p, const struct plan_event *e) { events++; }

START_TEST(observers_hear_of_start_and_end) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;

        events = 0;
        mark(p, "a", mark(p, "b", NULL));
        ck_ok(plan_run(p, &(struct plan_options) { .observer = { .event = count } }, &err), err);
        ck_assert_int_eq(events, 4);
}
END_TEST

struct meeting { pthread_mutex_t lock; pthread_cond_t changed; bool begun, passed; };

static struct meeting meeting = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false };

static void tell(bool *what) {
        pthread_mutex_lock(&meeting.lock);
        *what = true;
        pthread_cond_broadcast(&meeting.changed);
        pthread_mutex_unlock(&meeting.lock);
}

static void await(const bool *what) {
        pthread_mutex_lock(&meeting.lock);
        while (!*what)
                pthread_cond_wait(&meeting.changed, &meeting.lock);
        pthread_mutex_unlock(&meeting.lock);
}

static int take_the_thread(struct plan_step *step, void *arg, struct error *err) {
        tell(&meeting.begun);
        await(&meeting.passed);
        return 0;
}

static int wait_for_the_taker(struct plan_step *step, void *arg, struct error *err) {
        await(&meeting.begun);
        return 0;
}

static int pass(struct plan_step *step, void *arg, struct error *err) {
        tell(&meeting.passed);
        return 0;
}

/* One thread alone would stand for ever. */
START_TEST(urgent_steps_have_a_thread_when_all_others_wait) {
        _cleanup_(plan_freep) struct plan *p = plan_new("test");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct plan_step *waiter, *passer;

        plan_add(p, "do", "thing", "taker", take_the_thread, NULL);
        waiter = plan_add(p, "do", "thing", "waiter", wait_for_the_taker, NULL);
        passer = plan_add(p, "do", "thing", "passer", pass, NULL);
        plan_after(passer, waiter);
        plan_step_urgent(waiter);
        plan_step_urgent(passer);
        ck_ok(plan_run(p, &(struct plan_options) { .max_threads = 1 }, &err), err);
}
END_TEST

static Suite *run_suite(void) {
        Suite *s = suite_create("plan");
        TCase *t = tcase_create("run");

        tcase_add_checked_fixture(t, setup, NULL);
        tcase_add_test(t, runs_in_the_order_of_dependencies);
        tcase_add_test(t, unchanged_steps_do_not_run_but_let_others_go_on);
        tcase_add_test(t, a_failure_skips_what_follows_but_not_the_always_steps);
        tcase_add_test(t, what_stands_apart_goes_on_when_another_such_step_fails);
        tcase_add_test(t, a_cancelled_run_starts_nothing_but_always_steps);
        tcase_add_test(t, a_cycle_is_found_before_anything_runs);
        tcase_add_test(t, independent_steps_run_at_the_same_time);
        tcase_add_test(t, the_critical_path_is_the_chain_that_ended_last);
        tcase_add_test(t, observers_hear_of_start_and_end);
        tcase_add_test(t, urgent_steps_have_a_thread_when_all_others_wait);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(run_suite())
