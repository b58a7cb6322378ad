#include "cli/help.h"

#include "cli/term.h"

static void print_option(const struct opt *o, void *data) {
        FILE *f = data;
        _cleanup_str_ char *name = NULL, *letter = o->letter ? xasprintf("-%c, ", o->letter) : xstrdup("    ");

        if (o->type == OPT_FLAG || o->type == OPT_NEGATED)
                name = xasprintf("%s--%s", letter, o->name);
        else if (o->type == OPT_OPTIONAL)
                name = xasprintf("%s--%s[=%s]", letter, o->name, o->value_name);
        else
                name = xasprintf("%s--%s %s", letter, o->name, o->value_name);
        if (strlen(name) > 26)
                fprintf(f, "  %s\n  %26s  %s\n", name, "", o->help);
        else
                fprintf(f, "  %-26s  %s\n", name, o->help);
}

static void heading(FILE *f, const char *text) {
        fprintf(f, "\n%s%s%s\n", term_on(f, COLOUR_BOLD), text, term_off(f));
}

void help_command(const struct command *c, FILE *f) {
        fprintf(f, "hcloud-v6 %s - %s\n", c->name, c->summary);
        heading(f, "Usage");
        fprintf(f, "  hcloud-v6 %s [OPTIONS]%s%s\n", c->name, str_empty(c->arguments) ? "" : " ", c->arguments);
        if (c->description)
                fprintf(f, "\n%s\n", c->description);
        heading(f, "Options");
        opt_each(c->options, print_option, f);
        if (c->examples) {
                heading(f, "Examples");
                fprintf(f, "%s\n", c->examples);
        }
}

void help_group(const char *group, FILE *f) {
        size_t len = strlen(group);

        fprintf(f, "hcloud-v6 %s\n", group);
        heading(f, "Usage");
        fprintf(f, "  hcloud-v6 %s COMMAND [OPTIONS]\n", group);
        heading(f, "Commands");
        for (const struct command *const *c = commands; *c; c++)
                if (command_group(*c) == len && strncmp((*c)->name, group, len) == 0)
                        fprintf(f, "  %-16s%s\n", (*c)->name + len + 1, (*c)->summary);
        fprintf(f, "\nhcloud-v6 %s COMMAND --help tells more.\n", group);
}

void help_overview(FILE *f) {
        fprintf(f, "hcloud-v6 - IPv6-only Kubernetes on Hetzner Cloud, in one command\n");
        heading(f, "Usage");
        fprintf(f, "  hcloud-v6 COMMAND [OPTIONS]\n");
        heading(f, "Commands");
        for (const struct command *const *c = commands; *c; c++)
                if (!(*c)->hidden)
                        fprintf(f, "  %-17s%s\n", (*c)->name, (*c)->summary);
        heading(f, "To begin");
        fprintf(f, "  export HCLOUD_TOKEN=…            a read-and-write token of an empty project\n"
                   "  hcloud-v6 up --nodes 3 --dry-run what would be made, and what it would cost\n"
                   "  hcloud-v6 up --nodes 3           one control plane and two workers\n"
                   "  hcloud-v6 status\n"
                   "  hcloud-v6 destroy                removes all of it, and proves it\n");
        heading(f, "Environment");
        fprintf(f, "  HCLOUD_TOKEN, HCLOUD_CONTEXT, HCLOUD_CONFIG, HCLOUD_ENDPOINT, KUBECONFIG, TALOSCONFIG, NO_COLOR, XDG_*\n");
        heading(f, "Exit status");
        fprintf(f, "  0 done  1 error  2 changes pending  3 something is left over  4 usage or profile  5 credentials\n"
                   "  6 quota or capacity  7 lock held by somebody else  8 timed out  130 interrupted\n\n"
                   "hcloud-v6 COMMAND --help tells more. hcloud-v6-sim is a simulated cloud to try all of it without an account.\n");
}

/* ---- man pages ---- */

static void roff(FILE *f, const char *text) {
        for (bool start = true; text && *text; text++) {
                if (start && (*text == '.' || *text == '\''))
                        fputs("\\&", f);
                if (*text == '-')
                        fputs("\\-", f);
                else if (*text == '\\')
                        fputs("\\e", f);
                else
                        fputc(*text, f);
                start = *text == '\n';
        }
}

