#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/secret.h"
#include "shared.h"
#include "talos/kubeconfig.h"
#include "talos/talosconfig.h"

static struct talos_secrets *one, *other;
static char *dir, *path;

static void setup(void) {
        char template[] = "/tmp/talos-userfiles-XXXXXX";

        ck_assert_ptr_nonnull(mkdtemp(template));
        dir = xstrdup(template);
        path = path_join(dir, "config");
}

static void teardown(void) {
        unlink(path);
        rmdir(dir);
        free(path);
        free(dir);
}

static void put(const char *text) {
        _cleanup_error_ struct error err = ERROR_INIT;
        ck_ok(file_write_atomic(path, text, strlen(text), 0644, &err), err);
}

static char *content(void) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char *text = NULL;
        size_t len;

        ck_ok(file_read(path, 1 << 20, &text, &len, &err), err);
        return text;
}

static struct talos_kubeconfig kubeconfig(const struct talos_secrets *s, const char *cluster) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_kubeconfig k;

        ck_ok(talos_kubeconfig_mint(s, cluster, "https://[2001:db8:1::1]:6443", 0, NULL, &k, &err), err);
        return k;
}

static struct talosconfig_context context(const struct talos_secrets *s, const char *name) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strv_ struct strv endpoints = { 0 };
        struct talosconfig_context c;

        strv_add(&endpoints, "2001:db8:1::1");
        ck_ok(talosconfig_mint(s, name, &endpoints, NULL, NULL, 0, NULL, &c, &err), err);
        return c;
}

/* Lines with the certificates cut off, which differ each time. */
static char *shape(const char *text) {
        _cleanup_strv_ struct strv lines = { 0 };
        struct strbuf b = STRBUF_INIT;

        strv_split(&lines, text, '\n');
        for (size_t i = 0; i < lines.n; i++) {
                char *at = strstr(lines.items[i], ": LS0t");
                strbuf_addf(&b, "%.*s\n", at ? (int) (at - lines.items[i]) : (int) strlen(lines.items[i]), lines.items[i]);
        }
        return strbuf_take(&b);
}

START_TEST(writes_kubeconfig_as_talos_does) {
        _cleanup_str_ char *golden = shared_file("talos/golden/kubeconfig");
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = kubeconfig(one, "demo");
        _cleanup_secret_ char *text = talos_kubeconfig_write(&k);

        if (!golden)
                return;
        _cleanup_str_ char *have = shape(text), *want = shape(golden);
        ck_assert_str_eq(have, want);
}
END_TEST

START_TEST(writes_talosconfig_as_talos_does) {
        _cleanup_str_ char *golden = shared_file("talos/golden/talosconfig");
        _cleanup_talosconfig_context_ struct talosconfig_context c = context(one, "demo");
        _cleanup_secret_ char *text = talosconfig_write(&c);

        if (!golden)
                return;
        _cleanup_str_ char *have = shape(text), *want = shape(golden);
        ck_assert_str_eq(have, want);
}
END_TEST

START_TEST(reads_what_talos_wrote) {
        _cleanup_str_ char *kube = shared_file("talos/golden/kubeconfig"), *talos = shared_file("talos/golden/talosconfig");
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = { 0 };
        _cleanup_talosconfig_context_ struct talosconfig_context c = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        if (!kube || !talos)
                return;
        ck_ok(talos_kubeconfig_parse("kubeconfig", kube, strlen(kube), NULL, &k, &err), err);
        ck_assert_str_eq(k.server, "https://[2001:db8:1::1]:6443");
        ck_assert_str_eq(k.context, "admin@demo");
        ck_ok(pki_check_signed(k.client.cert, k.ca, &err), err);
        ck_ok(talosconfig_parse("talosconfig", talos, strlen(talos), NULL, &c, &err), err);
        ck_assert_str_eq(c.name, "demo");
        ck_assert_str_eq(c.endpoints.items[0], "2001:db8:1::1");
        ck_ok(pki_check_signed(c.client.cert, c.ca, &err), err);
}
END_TEST

START_TEST(quotes_clusters_that_look_like_numbers) {
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = kubeconfig(one, "123"), again = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_secret_ char *text = talos_kubeconfig_write(&k);

        ck_assert_ptr_nonnull(strstr(text, "name: \"123\"\n"));
        ck_ok(talos_kubeconfig_parse("k", text, strlen(text), NULL, &again, &err), err);
        ck_assert_str_eq(again.cluster, "123");
}
END_TEST

