/* Reads chart archives: gzip of ustar, with GNU long names and pax paths. */
#include "sim/kube/helm.h"

#include "base/codec.h"

#define BLOCK 512
#define MAX_ARCHIVE (32u << 20)

void tar_files_done(struct tar_files *t) {
        for (size_t i = 0; i < t->n; i++) {
                free(t->items[i].path);
                free(t->items[i].data);
        }
        free(t->items);
        *t = (struct tar_files) { 0 };
}

static bool octal(const char *p, size_t n, size_t *ret) {
        size_t v = 0;
        bool any = false;
        for (size_t i = 0; i < n && p[i] && p[i] != ' '; i++) {
                if (p[i] < '0' || p[i] > '7' || v > SIZE_MAX / 16)
                        return false;
                v = v * 8 + (size_t) (p[i] - '0');
                any = true;
        }
        *ret = v;
        return any;
}

static bool checksum_right(const uint8_t *h) {
        size_t wanted, sum = 0;
        for (size_t i = 0; i < BLOCK; i++)
                sum += i >= 148 && i < 156 ? ' ' : h[i];
        const char *field = (const char *) h + 148;
        size_t skip = 0;
        while (skip < 8 && field[skip] == ' ')
                skip++;
        return octal(field + skip, 8 - skip, &wanted) && wanted == sum;
}

static char *header_path(const uint8_t *h) {
        const char *name = (const char *) h, *prefix = (const char *) h + 345;
        if (memcmp(h + 257, "ustar", 5) == 0 && *prefix)
                return xasprintf("%.155s/%.100s", prefix, name);
        return xstrndup(name, strnlen(name, 100));
}

/* pax records: "LEN key=value\n" */
static char *pax_path(const char *p, size_t n) {
        while (n > 0) {
                char *end;
                size_t len = strtoul(p, &end, 10);
                if (len == 0 || len > n || *end != ' ' || p[len - 1] != '\n')
                        return NULL;
                const char *record = end + 1;
                size_t rest = len - (size_t) (record - p) - 1;
                if (rest > 5 && strncmp(record, "path=", 5) == 0)
                        return xstrndup(record + 5, rest - 5);
                p += len;
                n -= len;
        }
        return NULL;
}

static int read_entries(const uint8_t *tar, size_t n, struct tar_files *t, struct error *err) {
        _cleanup_str_ char *long_name = NULL;
        for (size_t at = 0; at + BLOCK <= n && tar[at];) {
                const uint8_t *h = tar + at;
                size_t size;
                if (!checksum_right(h) || !octal((const char *) h + 124, 12, &size) || size > n - at - BLOCK)
                        return error_set(err, ERR_INVALID, "the archive is damaged at byte %zu", at);
                const char *data = (const char *) h + BLOCK;
                char kind = (char) h[156];
                if (kind == 'L' || kind == 'x') {
                        free(long_name);
                        long_name = kind == 'L' ? xstrndup(data, size) : pax_path(data, size);
                } else {
                        _cleanup_str_ char *path = long_name ? TAKE(long_name) : header_path(h);
                        if (kind == '0' || kind == '\0') {
                                struct tar_entry entry = { TAKE(path), xcalloc(size + 1, 1), size };
                                memcpy(entry.data, data, size);
                                ARRAY_APPEND(t->items, t->n, entry);
                        }
                }
                at += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
        }
        return 0;
}

int tar_read_gz(const void *p, size_t n, struct tar_files *ret, struct error *err) {
        _cleanup_free_ uint8_t *tar = NULL;
        size_t size;
        _cleanup_tar_files_ struct tar_files t = { 0 };
        if (gzip_decompress(p, n, MAX_ARCHIVE, &tar, &size, err) < 0)
                return error_wrap(err, "reading a chart archive");
        if (read_entries(tar, size, &t, err) < 0)
                return -1;
        if (t.n == 0)
                return error_set(err, ERR_INVALID, "the archive holds no file");
        *ret = t;
        t = (struct tar_files) { 0 };
        return 0;
}
