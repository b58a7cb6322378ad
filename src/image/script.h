/* What runs on the builder: a shell script that empties the disk, takes the image from a URL or from its standard input, unpacks it with all cores and
 * writes it in large direct blocks. It speaks to the client in lines on standard output, struct script_line. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

enum image_packing { PACKED_UNKNOWN, PACKED_NOT, PACKED_XZ, PACKED_ZSTD, PACKED_GZIP };
/* By the first bytes (6 are enough for all); UNKNOWN is HTML or another text, which no image begins with. */
enum image_packing image_packing_of(const void *head, size_t n);
/* By the end of a name, UNKNOWN when it says nothing. */
enum image_packing image_packing_of_name(const char *name);
const char *image_packing_name(enum image_packing p);        /* "xz", "zst", … */

#define BUILDER_DISK "/dev/sda"          /* of every Hetzner server, in the rescue system too */

struct script_options {
        const struct strv *urls;         /* tried in this order, the first that is there and can be unpacked; NULL: standard input */
        enum image_packing packing;      /* of standard input */
        const char *sha256;              /* that the packed or the raw stream must have, or NULL */
};
char *script_write(const struct script_options *o);          /* owned */

enum script_word { SCRIPT_OTHER, SCRIPT_FROM, SCRIPT_PROGRESS, SCRIPT_NOTE, SCRIPT_DONE };
struct script_line {
        enum script_word word;
        char *text;                      /* FROM: the URL; NOTE: a sentence */
        int64_t packed, total, written;  /* PROGRESS: bytes; total 0: not known. DONE: packed and written */
        char packed_sha256[65], raw_sha256[65];      /* DONE */
};
/* Never fails: what is none of the script's lines is OTHER. */
void script_line_parse(const char *line, struct script_line *ret);
void script_line_done(struct script_line *l);
