/* Fetching a chart's archive once, checking it against its digest, and keeping it in the cache. */
#include "base/codec.h"
#include "base/file.h"
#include "base/yaml.h"
#include "bootstrap/private.h"

#define CHART_MAX (8u << 20)
#define INDEX_MAX (32u << 20)
#define REPOSITORY_VARIABLE "HCLOUD_V6_CHART_REPOSITORY"

void chart_done(struct chart *c) {
        free(c->name);
        free(c->version);
        free(c->digest);
        free(c->repository);
        free(c->data);
        *c = (struct chart) { 0 };
}

static int get(const struct bootstrap *b, const struct chart_ref *ref, const char *url, size_t max, struct strbuf *ret, struct error *err) {
        struct http_request req = { .method = "GET", .url = url, .max_body = max, .use_proxy = true, .follow = true, .cancel = b->cancel,
                                    .timeout_ms = ref->timeout_ms > 0 ? ref->timeout_ms : 2 * MINUTE_MS };
        _cleanup_http_response_ struct http_response res = { 0 };
        int r = http_perform(b->http, &req, &res, err);

        if (r < 0)
                return error_wrap(err, "GET %s", url);
        if (res.status == 404)
                return error_set(err, ERR_NOT_FOUND, "GET %s: there is no such file (404)", url);
        if (res.status != 200)
                return error_set(err, ERR_UNAVAILABLE, "GET %s: HTTP status %d", url, res.status);
        *ret = res.body;
        res.body = STRBUF_INIT;
        return 0;
}

/* "a/b.tgz" is relative to the repository; an absolute URL stands as it is. */
static char *absolute(const char *repository, const char *url) {
        size_t len = strlen(repository);

        if (strstr(url, "://"))
                return xstrdup(url);
        while (len > 0 && repository[len - 1] == '/')
                len--;
        return xasprintf("%.*s/%s", (int) len, repository, url);
}

/* The entry of a chart's version in index.yaml: its URL and digest. Helm repository format v1. */
static int find_in_index(const struct bootstrap *b, const struct chart_ref *ref, const char *repository, char **ret_url, char **ret_digest,
                         struct error *err) {
        const char *name = ref->name, *version = ref->version;
        _cleanup_str_ char *url = absolute(repository, "index.yaml");
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        _cleanup_(yaml_freep) struct yaml_node *index = NULL;
        const struct yaml_node *versions;
        int r = get(b, ref, url, INDEX_MAX, &text, err);

        r = r < 0 ? r : yaml_parse_one(url, strbuf_str(&text), text.len, &index, err);
        if (r < 0)
                return r;
        versions = yaml_get(yaml_get(index, "entries"), name);
        if (!versions || versions->type != YAML_SEQ)
                return error_set(err, ERR_NOT_FOUND, "%s has no chart '%s'", url, name);
        for (size_t i = 0; i < versions->n; i++) {
                const struct yaml_node *entry = versions->items[i], *urls = yaml_get(entry, "urls");
                const char *first = urls && urls->type == YAML_SEQ && urls->n > 0 ? yaml_str(urls->items[0]) : NULL;

                if (!str_eq(yaml_str(yaml_get(entry, "version")), version) || !first)
                        continue;
                *ret_url = absolute(repository, first);
                *ret_digest = xstrdup(yaml_str(yaml_get(entry, "digest")));
                return 0;
        }
        return error_set(err, ERR_NOT_FOUND, "%s has no version %s of chart '%s'", url, version, name);
}

static char *cache_path(const char *name, const char *version, const char *digest) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        _cleanup_str_ char *dir = NULL;

        if (!digest || xdg_cache_dir(&dir, &ignored) < 0)
                return NULL;
        return xasprintf("%s/charts/%s-%s-%.16s.tgz", dir, name, version, digest);
}

/* What an index once said of a chart without a digest of its own, for the day on which the repository does not answer. */
static char *index_memory(const char *repository, const char *name, const char *version) {
        _cleanup_str_ char *all = xasprintf("%s\n%s\n%s", repository, name, version), *hex = sha256_hex(all, strlen(all)), *dir = NULL;
        _cleanup_error_ struct error ignored = ERROR_INIT;

        return xdg_cache_dir(&dir, &ignored) < 0 ? NULL : xasprintf("%s/charts/index-%.32s", dir, hex);
}

