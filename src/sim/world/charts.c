/* The chart repository of a world: index.yaml and small charts made by this project, so that nothing needs the Internet. They use only
 * what sim/kube/helm.h can render, and bear the versions that hcloud-v6's profiles ask for. They are no Cilium: their images are never run. */
#include "sim/world/internal.h"

#include "base/codec.h"
#include "sim/world/charts/cilium.h"
#include "sim/world/charts/hello.h"

struct file { const char *path, *text; };
struct source { const char *name; const char *const *versions; const struct file *files; size_t n_files; };

static const char *const cilium_versions[] = { "1.19.6", "1.18.2", "1.17.2", NULL };
static const struct file cilium_files[] = {
        { "values.yaml", chart_cilium_values }, { "templates/cilium-configmap.yaml", chart_cilium_configmap },
        { "templates/cilium-agent.yaml", chart_cilium_agent }, { "templates/cilium-operator.yaml", chart_cilium_operator },
        { "templates/rbac.yaml", chart_cilium_rbac },
};
static const char *const hello_versions[] = { "0.1.0", "0.2.0", NULL };
static const struct file hello_files[] = { { "values.yaml", chart_hello_values }, { "templates/hello.yaml", chart_hello_objects } };

static const struct source sources[] = {
        { "cilium", cilium_versions, cilium_files, ARRAY_SIZE(cilium_files) },
        { "hello", hello_versions, hello_files, ARRAY_SIZE(hello_files) },
};

struct archive { char *name; const char *chart, *version; uint8_t *data; size_t len; char *digest; };
static struct { struct archive *items; size_t n; } archives;

/* ---- ustar ---- */

static void add_file(struct strbuf *tar, const char *path, const char *text) {
        char head[512] = { 0 };
        size_t n = strlen(text);
        unsigned sum = 0;

        strncpy(head, path, 99);
        memcpy(head + 100, "0000644", 8);
        memcpy(head + 108, "0000000", 8);
        memcpy(head + 116, "0000000", 8);
        _cleanup_str_ char *size = xasprintf("%011zo", n);
        memcpy(head + 124, size, 12);
        memcpy(head + 136, "00000000000", 12);
        memset(head + 148, ' ', 8);
        head[156] = '0';
        memcpy(head + 257, "ustar\00000", 8);
        for (size_t i = 0; i < sizeof(head); i++)
                sum += (unsigned char) head[i];
        _cleanup_str_ char *check = xasprintf("%06o", sum);
        memcpy(head + 148, check, 7);
        strbuf_add(tar, head, sizeof(head));
        strbuf_add(tar, text, n);
        static const char zeros[512];
        strbuf_add(tar, zeros, (512 - n % 512) % 512);
}

static void build(const struct source *s, const char *version) {
        static const char zeros[1024];
        _cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
        _cleanup_str_ char *meta = xasprintf("apiVersion: v2\nname: %s\nversion: %s\nappVersion: %s\ntype: application\n"
                                             "description: stand-in of the simulated cloud\n", s->name, version, version);
        _cleanup_str_ char *meta_path = xasprintf("%s/Chart.yaml", s->name);
        struct archive a = { .chart = s->name, .version = version, .name = xasprintf("%s-%s.tgz", s->name, version) };
        struct error err = ERROR_INIT;

        add_file(&tar, meta_path, meta);
        for (size_t i = 0; i < s->n_files; i++) {
                _cleanup_str_ char *path = xasprintf("%s/%s", s->name, s->files[i].path);
                add_file(&tar, path, s->files[i].text);
        }
        strbuf_add(&tar, zeros, sizeof(zeros));
        if (gzip_compress(tar.data, tar.len, &a.data, &a.len, &err) < 0) {
                error_done(&err);
                free(a.name);
                return;
        }
        a.digest = sha256_hex(a.data, a.len);
        ARRAY_APPEND(archives.items, archives.n, a);
}

static void build_all(void) {
        if (archives.n)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
                for (const char *const *v = sources[i].versions; *v; v++)
                        build(&sources[i], *v);
}

void sim_charts_free(void) {
        for (size_t i = 0; i < archives.n; i++) {
                free(archives.items[i].name);
                free(archives.items[i].data);
                free(archives.items[i].digest);
        }
        free(archives.items);
        archives.items = NULL;
        archives.n = 0;
}

/* ---- serving ---- */

static char *make_index(const char *base) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        const char *last = "";

        strbuf_adds(&b, "apiVersion: v1\nentries:\n");
        for (size_t i = 0; i < archives.n; i++) {
                const struct archive *a = &archives.items[i];
                if (!str_eq(a->chart, last))
                        strbuf_addf(&b, "  %s:\n", a->chart);
                last = a->chart;
                strbuf_addf(&b, "  - apiVersion: v2\n    name: %s\n    version: %s\n    appVersion: %s\n    digest: %s\n    urls:\n    - %s/%s\n",
                            a->chart, a->version, a->version, a->digest, base, a->name);
        }
        strbuf_adds(&b, "generated: \"2026-01-01T00:00:00Z\"\n");
        return strbuf_take(&b);
}

static void respond(struct http1_exchange *x, int status, const char *type, const void *p, size_t n) {
        _cleanup_kvs_ struct kvs headers = { 0 };

        kvs_set(&headers, "Content-Type", type);
        http1_respond(x, status, &headers, p, n);
}

void sim_charts_handle(struct sim_world *w, const char *path, const char *base, struct http1_exchange *x) {
        build_all();
        if (sim_fault_on(w, "charts-down")) {
                respond(x, 503, "text/plain", "unavailable\n", 12);
                return;
        }
        if (str_eq(path, "/index.yaml")) {
                _cleanup_str_ char *index = make_index(base);
                respond(x, 200, "text/yaml", index, strlen(index));
                return;
        }
        for (size_t i = 0; i < archives.n; i++)
                if (*path == '/' && str_eq(archives.items[i].name, path + 1)) {
                        respond(x, 200, "application/gzip", archives.items[i].data, archives.items[i].len);
                        return;
                }
        respond(x, 404, "text/plain", "no such chart\n", 14);
}
