#include "bootstrap/chart-files.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/yaml.h"

#define UNPACKED_MAX (64u << 20)
#define ARCHIVE_MAX (8u << 20)
#define BLOCK 512
#define FILES_MAX 10000                 /* of one archive; each is looked up by its path */

void chart_files_done(struct chart_files *f) {
        for (size_t i = 0; i < f->n; i++) {
                free(f->items[i].path);
                free(f->items[i].text);
        }
        free(f->items);
        *f = (struct chart_files) { 0 };
}

const struct chart_file *chart_files_find(const struct chart_files *f, const char *path) {
        for (size_t i = 0; i < f->n; i++)
                if (str_eq(f->items[i].path, path))
                        return &f->items[i];
        return NULL;
}

/* POSIX.1-1988 ustar: octal digits, ended by a blank or a NUL. */
static bool octal(const uint8_t *field, size_t n, size_t *ret) {
        size_t value = 0, i = 0;

        while (i < n && field[i] == ' ')
                i++;
        for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
                value = value * 8 + (field[i] - '0');
        *ret = value;
        return i == n || field[i] == ' ' || field[i] == '\0';
}

static char *name_of(const uint8_t *head) {
        _cleanup_str_ char *name = xstrndup((const char *) head, 100), *prefix = xstrndup((const char *) head + 345, 155);
        bool ustar = memcmp(head + 257, "ustar", 5) == 0;

        return ustar && *prefix ? xasprintf("%s/%s", prefix, name) : xstrdup(name);
}

/* The path among a pax header's records "LENGTH key=value\n"; NULL when it has none. */
static char *pax_path(const char *text, size_t len) {
        size_t at = 0;

        while (at < len) {
                char *end;
                unsigned long n = strtoul(text + at, &end, 10);
                const char *record = end + 1, *last = text + at + n - 1;   /* its line end */

                if (n == 0 || n > len - at || *end != ' ' || record > last || *last != '\n')
                        return NULL;
                if (last - record >= 5 && str_starts(record, "path="))
                        return xstrndup(record + 5, (size_t) (last - (record + 5)));
                at += n;
        }
        return NULL;
}

/* Below the archive's own folder, or NULL for what lies outside of it. */
static char *inner_path(const char *name) {
        const char *slash;

        while (str_starts(name, "./"))
                name += 2;
        slash = strchr(name, '/');
        return slash && slash[1] ? xstrdup(slash + 1) : NULL;
}

static void keep(struct chart_files *files, const char *name, const uint8_t *data, size_t len) {
        struct chart_file f = { .path = inner_path(name), .len = len };

        if (!f.path)
                return;
        f.text = xcalloc(len + 1, 1);
        memcpy(f.text, data, len);
        ARRAY_APPEND(files->items, files->n, f);
}

static int walk(const uint8_t *tar, size_t len, struct chart_files *files, struct error *err) {
        _cleanup_str_ char *long_name = NULL;
        size_t at = 0, size;

        for (; at < len && tar[at] != '\0'; at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK) {
                const uint8_t *head = tar + at, *data = head + BLOCK;

                if (len - at < BLOCK)
                        return error_set(err, ERR_INVALID, "the chart's archive is cut off");
                _cleanup_str_ char *name = name_of(head);
                char type = (char) head[156];

                if (!octal(head + 124, 12, &size) || size > len - at - BLOCK)
                        return error_set(err, ERR_INVALID, "the chart's archive is damaged at '%s'", name);
                if (type == 'L' || type == 'x') {
                        free(long_name);
                        long_name = type == 'L' ? xstrndup((const char *) data, size) : pax_path((const char *) data, size);
                        continue;
                }
                if (files->n == FILES_MAX)
                        return error_set(err, ERR_INVALID, "the chart's archive holds more than %d files", FILES_MAX);
                if (type == '0' || type == '\0')
                        keep(files, long_name ? long_name : name, data, size);
                free(TAKE(long_name));
        }
        return files->n > 0 ? 0 : error_set(err, ERR_INVALID, "the chart's archive holds no file");
}

int chart_files_read(const void *data, size_t len, struct chart_files *ret, struct error *err) {
        _cleanup_(chart_files_done) struct chart_files files = { 0 };
        _cleanup_free_ uint8_t *tar = NULL;
        size_t n;

        if (gzip_decompress(data, len, UNPACKED_MAX, &tar, &n, err) < 0)
                return error_wrap(err, "the chart's archive");
        if (walk(tar, n, &files, err) < 0)
                return -1;
        *ret = files;
        files = (struct chart_files) { 0 };
        return 0;
}

int bootstrap_chart_from_file(const char *path, struct chart *ret, struct error *err) {
        _cleanup_(chart_files_done) struct chart_files files = { 0 };
        _cleanup_(yaml_freep) struct yaml_node *meta = NULL;
        _cleanup_(chart_done) struct chart c = { 0 };
        const struct chart_file *f;
        char *data;

        if (file_read(path, ARCHIVE_MAX, &data, &c.len, err) < 0)
                return -1;
        c.data = (uint8_t *) data;
        if (chart_files_read(c.data, c.len, &files, err) < 0)
                return error_wrap(err, "%s", path);
        f = chart_files_find(&files, "Chart.yaml");
        if (!f)
                return error_set(err, ERR_INVALID, "%s is no chart: it holds no Chart.yaml", path);
        if (yaml_parse_one("Chart.yaml", f->text, f->len, &meta, err) < 0)
                return error_wrap(err, "%s", path);
        c.name = xstrdup(yaml_str(yaml_get(meta, "name")));
        c.version = xstrdup(yaml_str(yaml_get(meta, "version")));
        if (!c.name || !c.version)
                return error_set(err, ERR_INVALID, "%s: its Chart.yaml names no chart or no version", path);
        c.digest = sha256_hex(c.data, c.len);
        c.repository = xstrdup(path);
        *ret = c;
        c = (struct chart) { 0 };
        return 0;
}
