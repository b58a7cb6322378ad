/* Answers as pages of a snapshot: the first byte chooses the part, the rest is the answer. What is taken is taken again from what was recorded of it. */
#include <stdio.h>

#include "check.h"
#include "scaler/feed.h"
#include "scaler/snapshot.h"

/* The value behind "key": in what snapshot_write() wrote; owned, NULL when the part is not there. */
static char *recorded(const struct snapshot *s, enum snapshot_part part) {
        char *text = NULL;
        size_t n = 0;
        struct error err = ERROR_INIT;
        FILE *f = open_memstream(&text, &n);
        CHECK(f);
        CHECK(snapshot_write(s, f, &err) >= 0);
        fclose(f);
        _cleanup_str_ char *mark = xasprintf(",\n\"%s\":", snapshot_part_key(part));
        const char *at = strstr(text, mark);
        char *value = at ? xstrdup(at + strlen(mark)) : NULL;
        free(text);
        if (value)
                value[strlen(value) - 2] = '\0'; /* "}\n" ends the file */
        return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        if (n < 1)
                return 0;
        enum snapshot_part part = (enum snapshot_part) (p[0] % _SNAPSHOT_PARTS);
        _cleanup_snapshot_ struct snapshot *s = snapshot_new(true), *again = snapshot_new(true);
        _cleanup_str_ char *token = NULL, *text = NULL, *twice = NULL;
        snapshot_set_time(s, INT64_C(1790000000000));
        snapshot_set_time(again, INT64_C(1790000000000));
        if (snapshot_add(s, part, "fuzz", (const char *) p + 1, n - 1, p[0] & 0x80 ? &token : NULL, &err) < 0) {
                CHECK(err.message && strncmp(err.message, "fuzz:", 5) == 0);
        } else {
                text = recorded(s, part);
                if (text) {
                        CHECK(snapshot_add(again, part, "again", text, strlen(text), NULL, &err) >= 0);
                        twice = recorded(again, part);
                        CHECK(twice && strcmp(text, twice) == 0);
                }
        }
        error_done(&err);
        char *next = NULL;
        if (feed_token("fuzz", (const char *) p + 1, n - 1, &next, &err) < 0)
                CHECK((err.kind == ERR_PROTOCOL || err.kind == ERR_INVALID) && !next);
        free(next);
        error_done(&err);
        return 0;
}