static void man_option(const struct opt *o, void *data) {
        FILE *f = data;

        fprintf(f, ".TP\n.B ");
        if (o->letter)
                fprintf(f, "\\-%c, ", o->letter);
        fprintf(f, "\\-\\-");
        roff(f, o->name);
        if (o->value_name && o->type == OPT_OPTIONAL)
                fprintf(f, "[=%s]", o->value_name);
        else if (o->value_name)
                fprintf(f, " %s", o->value_name);
        fputc('\n', f);
        roff(f, o->help);
        fputc('\n', f);
}

/* "\-config\-render"; empty for the program itself. */
static char *man_name(const struct command *c) {
        struct strbuf b = STRBUF_INIT;

        strbuf_adds(&b, c ? "\\-" : "");
        for (const char *p = c ? c->name : ""; *p; p++)
                if (*p == ' ')
                        strbuf_adds(&b, "\\-");
                else
                        strbuf_addc(&b, *p);
        return strbuf_take(&b);
}

void help_man(const struct command *c, FILE *f) {
        _cleanup_str_ char *page = man_name(c);

        fprintf(f, ".TH HCLOUD\\-V6%s 1\n.SH NAME\nhcloud\\-v6%s \\- ", page, page);
        roff(f, c ? c->summary : "IPv6-only Kubernetes on Hetzner Cloud, in one command");
        fprintf(f, "\n.SH SYNOPSIS\n.B hcloud\\-v6 %s\n[OPTIONS] %s\n", c ? c->name : "COMMAND", c ? c->arguments : "");
        if (!c) {
                fprintf(f, ".SH COMMANDS\n");
                for (const struct command *const *i = commands; *i; i++)
                        fprintf(f, ".TP\n.B %s\n%s\n", (*i)->name, (*i)->summary);
                return;
        }
        fprintf(f, ".SH DESCRIPTION\n");
        roff(f, c->description);
        fprintf(f, "\n.SH OPTIONS\n");
        opt_each(c->options, man_option, f);
        if (c->examples) {
                fprintf(f, ".SH EXAMPLES\n.nf\n");
                roff(f, c->examples);
                fprintf(f, "\n.fi\n");
        }
}

/* ---- completion ---- */

static void bash_word(const struct opt *o, void *data) { fprintf(data, " --%s", o->name); }

/* The first words, each once; then of each group its second words. */
static void print_first_words(FILE *f) {
        for (const struct command *const *c = commands; *c; c++)
                if (!command_group_is_named(c))
                        fprintf(f, " %.*s", (int) (command_group(*c) ? command_group(*c) : strlen((*c)->name)), (*c)->name);
}

static void print_second_words(FILE *f, const struct command *of) {
        size_t len = command_group(of);

        for (const struct command *const *c = commands; *c; c++)
                if (command_group(*c) == len && strncmp((*c)->name, of->name, len) == 0)
                        fprintf(f, " %s", (*c)->name + len + 1);
}

static void each_group(FILE *f, void (*fn)(FILE *f, const struct command *first)) {
        for (const struct command *const *c = commands; *c; c++)
                if (command_group(*c) && !command_group_is_named(c))
                        fn(f, *c);
}

static void bash_group_key(FILE *f, const struct command *c) {
        fprintf(f, "    %.*s) [ \"$COMP_CWORD\" -le 2 ] || key=\"$key ${COMP_WORDS[2]}\" ;;\n", (int) command_group(c), c->name);
}

static void bash_group_words(FILE *f, const struct command *c) {
        fprintf(f, "      %.*s) words=\"", (int) command_group(c), c->name);
        print_second_words(f, c);
        fprintf(f, "\" ;;\n");
}

