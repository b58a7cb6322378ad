/* hcloud-v6: lists the commands, finds the one that is meant, and turns its error into words and an exit status. */
#include <locale.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "cli/app.h"
#include "cli/help.h"
#include "cli/signals.h"
#include "cli/term.h"
#include "version.h"

extern const struct command command_up, command_scale, command_status, command_destroy, command_smoke, command_kubeconfig, command_talosconfig, command_profile,
        command_config_render, command_config_patch, command_config_values, command_config_validate,
        command_secrets_create, command_secrets_export, command_secrets_import,
        command_image_build, command_image_list, command_image_prune,
        command_completion, command_man, command_help, command_version;

const struct command *const commands[] = {
        &command_up, &command_scale, &command_status, &command_destroy, &command_smoke, &command_kubeconfig, &command_talosconfig, &command_profile,
        &command_config_render, &command_config_patch, &command_config_values, &command_config_validate,
        &command_secrets_create, &command_secrets_export, &command_secrets_import,
        &command_image_build, &command_image_list, &command_image_prune,
        &command_completion, &command_man, &command_help, &command_version,
        NULL,
};

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

/* Hundreds of threads wait, each with a little JSON: with an arena for many of them glibc kept 110 MB for 500 nodes, with one 60 (docs/bench.md). Large
 * answers go back to the system at once: a threshold that is set no longer grows by itself. */
static void keep_memory_small(void) {
#ifdef __GLIBC__
        mallopt(M_ARENA_MAX, 1);
        mallopt(M_MMAP_THRESHOLD, 128 * 1024);
        mallopt(M_TRIM_THRESHOLD, 256 * 1024);
#endif
}

/* Secrets are in memory: a crash leaves none of them on the disk. The limit does not hold for a program that the system hands cores to (core(5)); the second
 * call does, and keeps other programs of this user from attaching to this one and from reading its environment. */
static void leave_no_core(void) {
        const struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv) {
        _cleanup_error_ struct error err = ERROR_INIT;
        const struct command *c;
        struct cancel *cancel;
        size_t words;
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
        if (argc == 3 && command_is_group(argv[1]) && (str_eq(argv[2], "--help") || str_eq(argv[2], "-h"))) {
                help_group(argv[1], stdout);
                return 0;
        }
        r = command_match((const char *const *) argv + 1, (size_t) argc - 1, &c, &words, &err);
        if (r < 0) {
                app_print_error(NULL, &err);
                return error_exit_code(err.kind);
        }
        end_without_calls(term_rescue);
        json_needs_memory();
        keep_memory_small();
        leave_no_core();
        cancel = cancel_new();
        signals_install(cancel);
        r = run_command(c, argc - 1 - (int) words, argv + 1 + words, cancel);
        cancel_free(cancel);
        return r;
}
