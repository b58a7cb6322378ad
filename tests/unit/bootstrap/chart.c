/* Charts: from a repository on [::1], checked against their digest, kept in a cache of the test's own. */
#include <stdlib.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "ground.h"

#define ARCHIVE "not really an archive: only its bytes count here"
#define OTHER "somebody else's bytes"
#define INDEX(digest, url) "apiVersion: v1\nentries:\n  cilium:\n    - version: 1.0.0\n      urls: [old.tgz]\n" \
                           "    - version: 1.19.6\n      digest: " digest "\n      urls: [" url "]\n"

static char cache[64];
static char *digest;
static struct error err;

static void setup(void) {
        strcpy(cache, "/tmp/test-charts-XXXXXX");
        ck_assert(mkdtemp(cache));
        setenv("XDG_CACHE_HOME", cache, 1);
        unsetenv("HCLOUD_V6_CHART_REPOSITORY");
        digest = sha256_hex(ARCHIVE, strlen(ARCHIVE));
        err = ERROR_INIT;
}

/* Where the chart is kept: named after the digest's first 16 digits. Owned. */
static char *cached(void) { return xasprintf("%s/hcloud-v6/charts/cilium-1.19.6-%.16s.tgz", cache, digest); }

static void teardown(void) {
        static const char *const dirs[] = { "/hcloud-v6/charts", "/hcloud-v6", "" };
        _cleanup_str_ char *path = cached();

        unlink(path);
        for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
                _cleanup_str_ char *dir = xasprintf("%s%s", cache, dirs[i]);
                rmdir(dir);
        }
        free(digest);
        error_done(&err);
}