static void completion_bash(FILE *f) {
        fprintf(f, "# hcloud-v6 completion for bash\n_hcloud_v6() {\n  local cur=${COMP_WORDS[COMP_CWORD]} key=${COMP_WORDS[1]} words=\n"
                   "  case $key in\n");
        each_group(f, bash_group_key);
        fprintf(f, "  esac\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"");
        print_first_words(f);
        fprintf(f, "\"\n  else\n    case $key in\n");
        each_group(f, bash_group_words);
        for (const struct command *const *c = commands; *c; c++) {
                fprintf(f, "      '%s') words=\"", (*c)->name);
                opt_each((*c)->options, bash_word, f);
                fprintf(f, "\" ;;\n");
        }
        fprintf(f, "    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _hcloud_v6 hcloud-v6\n");
}

struct fish { FILE *f; const char *condition; };

static void quoted(FILE *f, const char *text) {
        for (; *text; text++)
                fputs(*text == '\'' ? "\\'" : (char[]) { *text, '\0' }, f);
}

static void fish_option(const struct opt *o, void *data) {
        struct fish *x = data;

        fprintf(x->f, "complete -c hcloud-v6 -n '%s' -l %s%s -d '", x->condition, o->name,
                o->type == OPT_FLAG || o->type == OPT_NEGATED || o->type == OPT_OPTIONAL ? "" : " -r");
        quoted(x->f, o->help);
        fprintf(x->f, "'\n");
}

/* When the words of this command have been typed. Owned. */
static char *fish_condition(const struct command *c) {
        size_t len = command_group(c);

        if (len == 0)
                return xasprintf("__fish_seen_subcommand_from %s", c->name);
        return xasprintf("__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s", (int) len, c->name, c->name + len + 1);
}

static void completion_fish(FILE *f) {
        fprintf(f, "# hcloud-v6 completion for fish\n");
        for (const struct command *const *c = commands; *c; c++) {
                _cleanup_str_ char *condition = fish_condition(*c);
                struct fish x = { .f = f, .condition = condition };
                int len = (int) command_group(*c);
                if (len > 0 && !command_group_is_named(c))
                        fprintf(f, "complete -c hcloud-v6 -f -n __fish_use_subcommand -a %.*s\n", len, (*c)->name);
                if (len > 0)
                        fprintf(f, "complete -c hcloud-v6 -f -n '__fish_seen_subcommand_from %.*s' -a %s -d '", len, (*c)->name, (*c)->name + len + 1);
                else
                        fprintf(f, "complete -c hcloud-v6 -f -n __fish_use_subcommand -a %s -d '", (*c)->name);
                quoted(f, (*c)->summary);
                fprintf(f, "'\n");
                opt_each((*c)->options, fish_option, &x);
        }
}

static void zsh_option(const struct opt *o, void *data) {
        FILE *f = data;

        fprintf(f, " '--%s%s[", o->name, o->type == OPT_FLAG || o->type == OPT_NEGATED ? "" : "=");
        for (const char *p = o->help; *p; p++)
                if (*p != '\'' && *p != '[' && *p != ']')
                        fputc(*p, f);
        fprintf(f, "]%s'", o->type == OPT_FLAG || o->type == OPT_NEGATED ? "" : ":value:");
}

static void zsh_group_key(FILE *f, const struct command *c) {
        fprintf(f, "    %.*s) (( CURRENT <= 3 )) || { key=\"$key $words[3]\"; skip=2 } ;;\n", (int) command_group(c), c->name);
}

static void zsh_group_words(FILE *f, const struct command *c) {
        fprintf(f, "    %.*s) compadd", (int) command_group(c), c->name);
        print_second_words(f, c);
        fprintf(f, " ;;\n");
}

static void completion_zsh(FILE *f) {
        fprintf(f, "#compdef hcloud-v6\n_hcloud_v6() {\n  local key=$words[2] skip=1\n  if (( CURRENT == 2 )); then\n    compadd");
        print_first_words(f);
        fprintf(f, "\n    return\n  fi\n  case $key in\n");
        each_group(f, zsh_group_key);
        fprintf(f, "  esac\n  shift $skip words; (( CURRENT -= skip ))\n  case $key in\n");
        each_group(f, zsh_group_words);
        for (const struct command *const *c = commands; *c; c++) {
                fprintf(f, "    '%s') _arguments", (*c)->name);
                opt_each((*c)->options, zsh_option, f);
                fprintf(f, " ;;\n");
        }
        fprintf(f, "  esac\n}\n_hcloud_v6 \"$@\"\n");
}

int help_completion(const char *shell, FILE *f, struct error *err) {
        if (str_eq(shell, "bash"))
                completion_bash(f);
        else if (str_eq(shell, "zsh"))
                completion_zsh(f);
        else if (str_eq(shell, "fish"))
                completion_fish(f);
        else
                return error_set(err, ERR_USAGE, "completion is made for bash, zsh and fish, not '%s'", shell);
        return 0;
}