static void remember_digest(const char *path, const char *digest) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        _cleanup_str_ char *dir = path ? xstrndup(path, (size_t) (strrchr(path, '/') - path)) : NULL;

        if (dir && digest && dir_make(dir, 0700, &ignored) >= 0)
                file_write_atomic(path, digest, strlen(digest), 0600, &ignored);
}

static char *remembered_digest(const char *path) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        char *digest = NULL;
        size_t len;

        return path && file_read(path, 256, &digest, &len, &ignored) >= 0 ? digest : NULL;
}

static bool from_cache(const char *path, const char *digest, struct chart *c) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        _cleanup_str_ char *data = NULL, *hex = NULL;
        size_t len;

        if (!path || file_read(path, CHART_MAX, &data, &len, &ignored) < 0)
                return false;
        hex = sha256_hex(data, len);
        if (!str_eq(hex, digest))
                return false;      /* damaged or somebody else's: fetched again */
        c->data = (uint8_t *) TAKE(data);
        c->len = len;
        c->from_cache = true;
        return true;
}

/* A cache that cannot be written is no reason to fail. */
static void into_cache(const char *path, const struct chart *c) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        _cleanup_str_ char *dir = path ? xstrndup(path, (size_t) (strrchr(path, '/') - path)) : NULL;

        if (dir && dir_make(dir, 0700, &ignored) >= 0 && file_write_atomic(path, c->data, c->len, 0600, &ignored) < 0)
                file_remove(path, &ignored);
}

static int download(const struct bootstrap *b, const struct chart_ref *ref, const char *url, struct chart *c, struct error *err) {
        _cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
        _cleanup_str_ char *hex = NULL;
        int r = get(b, ref, url, CHART_MAX, &body, err);

        if (r < 0)
                return r;
        hex = sha256_hex(body.data, body.len);
        if (c->digest && !str_eq(hex, c->digest)) {
                error_set(err, ERR_INVALID, "%s has the SHA-256 %s, not %s", url, hex, c->digest);
                return error_hint(err, "do not use it before you know why; if the publisher replaced the file, set the addon's digest in the profile");
        }
        if (!c->digest)
                c->digest = TAKE(hex);
        c->len = body.len;
        c->data = (uint8_t *) strbuf_take(&body);
        return 0;
}

int bootstrap_fetch_chart(const struct bootstrap *b, const struct chart_ref *ref, struct chart *ret, struct error *err) {
        const char *other = getenv(REPOSITORY_VARIABLE);
        bool replaced = ref->pinned && !str_empty(other);
        const char *repository = replaced ? other : ref->repository, *digest = replaced ? NULL : ref->digest;
        _cleanup_(chart_done) struct chart c = { .name = xstrdup(ref->name), .version = xstrdup(ref->version), .repository = xstrdup(repository),
                                                 .digest = xstrdup(digest) };
        _cleanup_str_ char *path = NULL, *url = NULL;
        _cleanup_error_ struct error why = ERROR_INIT;
        int r = 0;

        if (!digest) {
                _cleanup_str_ char *memory = index_memory(repository, ref->name, ref->version);
                r = find_in_index(b, ref, repository, &url, &c.digest, &why);
                if (r >= 0)
                        remember_digest(memory, c.digest);
                else if (why.kind == ERR_UNAVAILABLE || why.kind == ERR_TIMEOUT)
                        c.digest = remembered_digest(memory);
                c.digest_from_index = c.digest != NULL;
        }
        path = cache_path(c.name, c.version, c.digest);
        bool cached = from_cache(path, c.digest, &c);
        if (r < 0 && !cached) {
                error_move(err, &why);
                return error_wrap(err, "chart '%s' %s", ref->name, ref->version);
        }
        if (!cached) {
                if (!url) {
                        /* With a pinned digest the usual place is tried before an index of megabytes is read. */
                        _cleanup_str_ char *file = xasprintf("%s-%s.tgz", ref->name, ref->version);
                        url = absolute(repository, file);
                }
                r = download(b, ref, url, &c, err);
                if (r < 0)
                        return error_wrap(err, "chart '%s' %s", ref->name, ref->version);
                if (!path)
                        path = cache_path(c.name, c.version, c.digest);
                into_cache(path, &c);
        }
        *ret = c;
        c = (struct chart) { 0 };
        return 0;
}
