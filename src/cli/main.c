/* hcloud-v6: lists the commands, finds the one that is meant, and turns its error into words and an exit status. */
#include <locale.h>
#include <stdio.h>

#include "cli/app.h"
#include "cli/help.h"
#include "cli/signals.h"
#include "version.h"

extern const struct command command_up, command_status, command_destroy, command_smoke, command_kubeconfig, command_talosconfig,
        command_profile, command_completion, command_man, command_help, command_version;

const struct command *const commands[] = {
        &command_up,         &command_status,  &command_destroy,    &command_smoke, &command_kubeconfig, &command_talosconfig,
        &command_profile,    &command_completion, &command_man,     &command_help,  &command_version,    NULL,
};

const struct command *command_find(const char *name) {
        for (const struct command *const *c = commands; *c; c++)
                if (str_eq((*c)->name, name))
                        return *c;
        return NULL;
}

static int unknown_command(const char *name, struct error *err) {
        const char *names[ARRAY_SIZE(commands)], *near;

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                names[i] = commands[i] ? commands[i]->name : NULL;
        near = str_nearest(name, names);
        error_set(err, ERR_USAGE, near ? "unknown command '%s'; did you mean '%s'?" : "unknown command '%s'", name, near);
        return error_hint(err, "hcloud-v6 --help");
}

static int check_arguments(const struct command *c, const struct strv *args, struct error *err) {
        if (args->n > c->max_args)
                error_set(err, ERR_USAGE, "'%s' is one argument too many for hcloud-v6 %s", args->items[c->max_args], c->name);
        else if (args->n < c->min_args)
                error_set(err, ERR_USAGE, "hcloud-v6 %s needs %s", c->name, c->arguments);
        else
                return 0;
        return error_hint(err, "hcloud-v6 %s --help", c->name);
}

/* Parses, then either explains the command or runs it. */
static int parse_and_run(const struct command *c, int argc, char **argv, void *options, struct cancel *cancel, struct app *app, struct error *err) {
        struct common_options *common = options;
        _cleanup_strv_ struct strv args = { 0 };
        int r = opt_parse(c->options, argc, argv, options, &args, err);

        app_init(app, cancel, common);
        if (r < 0)
                return error_hint(err, "hcloud-v6 %s --help", c->name);
        if (common->help) {
                help_command(c, stdout);
                return 0;
        }
        r = check_arguments(c, &args, err);
        return r < 0 ? r : c->run(app, options, &args, err);
}

static int run_command(const struct command *c, int argc, char **argv, struct cancel *cancel) {
        _cleanup_free_ void *options = xcalloc(1, c->options_size);
        struct common_options *common = options;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct app app;
        int r;

        common->output = "text";
        r = parse_and_run(c, argc, argv, options, cancel, &app, &err);
        if (app.progress)
                progress_stop(app.progress);
        if (r < 0 && err.kind != ERR_PENDING)
                app_print_error(&app, &err);
        app_done(&app);
        opt_done(c->options, options);
        if (r >= 0)
                return 0;
        return signals_interrupted() ? 130 : error_exit_code(err.kind);
}

int main(int argc, char **argv) {
        _cleanup_error_ struct error err = ERROR_INIT;
        const struct command *c;
        struct cancel *cancel;
        int r;

        if (argc < 2) {
                help_overview(stderr);
                return error_exit_code(ERR_USAGE);
        }
        if (str_eq(argv[1], "--version") || str_eq(argv[1], "-V")) {
                printf("hcloud-v6 %s\n", HCLOUD_V6_VERSION);
                return 0;
        }
        setlocale(LC_CTYPE, "");
        if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h")) {
                help_overview(stdout);
                return 0;
        }
        c = command_find(argv[1]);
        if (!c) {
                unknown_command(argv[1], &err);
                app_print_error(NULL, &err);
                return error_exit_code(err.kind);
        }
        cancel = cancel_new();
        signals_install(cancel);
        r = run_command(c, argc - 2, argv + 2, cancel);
        cancel_free(cancel);
        return r;
}
