#include "base/file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static struct error err = ERROR_INIT;
static char folder[64];

static void make_folder(void) {
        snprintf(folder, sizeof(folder), "/tmp/base-file-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void) {
        error_done(&err);
        _cleanup_str_ char *command = xasprintf("rm -r '%s'", folder);
        ck_assert_int_eq(system(command), 0);
}

static unsigned mode_of(const char *path) {
        struct stat st;
        ck_assert_int_eq(stat(path, &st), 0);
        return st.st_mode & 0777;
}

START_TEST(files_are_written_whole_and_private) {
        _cleanup_str_ char *path = path_join(folder, "f"), *text = NULL;
        size_t n;
        umask(022);
        ck_ok(file_write_atomic(path, "first\0x", 7, 0600, &err), err);
        ck_assert_uint_eq(mode_of(path), 0600);
        ck_ok(file_read(path, 7, &text, &n, &err), err);
        ck_assert(n == 7 && memcmp(text, "first\0x", 8) == 0);
        ck_ok(file_write_atomic(path, "2", 1, 0644, &err), err);
        ck_assert_uint_eq(mode_of(path), 0644);
        _cleanup_str_ char *again = NULL;
        ck_ok(file_read(path, 1, &again, NULL, &err), err);
        ck_assert_str_eq(again, "2");
        _cleanup_str_ char *missing = path_join(folder, "no/f");
        ck_fails(file_write_atomic(missing, "x", 1, 0600, &err), err, ERR_IO);
        ck_assert_int_eq(chdir(folder), 0);
        ck_ok(file_write_atomic("relative", "x", 1, 0600, &err), err);
        ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

/* A killed writer's temporary file goes with the next write of that name, or when the folder is swept; one that is being written stays. */
START_TEST(what_killed_writers_leave_is_swept) {
        static const char *const others[] = { "f.new-abcde", "f.backup", "g.newer-abcdef", ".new-abcdef", "f.new-abcdef.bak" };
        _cleanup_str_ char *path = path_join(folder, "f"), *left = path_join(folder, "f.new-aB3xY9"), *of_g = path_join(folder, "g.new-123456"), *busy = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                _cleanup_str_ char *other = path_join(folder, others[i]);
                ck_ok(file_write_atomic(other, "x", 1, 0600, &err), err);
        }
        ck_ok(file_write_atomic(left, "half", 4, 0600, &err), err);
        ck_ok(file_write_atomic(of_g, "half", 4, 0600, &err), err);
        int fd = file_temporary(path, &busy, &err);
        ck_assert_int_ge(fd, 0);
        ck_assert_uint_eq(mode_of(busy), 0600);
        ck_assert(!file_exists(left) && file_exists(of_g));
        ck_ok(file_write_atomic(path, "whole", 5, 0600, &err), err);
        file_sweep(folder, NULL);
        ck_assert(file_exists(busy) && !file_exists(of_g));
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                _cleanup_str_ char *other = path_join(folder, others[i]);
                ck_assert_msg(file_exists(other), "%s was swept", other);
        }
        close(fd);
        file_sweep(folder, "f");
        ck_assert(!file_exists(busy) && file_exists(path));
}
END_TEST

START_TEST(reading_has_limits) {
        _cleanup_str_ char *path = path_join(folder, "f"), *text = NULL;
        size_t n;
        ck_fails(file_read(path, 10, &text, &n, &err), err, ERR_NOT_FOUND);
        ck_ok(file_write_atomic(path, "12345678901", 11, 0600, &err), err);
        ck_fails(file_read(path, 10, &text, &n, &err), err, ERR_INVALID);
        ck_fails(file_read(folder, 10, &text, &n, &err), err, ERR_IO);
        ck_assert_ptr_null(text);
}
END_TEST

