#include "image/script.h"

#include <stdio.h>

/* builder.sh, made part of the program by base/embed.py. */
extern const char *const builder_names[], *const builder_texts[];

/* The first bytes of xz (its file format, 2.1.1.1), Zstandard (RFC 8878, 3.1.1) and gzip (RFC 1952, 2.3.1). */
enum image_packing image_packing_of(const void *head, size_t n) {
        static const struct { enum image_packing packing; const char *magic; size_t n; } table[] = {
                { PACKED_XZ, "\xFD" "7zXZ\0", 6 }, { PACKED_ZSTD, "\x28\xB5\x2F\xFD", 4 }, { PACKED_GZIP, "\x1F\x8B", 2 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (n >= table[i].n && memcmp(head, table[i].magic, table[i].n) == 0)
                        return table[i].packing;
        const unsigned char *p = head;
        size_t printable = 0;
        for (size_t i = 0; i < n; i++)
                printable += p[i] == '\n' || p[i] == '\r' || p[i] == '\t' || (p[i] >= 0x20 && p[i] < 0x7f);
        return n == 0 || printable == n ? PACKED_UNKNOWN : PACKED_NOT;
}

enum image_packing image_packing_of_name(const char *name) {
        size_t n = strcspn(name, "?#");
        _cleanup_str_ char *path = xstrndup(name, n);

        return str_ends(path, ".xz") ? PACKED_XZ : str_ends(path, ".zst") ? PACKED_ZSTD : str_ends(path, ".gz") ? PACKED_GZIP : str_ends(path, ".raw") ? PACKED_NOT
                                                                                                                              : PACKED_UNKNOWN;
}

const char *image_packing_name(enum image_packing p) {
        static const char *const names[] = { "", "raw", "xz", "zst", "gz" };

        return names[p];
}

/* In single quotes for a POSIX shell. */
static void set_variable(struct strbuf *b, const char *name, const char *value) {
        strbuf_addf(b, "%s='", name);
        for (const char *p = value ? value : ""; *p; p++)
                if (*p == '\'')
                        strbuf_adds(b, "'\\''");
                else
                        strbuf_addc(b, *p);
        strbuf_adds(b, "'\n");
}

char *script_write(const struct script_options *o) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        _cleanup_str_ char *urls = o->urls ? strv_join(o->urls, " ") : NULL;

        set_variable(&b, "disk", BUILDER_DISK);
        set_variable(&b, "urls", urls);
        set_variable(&b, "packing", o->urls ? "" : image_packing_name(o->packing));
        set_variable(&b, "wanted", o->sha256);
        strbuf_adds(&b, builder_texts[0]);
        return strbuf_take(&b);
}

void script_line_parse(const char *line, struct script_line *ret) {
        long long a, b, c;

        *ret = (struct script_line) { 0 };
        if (!str_starts(line, "hcloud-v6 "))
                return;
        line += strlen("hcloud-v6 ");
        if (str_starts(line, "from ")) {
                ret->word = SCRIPT_FROM;
                ret->text = xstrdup(line + 5);
        } else if (str_starts(line, "note ")) {
                ret->word = SCRIPT_NOTE;
                ret->text = xstrdup(line + 5);
        } else if (sscanf(line, "progress %lld %lld %lld", &a, &b, &c) == 3 && a >= 0 && b >= 0 && c >= 0) {
                *ret = (struct script_line) { .word = SCRIPT_PROGRESS, .packed = a, .total = b, .written = c };
        } else if (sscanf(line, "done %64[0-9a-f] %64[0-9a-f] %lld", ret->packed_sha256, ret->raw_sha256, &c) == 3 && strlen(ret->packed_sha256) == 64 &&
                   strlen(ret->raw_sha256) == 64 && c >= 0) {
                ret->word = SCRIPT_DONE;
                ret->written = c;
        }
}

void script_line_done(struct script_line *l) {
        free(l->text);
}