START_TEST(makes_a_missing_file_private) {
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = kubeconfig(one, "demo"), again = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;
        struct stat st;

        ck_ok(talos_kubeconfig_merge_file(path, &k, 0, &err), err);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
        _cleanup_str_ char *text = content();
        ck_ok(talos_kubeconfig_parse(path, text, strlen(text), NULL, &again, &err), err);
        ck_assert_str_eq(again.client.cert, k.client.cert);
}
END_TEST

static const char k3s[] = "apiVersion: v1\nkind: Config\npreferences:\n  colors: true\ncurrent-context: default\nclusters:\n- name: default\n  cluster:\n"
                          "    server: https://127.0.0.1:6443\n    insecure-skip-tls-verify: true\ncontexts:\n- name: default\n  context:\n    cluster: default\n"
                          "    user: default\nusers:\n- name: default\n  user:\n    token: \"0123\"\n    exec: null\nextensions: []\n";

/* k3s calls its cluster "default" too: its entry must stay its own. */
START_TEST(merging_keeps_what_others_wrote) {
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = kubeconfig(one, "default"), again = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(yaml_freep) struct yaml_node *before = NULL, *after = NULL;

        put(k3s);
        ck_ok(talos_kubeconfig_merge_file(path, &k, 0, &err), err);
        _cleanup_str_ char *merged = content();
        ck_assert_ptr_nonnull(strstr(merged, "server: https://127.0.0.1:6443"));
        ck_assert_ptr_nonnull(strstr(merged, "token: \"0123\""));
        ck_assert_ptr_nonnull(strstr(merged, "colors: true"));
        ck_assert_ptr_nonnull(strstr(merged, "current-context: default"));
        ck_ok(talos_kubeconfig_parse(path, merged, strlen(merged), "admin@default", &again, &err), err);
        ck_assert_str_eq(again.server, k.server);

        /* A second time changes nothing, and current can be asked for. */
        ck_ok(talos_kubeconfig_merge_file(path, &k, TALOS_MERGE_CURRENT, &err), err);
        _cleanup_str_ char *twice = content();
        ck_assert_ptr_nonnull(strstr(twice, "current-context: admin@default"));

        ck_ok(talos_kubeconfig_remove_file(path, "default", &err), err);
        _cleanup_str_ char *removed = content();
        ck_ok(yaml_parse_one("before", k3s, strlen(k3s), &before, &err), err);
        ck_ok(yaml_parse_one("after", removed, strlen(removed), &after, &err), err);
        yaml_set_str(before, "current-context", "");
        ck_assert_msg(yaml_equal(before, after), "%s", removed);
        ck_ok(talos_kubeconfig_remove_file(path, "default", &err), err);
}
END_TEST

START_TEST(another_clusters_context_is_not_replaced) {
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig ours = kubeconfig(one, "demo"), theirs = kubeconfig(other, "demo");
        _cleanup_talosconfig_context_ struct talosconfig_context c = context(one, "demo"), d = context(other, "demo");
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(talos_kubeconfig_merge_file(path, &theirs, 0, &err), err);
        _cleanup_str_ char *before = content();
        ck_fails(talos_kubeconfig_merge_file(path, &ours, TALOS_MERGE_CURRENT, &err), err, ERR_EXISTS);
        _cleanup_str_ char *after = content();
        ck_assert_str_eq(before, after);
        ck_ok(talos_kubeconfig_merge_file(path, &ours, TALOS_MERGE_REPLACE, &err), err);
        unlink(path);
        ck_ok(talosconfig_merge_file(path, &d, 0, &err), err);
        ck_fails(talosconfig_merge_file(path, &c, 0, &err), err, ERR_EXISTS);
        ck_ok(talosconfig_merge_file(path, &c, TALOS_MERGE_REPLACE, &err), err);
}
END_TEST