START_TEST(folders_are_made_with_their_parents) {
        _cleanup_str_ char *deep = path_join(folder, "a//b/c/"), *middle = path_join(folder, "a/b");
        ck_ok(dir_make(deep, 0700, &err), err);
        ck_ok(dir_make(deep, 0700, &err), err);
        ck_assert_uint_eq(mode_of(middle), 0700);
        _cleanup_str_ char *file = path_join(folder, "f"), *below = path_join(folder, "f/g");
        ck_ok(file_write_atomic(file, "", 0, 0600, &err), err);
        ck_fails(dir_make(file, 0700, &err), err, ERR_IO);
        ck_fails(dir_make(below, 0700, &err), err, ERR_IO);
}
END_TEST

START_TEST(probing_leaves_nothing) {
        _cleanup_str_ char *dir = path_join(folder, "state");
        ck_ok(dir_probe_writable(dir, 100000, &err), err);
        ck_assert_int_eq(rmdir(dir), 0);
        ck_fails(dir_probe_writable("/proc/nothing", 1, &err), err, ERR_IO);
}
END_TEST

START_TEST(removing_is_idempotent) {
        _cleanup_str_ char *path = path_join(folder, "f");
        ck_ok(file_write_atomic(path, "", 0, 0600, &err), err);
        ck_assert(file_exists(path));
        ck_ok(file_remove(path, &err), err);
        ck_assert(!file_exists(path));
        ck_ok(file_remove(path, &err), err);
        ck_fails(file_remove(folder, &err), err, ERR_IO);
}
END_TEST

START_TEST(locks_exclude_and_name_their_holder) {
        _cleanup_str_ char *path = path_join(folder, "lock");
        int fd = -1, second = -1;
        ck_ok(file_lock(path, "pid 5 on host a\n", &fd, &err), err);
        ck_assert_uint_eq(mode_of(path), 0600);
        ck_fails(file_lock(path, "pid 6\n", &second, &err), err, ERR_LOCKED);
        ck_assert_ptr_nonnull(strstr(err.message, "pid 5 on host a"));
        close(fd);
        ck_ok(file_lock(path, "x", &second, &err), err);
        _cleanup_str_ char *text = NULL;
        ck_ok(file_read(path, 100, &text, NULL, &err), err);
        ck_assert_str_eq(text, "x"); /* the longer note is gone */
        close(second);
}
END_TEST

START_TEST(xdg_folders_follow_the_environment) {
        char *d;
        setenv("HOME", "/home/u", 1);
        setenv("XDG_STATE_HOME", "/s", 1);
        setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
        unsetenv("XDG_CONFIG_HOME");
        ck_ok(xdg_state_dir(&d, &err), err);
        ck_assert_str_eq(d, "/s/hcloud-v6");
        free(d);
        ck_ok(xdg_cache_dir(&d, &err), err);
        ck_assert_str_eq(d, "/home/u/.cache/hcloud-v6");
        free(d);
        ck_ok(xdg_config_dir(&d, &err), err);
        ck_assert_str_eq(d, "/home/u/.config");
        free(d);
        unsetenv("HOME");
        ck_fails(xdg_cache_dir(&d, &err), err, ERR_IO);
}
END_TEST

START_TEST(paths_join) {
        static const char *const cases[][3] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "/", "b", "/b" }, { "", "b", "b" }, { "a", "/b", "a/b" } };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *p = path_join(cases[i][0], cases[i][1]);
                ck_assert_str_eq(p, cases[i][2]);
        }
}
END_TEST

static Suite *file_suite(void) {
        Suite *s = suite_create("file");
        TCase *c = tcase_create("all");
        tcase_add_checked_fixture(c, make_folder, remove_folder);
        tcase_add_test(c, files_are_written_whole_and_private);
        tcase_add_test(c, what_killed_writers_leave_is_swept);
        tcase_add_test(c, reading_has_limits);
        tcase_add_test(c, folders_are_made_with_their_parents);
        tcase_add_test(c, probing_leaves_nothing);
        tcase_add_test(c, removing_is_idempotent);
        tcase_add_test(c, locks_exclude_and_name_their_holder);
        tcase_add_test(c, xdg_folders_follow_the_environment);
        tcase_add_test(c, paths_join);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(file_suite())