/* A repository with these answers. */
#define REPOSITORY(g, url, ...)                                     \
        const struct peer_answer g##_answers[] = { __VA_ARGS__ };   \
        _cleanup_ground_ struct ground g;                           \
        ground_init(&g);                                            \
        g.peer = peer_new(g##_answers, ARRAY_SIZE(g##_answers));    \
        _cleanup_str_ char *url = peer_url(g.peer)

static struct chart_ref pin(const char *url, const char *wanted) {
        return (struct chart_ref) { .repository = url, .name = "cilium", .version = "1.19.6", .digest = wanted, .pinned = true };
}

START_TEST(a_pinned_chart_is_fetched_without_the_index_and_then_kept) {
        REPOSITORY(g, url, { 200, NULL, ARCHIVE });
        _cleanup_(chart_done) struct chart c = { 0 }, again = { 0 };
        _cleanup_str_ char *path = cached();
        const struct chart_ref ref = pin(url, digest);

        ck_ok(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err);
        ck_assert(c.len == strlen(ARCHIVE) && memcmp(c.data, ARCHIVE, c.len) == 0 && !c.from_cache && !c.digest_from_index);
        ck_assert_str_eq(peer_request(g.peer, 0)->line, "GET /cilium-1.19.6.tgz");
        ck_assert(file_exists(path));
        ck_ok(bootstrap_fetch_chart(&g.b, &ref, &again, &err), err);
        ck_assert(again.from_cache && again.len == strlen(ARCHIVE));
        ck_assert_str_eq(again.digest, digest);
        ck_assert_uint_eq(peer_count(g.peer), 1);
}
END_TEST

START_TEST(another_archive_is_refused_and_not_kept) {
        REPOSITORY(g, url, { 200, NULL, OTHER });
        _cleanup_(chart_done) struct chart c = { 0 };
        _cleanup_str_ char *path = cached(), *seen = sha256_hex(OTHER, strlen(OTHER));
        const struct chart_ref ref = pin(url, digest);

        ck_fails(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err, ERR_INVALID);
        ck_assert_msg(strstr(err.message, digest) && strstr(err.message, seen), "%s", err.message);
        ck_assert(!file_exists(path) && !c.data);
}
END_TEST

START_TEST(a_damaged_cache_is_fetched_again) {
        REPOSITORY(g, url, { 200, NULL, ARCHIVE });
        _cleanup_(chart_done) struct chart c = { 0 };
        _cleanup_str_ char *path = cached(), *dir = xasprintf("%s/hcloud-v6/charts", cache), *now = NULL;
        const struct chart_ref ref = pin(url, digest);
        size_t len;

        ck_ok(dir_make(dir, 0700, &err), err);
        ck_ok(file_write_atomic(path, OTHER, strlen(OTHER), 0600, &err), err);
        ck_ok(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err);
        ck_assert(!c.from_cache && c.len == strlen(ARCHIVE));
        ck_ok(file_read(path, 1 << 20, &now, &len, &err), err);
        ck_assert_str_eq(now, ARCHIVE); /* and mended */
}
END_TEST

START_TEST(without_a_pin_the_indexs_digest_counts) {
        _cleanup_str_ char *index = xasprintf(INDEX("%s", "charts/c.tgz"), digest);
        REPOSITORY(g, url, { 200, NULL, index }, { 200, NULL, ARCHIVE });
        _cleanup_(chart_done) struct chart c = { 0 };
        struct chart_ref ref = pin(url, NULL);

        ref.pinned = false;
        ck_ok(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err);
        ck_assert(c.digest_from_index);
        ck_assert_str_eq(c.digest, digest);
        ck_assert_str_eq(peer_request(g.peer, 0)->line, "GET /index.yaml");
        ck_assert_str_eq(peer_request(g.peer, 1)->line, "GET /charts/c.tgz");
}
END_TEST

START_TEST(an_archive_that_is_not_the_indexs_is_refused) {
        _cleanup_str_ char *index = xasprintf(INDEX("%s", "c.tgz"), digest);
        REPOSITORY(g, url, { 200, NULL, index }, { 200, NULL, OTHER });
        _cleanup_(chart_done) struct chart c = { 0 };
        const struct chart_ref ref = pin(url, NULL);

        ck_fails(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err, ERR_INVALID);
}
END_TEST

START_TEST(the_environment_replaces_a_pin_and_its_digest) {
        _cleanup_str_ char *index = xasprintf(INDEX("%s", "c.tgz"), digest);
        REPOSITORY(g, url, { 200, NULL, index }, { 200, NULL, ARCHIVE });
        _cleanup_(chart_done) struct chart c = { 0 };
        const struct chart_ref ref = pin("http://[::1]:1", "00");

        setenv("HCLOUD_V6_CHART_REPOSITORY", url, 1);
        ck_ok(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err);
        ck_assert(c.digest_from_index);
        ck_assert_str_eq(c.repository, url);
        ck_assert_str_eq(c.digest, digest);
}
END_TEST

START_TEST(the_environment_does_not_replace_a_users_own_chart) {
        REPOSITORY(g, url, { 200, NULL, ARCHIVE });
        _cleanup_(chart_done) struct chart c = { 0 };
        struct chart_ref ref = pin(url, digest);

        ref.pinned = false;
        setenv("HCLOUD_V6_CHART_REPOSITORY", "http://[::1]:1", 1);
        ck_ok(bootstrap_fetch_chart(&g.b, &ref, &c, &err), err);
        ck_assert_str_eq(c.repository, url);
}
END_TEST

START_TEST(what_is_missing_is_named) {
        static const struct { struct peer_answer answer; enum error_kind kind; const char *text; } rows[] = {
                { { 404, NULL, "" }, ERR_NOT_FOUND, "index.yaml" },
                { { 200, NULL, "entries: {other: []}" }, ERR_NOT_FOUND, "no chart 'cilium'" },
                { { 200, NULL, "entries: {cilium: [{version: 1.0.0, urls: [a]}]}" }, ERR_NOT_FOUND, "no version 1.19.6" },
                { { 200, NULL, "entries: {cilium: [{version: 1.19.6, urls: []}]}" }, ERR_NOT_FOUND, "no version 1.19.6" },
                { { 200, NULL, "entries: [\n" }, ERR_INVALID, "index.yaml" },
                { { 500, NULL, "" }, ERR_UNAVAILABLE, "500" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                REPOSITORY(g, url, rows[i].answer);
                _cleanup_(chart_done) struct chart c = { 0 };
                const struct chart_ref ref = pin(url, NULL);

                ck_assert_msg(bootstrap_fetch_chart(&g.b, &ref, &c, &err) < 0, "row %zu", i);
                ck_assert_msg(err.kind == rows[i].kind && strstr(err.message, rows[i].text), "row %zu: %s: %s", i,
                              error_kind_name(err.kind), err.message);
                error_done(&err);
        }
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bootstrap chart");
        TCase *t = tcase_create("fetch");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, a_pinned_chart_is_fetched_without_the_index_and_then_kept);
        tcase_add_test(t, another_archive_is_refused_and_not_kept);
        tcase_add_test(t, a_damaged_cache_is_fetched_again);
        tcase_add_test(t, without_a_pin_the_indexs_digest_counts);
        tcase_add_test(t, an_archive_that_is_not_the_indexs_is_refused);
        tcase_add_test(t, the_environment_replaces_a_pin_and_its_digest);
        tcase_add_test(t, the_environment_does_not_replace_a_users_own_chart);
        tcase_add_test(t, what_is_missing_is_named);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
