#include "base/memory.h"

#include <jansson.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "unit.h"

#define LINE "error: out of memory: run the same command again when there is more, it goes on from what is there\n"

/* What a child says on standard error while it runs f, and how it ends. */
static int child(void (*f)(void), char *said, size_t size) {
        int fds[2], status;
        size_t n = 0;
        ck_assert_int_eq(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(fds[1], STDERR_FILENO);
                f();
                _exit(77);
        }
        close(fds[1]);
        for (ssize_t r; n + 1 < size && (r = read(fds[0], said + n, size - 1 - n)) > 0;)
                n += (size_t) r;
        said[n] = '\0';
        close(fds[0]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void ends(void) { end_without("memory"); }
/* The sanitizers' allocators end a program at such a number by themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void asks_for_all(void) { ends(); }
#else
static void asks_for_all(void) { free(xrealloc(NULL, SIZE_MAX / 2, 4)); }
#endif

START_TEST(one_line_and_status_one) {
        char said[400];
        ck_assert_int_eq(child(ends, said, sizeof(said)), 1);
        ck_assert_str_eq(said, LINE);
        ck_assert_int_eq(child(asks_for_all, said, sizeof(said)), 1);
        ck_assert_str_eq(said, LINE);
}
END_TEST

static void put_right(void) {
        ck_assert_int_eq(write(STDERR_FILENO, "right\n", 6), 6);
}
static void ends_put_right(void) {
        end_without_calls(put_right);
        end_without("memory");
}
static void ends_inside(void) {
        end_without_calls(ends);
        end_without("memory");
}

START_TEST(the_terminal_is_put_right_first) {
        char said[400];
        ck_assert_int_eq(child(ends_put_right, said, sizeof(said)), 1);
        ck_assert_str_eq(said, "right\n" LINE);
        ck_assert_int_eq(child(ends_inside, said, sizeof(said)), 1);
}
END_TEST

static pthread_barrier_t together;
static void *ends_with_others(void *data) {
        pthread_barrier_wait(&together);
        end_without("memory");
        return data;
}
static void many_end(void) {
        pthread_t threads[8];
        pthread_barrier_init(&together, NULL, ARRAY_SIZE(threads));
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                if (pthread_create(&threads[i], NULL, ends_with_others, NULL) != 0)
                        _exit(78);
        pthread_join(threads[0], NULL);
}

/* ThreadSanitizer lets a second pass before a program with threads ends. */
#if defined(__SANITIZE_THREAD__)
#define ROUNDS 2
#else
#define ROUNDS 20
#endif

START_TEST(many_threads_say_it_once) {
        char said[1200];
        for (int i = 0; i < ROUNDS; i++) {
                ck_assert_int_eq(child(many_end, said, sizeof(said)), 1);
                ck_assert_str_eq(said, LINE);
        }
}
END_TEST

/* jansson's own answer to NULL is -1 from a function whose result nobody reads. What it had got by then is lost with the program; no heap, so that valgrind is silent about it. */
static int left;
static void *scarce(size_t n) {
        static max_align_t memory[4096];
        static size_t used;
        void *p = &memory[used];
        used += n / sizeof(*memory) + 1;
        return left-- > 0 && used < ARRAY_SIZE(memory) ? p : NULL;
}
static void keep(void *p) { (void) p; }
static void loses_no_key(void) {
        json_set_alloc_funcs(scarce, keep);
        json_needs_memory();
        json_needs_memory();
        json_t *o = json_object();
        json_object_set_new(o, "firewalls", json_array());
        bool whole = json_object_size(o) == 1;
        json_decref(o);
        if (whole)
                _exit(76);
}

START_TEST(a_request_loses_no_key) {
        char said[400];
        int whole = 0;
        for (left = 0; left < 20; left++)
                switch (child(loses_no_key, said, sizeof(said))) {
                case 76:
                        ck_assert_str_eq(said, "");
                        whole++;
                        break;
                case 1:
                        ck_assert_str_eq(said, LINE);
                        ck_assert_int_eq(whole, 0);
                        break;
                default:
                        ck_abort_msg("with %d allocations the key was lost", left);
                }
        ck_assert_int_gt(whole, 0);
}
END_TEST

static Suite *memory_suite(void) {
        Suite *s = suite_create("memory");
        TCase *c = tcase_create("memory");
        tcase_add_test(c, one_line_and_status_one);
        tcase_add_test(c, the_terminal_is_put_right_first);
        tcase_add_test(c, many_threads_say_it_once);
        tcase_add_test(c, a_request_loses_no_key);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(memory_suite())
