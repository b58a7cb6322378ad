/* The vault: what goes in comes out, and nothing else opens it. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "cluster/vault.h"

static struct error err;
static char dir[64];
static struct vault_options options;
static const char *passphrase;
static struct talos_secrets *bundle;

static char *answer(void *data, const char *question, struct error *e) {
        if (passphrase)
                return xstrdup(passphrase);
        error_set(e, ERR_CANCELLED, "no answer");
        return NULL;
}

/* A bundle without the slow RSA key's making in each test: one is made for the whole program. */
static struct talos_secrets *copy_bundle(void) {
        if (!bundle) {
                struct talos_contract c = { 1, 13 };
                ck_ok(talos_secrets_generate(&c, NULL, &bundle, &err), err);
        }
        _cleanup_secret_ char *text = talos_secrets_write(bundle);
        struct talos_secrets *s = NULL;
        ck_ok(talos_secrets_parse("copy", text, strlen(text), &s, &err), err);
        return s;
}

static void setup(void) {
        err = ERROR_INIT;
        snprintf(dir, sizeof(dir), "/tmp/vault-test-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        options = (struct vault_options) { .state_dir = dir, .cluster = "demo", .ask = answer };
        passphrase = NULL;
}

static void teardown(void) {
        error_done(&err);
        char command[128];
        snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        ck_assert_int_eq(system(command), 0);
}

static char *path_of(const char *name) {
        return xasprintf("%s/demo/%s", dir, name);
}

static void create(void) {
        struct vault *v = NULL;
        ck_ok(vault_create_with(&options, NULL, copy_bundle(), &v, &err), err);
        vault_free(v);
}

static char *read_all(const char *path, size_t *n) {
        char *text = NULL;
        ck_ok(file_read(path, 1 << 20, &text, n, &err), err);
        return text;
}

START_TEST(round_trip) {
        struct vault *made = NULL, *read = NULL;
        ck_assert(!vault_exists(&options));
        ck_ok(vault_create_with(&options, NULL, copy_bundle(), &made, &err), err);
        ck_assert_int_eq(strlen(made->uid), 16);
        ck_ok(vault_open(&options, &read, &err), err);
        _cleanup_secret_ char *a = talos_secrets_write(made->secrets), *b = talos_secrets_write(read->secrets);
        ck_assert_str_eq(a, b);
        ck_assert_str_eq(made->uid, read->uid);
        _cleanup_str_ char *uid = NULL, *path = path_of("vault"), *key = path_of("key");
        ck_ok(vault_read_uid(&options, &uid, &err), err);
        ck_assert_str_eq(uid, made->uid);
        struct stat st;
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
        ck_assert_int_eq(stat(key, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
        size_t n;
        _cleanup_str_ char *text = read_all(path, &n);
        ck_assert_ptr_null(strstr(text, made->secrets->machine_token));
        ck_assert_ptr_null(strstr(text, "PRIVATE KEY"));
        vault_free(made);
        vault_free(read);
}
END_TEST

START_TEST(never_twice) {
        create();
        struct vault *v = NULL;
        struct talos_contract c = { 1, 13 };
        ck_fails(vault_create(&options, &c, &v, &err), err, ERR_EXISTS);
        error_done(&err);
        ck_fails(vault_create_with(&options, NULL, copy_bundle(), &v, &err), err, ERR_EXISTS);
}
END_TEST

START_TEST(absent) {
        struct vault *v = NULL;
        ck_fails(vault_open(&options, &v, &err), err, ERR_NOT_FOUND);
}
END_TEST

START_TEST(wrong_key) {
        create();
        struct vault *v = NULL;
        _cleanup_str_ char *key = path_of("key");
        static const char other[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
        ck_ok(file_write_atomic(key, other, strlen(other), 0600, &err), err);
        ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
        ck_assert_ptr_nonnull(strstr(err.message, "does not belong"));
        error_done(&err);
        ck_ok(file_write_atomic(key, "short", 5, 0600, &err), err);
        ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
        error_done(&err);
        unlink(key);
        ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
        ck_assert_ptr_nonnull(strstr(err.message, "is missing"));
}
END_TEST

static void opens(void) {
        struct vault *v = NULL;
        ck_ok(vault_open(&options, &v, &err), err);
        vault_free(v);
}

/* Refused, and the message names the file, or the vault that the key is not for. */
static void refuses(const char *path) {
        struct vault *v = NULL;
        ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
        ck_assert_msg(strstr(err.message, path) || strstr(err.message, "the key file does not belong to the vault"), "%s", err.message);
        error_done(&err);
}

static const char *const both[] = { "vault", "key" };

/* Cut at any length, the file is called damaged, and never opens. An editor's last newline is no content. */
START_TEST(truncation) {
        create();
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                _cleanup_str_ char *path = path_of(both[i]), *text = NULL;
                size_t n;
                text = read_all(path, &n);
                ck_assert_int_eq(truncate(path, (off_t) n - 1), 0);
                opens();
                for (size_t cut = n - 1; cut-- > 0;) {
                        ck_assert_int_eq(truncate(path, (off_t) cut), 0);
                        refuses(path);
                }
                ck_ok(file_write_atomic(path, text, n, 0600, &err), err);
        }
        opens();
}
END_TEST

static void flip(int fd, size_t at, int bit) {
        char c;
        ck_assert_int_eq(pread(fd, &c, 1, (off_t) at), 1);
        c = (char) (c ^ (1 << bit));
        ck_assert_int_eq(pwrite(fd, &c, 1, (off_t) at), 1);
}

/* One bit of any byte of the vault, in turn another one; of the header and of the key every bit. */
START_TEST(every_byte) {
        create();
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                _cleanup_str_ char *path = path_of(both[i]), *text = NULL;
                _cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
                size_t n;
                text = read_all(path, &n);
                const char *end = strstr(text, "\n\n");
                size_t whole = end ? (size_t) (end - text) + 2 : n;
                ck_assert_uint_gt(n, 60);
                for (size_t at = 0; at < n; at++)
                        for (int bit = 0; bit < (at < whole ? 8 : 1); bit++) {
                                int which = at < whole ? bit : (int) (at % 8);
                                flip(fd, at, which);
                                refuses(path);
                                flip(fd, at, which);
                        }
        }
        opens();
}
END_TEST

/* What stands in the place of the file is not read, and not taken for an empty place either. */
START_TEST(no_file_of_ours) {
        create();
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                _cleanup_str_ char *path = path_of(both[i]), *aside = xasprintf("%s.aside", path);
                struct vault *v = NULL;
                ck_assert_int_eq(rename(path, aside), 0);
                ck_assert_int_eq(symlink(aside, path), 0);
                refuses(path);
                unlink(path);
                ck_assert_int_eq(symlink("/nowhere/at/all", path), 0);
                refuses(path);
                ck_fails(vault_create_with(&options, NULL, copy_bundle(), &v, &err), err, ERR_EXISTS);
                error_done(&err);
                unlink(path);
                ck_assert_int_eq(mkfifo(path, 0600), 0);
                refuses(path);
                unlink(path);
                ck_assert_int_eq(mkdir(path, 0700), 0);
                refuses(path);
                rmdir(path);
                ck_assert_int_eq(rename(aside, path), 0);
                ck_assert_int_eq(chmod(path, 0602), 0);
                refuses(path);
                ck_assert_int_eq(chmod(path, 0640), 0);
                if (i == 1)
                        refuses(path);           /* the vault is sealed: who reads it has nothing */
                ck_assert_int_eq(chmod(path, 0600), 0);
        }
        opens();
}
END_TEST

/* A changed byte anywhere, the header's readable part too, is noticed. */
START_TEST(tampering) {
        create();
        _cleanup_str_ char *path = path_of("vault");
        size_t n;
        _cleanup_str_ char *text = read_all(path, &n);
        char *uid = strstr(text, "uid: ") + 5, *body = strstr(text, "\n\n") + 40;
        char *places[] = { uid, body };
        for (size_t i = 0; i < 2; i++) {
                struct vault *v = NULL;
                char old = *places[i];
                *places[i] = old == 'a' ? 'b' : 'a';
                ck_ok(file_write_atomic(path, text, n, 0600, &err), err);
                ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
                ck_assert_ptr_nonnull(strstr(err.message, "changed after it was written"));
                error_done(&err);
                *places[i] = old;
        }
}
END_TEST

/* The uid is readable without the key, and names the folder that an archived vault goes to. */
START_TEST(uid_is_no_path) {
        create();
        _cleanup_str_ char *path = path_of("vault"), *text = NULL, *uid = NULL;
        size_t len;
        ck_ok(file_read(path, 1 << 20, &text, &len, &err), err);
        memcpy(strstr(text, "uid: ") + 5, "/../../../../x-x", 16);
        ck_ok(file_write_atomic(path, text, len, 0600, &err), err);
        ck_fails(vault_read_uid(&options, &uid, &err), err, ERR_REFUSED);
        ck_ok(vault_archive(&options, &err), err);
        char command[128];
        snprintf(command, sizeof(command), "test -s %s/archive/demo-unreadable-*/vault", dir);
        ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(with_passphrase) {
        struct vault *v = NULL;
        options.passphrase = true;
        passphrase = "correct horse";
        create();
        _cleanup_str_ char *key = path_of("key");
        ck_assert(!file_exists(key));
        options.passphrase = false;            /* reading asks the file, not the option */
        ck_ok(vault_open(&options, &v, &err), err);
        vault_free(v);
        passphrase = "wrong horse";
        ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
        ck_assert_ptr_nonnull(strstr(err.message, "wrong passphrase"));
        error_done(&err);
        passphrase = NULL;
        ck_fails(vault_open(&options, &v, &err), err, ERR_CANCELLED);
        error_done(&err);
        options.ask = NULL;
        ck_fails(vault_open(&options, &v, &err), err, ERR_REFUSED);
}
END_TEST

START_TEST(survivor_key_is_used) {
        _cleanup_str_ char *d = xasprintf("%s/demo", dir), *key = path_of("key");
        static const char mine[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
        ck_ok(dir_make(d, 0700, &err), err);
        ck_ok(file_write_atomic(key, mine, strlen(mine), 0600, &err), err);
        create();
        size_t n;
        _cleanup_str_ char *text = read_all(key, &n);
        ck_assert_str_eq(text, mine);
        struct vault *v = NULL;
        ck_ok(vault_open(&options, &v, &err), err);
        vault_free(v);
}
END_TEST

START_TEST(archive) {
        create();
        _cleanup_str_ char *config = path_of("kubeconfig");
        ck_ok(file_write_atomic(config, "x", 1, 0600, &err), err);
        ck_ok(vault_archive(&options, &err), err);
        ck_assert(!vault_exists(&options));
        ck_assert(!file_exists(config));
        char command[256];
        snprintf(command, sizeof(command), "test -s %s/archive/demo-*/vault && test -s %s/archive/demo-*/key", dir, dir);
        ck_assert_int_eq(system(command), 0);
        ck_ok(vault_archive(&options, &err), err);
        options.cluster = "../x";
        struct vault *v = NULL;
        ck_fails(vault_open(&options, &v, &err), err, ERR_USAGE);
}
END_TEST

static Suite *suite_vault(void) {
        Suite *s = suite_create("vault");
        TCase *t = tcase_create("vault");
        tcase_set_timeout(t, 300);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, round_trip);
        tcase_add_test(t, never_twice);
        tcase_add_test(t, absent);
        tcase_add_test(t, wrong_key);
        tcase_add_test(t, truncation);
        tcase_add_test(t, every_byte);
        tcase_add_test(t, no_file_of_ours);
        tcase_add_test(t, tampering);
        tcase_add_test(t, with_passphrase);
        tcase_add_test(t, survivor_key_is_used);
        tcase_add_test(t, uid_is_no_path);
        tcase_add_test(t, archive);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_vault())
