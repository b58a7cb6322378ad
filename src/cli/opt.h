/* Command-line options as a table. Parsing fills a plain struct at the offsets that the table gives; nothing is static.
 *
 * Strings in the struct are borrowed from argv; lists own their items (opt_done() frees them). */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum opt_type {
        OPT_FLAG,       /* bool: --yes */
        OPT_NEGATED,    /* bool set to false: --no-wait */
        OPT_STRING,     /* const char * */
        OPT_INTEGER,    /* struct opt_int: is_set and value, within min..max */
        OPT_LIST,       /* struct strv: may be given several times, commas separate */
        OPT_OPTIONAL,   /* const char *: --timings (then "") or --timings=FILE */
};

struct opt_int { bool is_set; int64_t value; };

struct opt {
        const char *name;        /* without dashes; NULL ends the table */
        char letter;             /* 'o' for -o, or 0 */
        enum opt_type type;
        size_t offset;           /* into the command's options struct */
        const char *value_name;  /* "NAME", for types with a value */
        const char *help;        /* one sentence */
        int64_t min, max;        /* OPT_INTEGER */
        const char *const *choices; /* the only values allowed, ends with NULL; or NULL */
};

/* What every command has. First member of each command's struct. */
struct common_options {
        const char *cluster;
        const char *output;      /* "text" (default) or "json" */
        bool debug;
        bool help;
        const char *timings;     /* NULL: not asked; "": to the terminal; else a file name */
};
extern const struct opt common_opts[];   /* ends with an entry without name */

/* Parses argv[0..argc) (the command's name already taken off) by both tables. "--" ends options. Arguments go to args. ERR_USAGE with the
 * nearest known option for unknown ones. */
int opt_parse(const struct opt *table, int argc, char **argv, void *options, struct strv *args, struct error *err);

/* Frees the lists in options. */
void opt_done(const struct opt *table, void *options);

/* Calls fn for each option of the table and then each common one. */
void opt_each(const struct opt *table, void (*fn)(const struct opt *o, void *data), void *data);
