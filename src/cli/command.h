/* A command of hcloud-v6 as data: one file a command exports one descriptor; main.c lists them and nothing else.
 *
 * The option table is written once: it parses, prints --help, and feeds completion and the man page (opt.h). */
#pragma once

#include "base/error.h"
#include "cli/opt.h"

struct app;      /* app.h: what every command is given */

struct command {
        const char *name;             /* one word, or two: "config render" belongs to the group "config" */
        const char *summary;          /* one line, lower case, no full stop */
        const char *arguments;        /* "" or e.g. "SHELL"; shown in the usage line */
        unsigned min_args, max_args;
        const char *description;      /* paragraphs that teach, before the options */
        const char *examples;         /* indented lines, after the options */
        const struct opt *options;    /* ends with an entry without name; the common options are added to it */
        size_t options_size;          /* bytes of the struct that the options fill; it begins with struct common_options */
        bool hidden;
        /* Returns 0 or negative with err; the exit code follows from its kind (error_exit_code). options is the filled struct. */
        int (*run)(struct app *app, void *options, const struct strv *args, struct error *err);
};

extern const struct command *const commands[];   /* ends with NULL; main.c */

/* Bytes of the group's name in "config render"; 0 for a command of one word. */
size_t command_group(const struct command *c);
bool command_is_group(const char *word);
/* Whether another command of c's group stands before it in the table: for lists that name each group once. */
bool command_group_is_named(const struct command *const *c);
/* The command that the first one or two words mean; *ret_words: how many they are. ERR_USAGE with the nearest one. */
int command_match(const char *const *words, size_t n, const struct command **ret, size_t *ret_words, struct error *err);