START_TEST(talosconfig_merges_and_removes) {
        static const char theirs[] = "context: prod\ncontexts:\n    prod:\n        endpoints:\n            - 10.0.0.1\n        auth:\n            siderov1:\n"
                                     "                identity: me@example.org\n        ca: eA==\n        crt: eA==\n        key: eA==\n        cluster: x\n";
        _cleanup_talosconfig_context_ struct talosconfig_context c = context(one, "demo"), again = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        put(theirs);
        ck_ok(talosconfig_merge_file(path, &c, 0, &err), err);
        _cleanup_str_ char *merged = content();
        ck_assert_msg(str_starts(merged, "context: prod\n"), "%s", merged);
        ck_assert_ptr_nonnull(strstr(merged, "identity: me@example.org"));
        ck_ok(talosconfig_parse(path, merged, strlen(merged), "demo", &again, &err), err);
        ck_assert_str_eq(again.client.key, c.client.key);
        ck_ok(talosconfig_merge_file(path, &c, TALOS_MERGE_CURRENT, &err), err);
        ck_ok(talosconfig_remove_file(path, "demo", &err), err);
        _cleanup_str_ char *removed = content();
        ck_assert_msg(str_eq(removed + strcspn(removed, "\n"), theirs + strcspn(theirs, "\n")), "%s", removed);
        ck_ok(talosconfig_remove_file(path, "demo", &err), err);
        unlink(path);
        ck_ok(talosconfig_remove_file(path, "demo", &err), err);
        ck_assert(!file_exists(path));
}
END_TEST

START_TEST(leaves_strange_files_alone) {
        static const char *const strange[] = { "- a list\n", "just text\n", "clusters: {a: b}\ncontexts: [x]\n", "a: [\n",
                                               "a: 1\na: 2\n" };
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = kubeconfig(one, "demo");
        _cleanup_talosconfig_context_ struct talosconfig_context c = context(one, "demo");

        for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                put(strange[i]);
                ck_fails(talos_kubeconfig_merge_file(path, &k, 0, &err), err, ERR_INVALID);
                ck_fails(talosconfig_merge_file(path, &c, 0, &err), err, ERR_INVALID);
                _cleanup_str_ char *after = content();
                ck_assert_str_eq(after, strange[i]);
        }
        _cleanup_error_ struct error err = ERROR_INIT;
        put("");
        ck_ok(talos_kubeconfig_merge_file(path, &k, 0, &err), err);
}
END_TEST

START_TEST(writes_through_symbolic_links) {
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = kubeconfig(one, "demo");
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_str_ char *link = path_join(dir, "link");
        struct stat st;

        put("");
        ck_assert_int_eq(symlink(path, link), 0);
        ck_ok(talos_kubeconfig_merge_file(link, &k, 0, &err), err);
        ck_assert_int_eq(lstat(link, &st), 0);
        ck_assert(S_ISLNK(st.st_mode));
        _cleanup_str_ char *text = content();
        ck_assert_ptr_nonnull(strstr(text, "admin@demo"));
        unlink(link);
}
END_TEST

START_TEST(refuses_malformed_contexts) {
        static const char *const kube[] = {
                "current-context: a\n", "current-context: a\ncontexts: [{name: a}]\n",
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n",
                "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: s}}]\nusers: [{name: u, user: {token: x}}]\n",
        };
        for (size_t i = 0; i < ARRAY_SIZE(kube); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_kubeconfig k;
                ck_fails(talos_kubeconfig_parse("k", kube[i], strlen(kube[i]), NULL, &k, &err), err, i < 2 ? ERR_NOT_FOUND
                         : ERR_INVALID);
        }
        static const char *const talos[] = { "context: a\n", "context: a\ncontexts: {a: {endpoints: x}}\n",
                                             "context: a\ncontexts: {a: {ca: '!', crt: eA==, key: eA==}}\n",
                                             "context: a\ncontexts: {a: {ca: eA==, crt: eA==, key: eA==}}\n" };
        for (size_t i = 0; i < ARRAY_SIZE(talos); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talosconfig_context c;
                ck_fails(talosconfig_parse("t", talos[i], strlen(talos[i]), NULL, &c, &err), err, i < 1 ? ERR_NOT_FOUND
                         : ERR_INVALID);
        }
}
END_TEST

static Suite *userfiles_suite(void) {
        Suite *s = suite_create("talos/userfiles");
        TCase *t = tcase_create("userfiles");

        one = new_secrets(13);
        other = new_secrets(13);
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, writes_kubeconfig_as_talos_does);
        tcase_add_test(t, writes_talosconfig_as_talos_does);
        tcase_add_test(t, reads_what_talos_wrote);
        tcase_add_test(t, quotes_clusters_that_look_like_numbers);
        tcase_add_test(t, makes_a_missing_file_private);
        tcase_add_test(t, merging_keeps_what_others_wrote);
        tcase_add_test(t, another_clusters_context_is_not_replaced);
        tcase_add_test(t, talosconfig_merges_and_removes);
        tcase_add_test(t, leaves_strange_files_alone);
        tcase_add_test(t, writes_through_symbolic_links);
        tcase_add_test(t, refuses_malformed_contexts);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(userfiles_suite())
