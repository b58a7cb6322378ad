/* Everything that is printed from the command and option tables: --help, completion, man pages. */
#pragma once

#include <stdio.h>

#include "cli/command.h"

void help_overview(FILE *f);                                  /* hcloud-v6 --help */
void help_group(const char *group, FILE *f);                  /* hcloud-v6 config --help */
void help_command(const struct command *c, FILE *f);          /* hcloud-v6 up --help */
/* The man page of a command (c NULL: of the program) in roff. */
void help_man(const struct command *c, FILE *f);
/* shell: "bash", "zsh" or "fish". ERR_USAGE for others. */
int help_completion(const char *shell, FILE *f, struct error *err);
