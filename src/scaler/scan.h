/* Walking through JSON text of any length without building it: a table of fields says what is kept, the rest is passed over.
 *
 * Only what surrounds the kept fields is checked here (nesting, strings, commas); what is kept is checked by the JSON parser that reads it. Places
 * are counted, so that a file that was cut in half is refused with line and column. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#define SCAN_DEPTH 100

/* Fields of an object that are kept. The elements of arrays are seen through: the table below an array's key is for each of them. A table ends
 * with a NULL key; the key "*" is every key. fields NULL: the whole value is kept. */
struct scan_field { const char *key; const struct scan_field *fields; };

struct scan {
        const char *what;                  /* file or request, for messages; borrowed */
        const char *p, *end;               /* what is in memory and not yet passed */
        const char *begin;                 /* beginning of what is in memory */
        uint64_t passed;                   /* bytes before begin */
        uint64_t line_start;               /* offset of the current line */
        unsigned line, depth;
        int fd;                            /* where more comes from, or -1 */
        char *buffer;                      /* owned, with fd */
        struct strbuf key;                 /* of the member that is being read */
};
void scan_init_text(struct scan *s, const char *what, const char *text, size_t len);   /* all borrowed */
void scan_init_file(struct scan *s, const char *what, int fd);                         /* fd borrowed */
void scan_done(struct scan *s);

/* ERR_INVALID "what:line:column: …", of the place where the scan stands. */
int scan_fail(const struct scan *s, struct error *err, const char *fmt, ...) _printf_(3, 4);

/* The next character that is no blank, not taken; -1 at the end. */
int scan_peek(struct scan *s);
/* Takes that character, or fails with "… expected". */
int scan_expect(struct scan *s, char c, struct error *err);
/* Steps through an object or array: first true for the first step. *ret_more false: the closing bracket was taken. */
int scan_step(struct scan *s, char close, bool first, bool *ret_more, struct error *err);
/* One member's key without quotes (escapes stay as written) and its colon. */
int scan_key(struct scan *s, struct strbuf *ret_key, struct error *err);
/* One value: what fields keep of it is appended to out, compact; out NULL: all of it is passed over. */
int scan_value(struct scan *s, const struct scan_field *fields, struct strbuf *out, struct error *err);
/* The fast way over compact text in memory. Behind the value at p, which is depth brackets deep; NULL: unusual text, to be looked at with care. */
const char *scan_quick_value(const char *p, const char *end, unsigned depth);
/* Behind the colon of the key whose quote stands at p; the key is at p + 1. NULL as above. */
const char *scan_quick_key(const char *p, const char *end, size_t *ret_len);
/* Nothing but blanks may follow. */
int scan_end(struct scan *s, struct error *err);
