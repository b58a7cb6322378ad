/* The commands that need no cloud: profile, completion, man, help, version. */
#include <stdio.h>

#include "cli/app.h"
#include "cli/help.h"
#include "cluster/versions.h"
#include "version.h"

struct words { struct common_options common; };

static const struct opt none[] = { { .name = NULL } };

static int run_profile(struct app *app, void *options, const struct strv *args, struct error *err) {
        const char *text;

        if (args->n == 0) {
                for (const char *const *n = profile_names(); *n; n++)
                        printf("%s\n", *n);
                return 0;
        }
        if (str_eq(args->items[0], "keys")) {
                _cleanup_str_ char *reference = cluster_spec_reference();
                fputs(reference, stdout);
                return 0;
        }
        text = profile_text(args->items[0]);
        if (!text) {
                const char *near = str_nearest(args->items[0], profile_names());
                error_set(err, ERR_USAGE, near ? "there is no profile '%s'; did you mean '%s'?" : "there is no profile '%s'", args->items[0], near);
                return error_hint(err, "hcloud-v6 profile lists them");
        }
        fputs(text, stdout);
        return 0;
}

static int run_completion(struct app *app, void *options, const struct strv *args, struct error *err) {
        return help_completion(args->items[0], stdout, err);
}

static int find_for_help(const struct strv *args, const struct command **ret, struct error *err) {
        size_t words = 0;

        *ret = NULL;
        if (args->n == 0)
                return 0;
        if (command_match((const char *const *) args->items, args->n, ret, &words, err) < 0)
                return -1;
        return words == args->n ? 0 : error_set(err, ERR_USAGE, "'%s' is one argument too many", args->items[words]);
}

static int run_help(struct app *app, void *options, const struct strv *args, struct error *err) {
        const struct command *c;
        int r;

        if (args->n == 1 && command_is_group(args->items[0])) {
                help_group(args->items[0], stdout);
                return 0;
        }
        r = find_for_help(args, &c, err);
        if (r < 0)
                return r;
        if (c)
                help_command(c, stdout);
        else
                help_overview(stdout);
        return 0;
}

static int run_man(struct app *app, void *options, const struct strv *args, struct error *err) {
        const struct command *c;
        int r = find_for_help(args, &c, err);

        if (r >= 0)
                help_man(c, stdout);
        return r;
}

static int run_version(struct app *app, void *options, const struct strv *args, struct error *err) {
        const struct version_set *set = version_default();

        if (app_json(app)) {
                app_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s}", "hcloud-v6", HCLOUD_V6_VERSION, "talos", set->talos, "kubernetes",
                                         set->kubernetes, "cilium", set->cilium.version, "ccm", set->ccm));
                return 0;
        }
        printf("hcloud-v6 %s\nby default: Talos %s, Kubernetes %s, Cilium %s, Talos CCM %s\n", HCLOUD_V6_VERSION, set->talos, set->kubernetes,
               set->cilium.version, set->ccm);
        return 0;
}

const struct command command_profile = {
        .name = "profile", .summary = "print a built-in profile, or every key a profile may have", .arguments = "[NAME|keys]", .max_args = 1,
        .description = "Without an argument: the names of the built-in profiles. A profile of your own begins best as a copy of one.",
        .examples = "  hcloud-v6 profile default > team.yaml\n  hcloud-v6 profile keys",
        .options = none, .options_size = sizeof(struct words), .run = run_profile,
};

const struct command command_completion = {
        .name = "completion", .summary = "print the completion for bash, zsh or fish", .arguments = "SHELL", .min_args = 1, .max_args = 1,
        .examples = "  source <(hcloud-v6 completion bash)",
        .options = none, .options_size = sizeof(struct words), .run = run_completion,
};

const struct command command_man = {
        .name = "man", .summary = "print the man page of the program or of a command", .arguments = "[COMMAND]", .max_args = 2, .hidden = true,
        .examples = "  hcloud-v6 man up | man -l -",
        .options = none, .options_size = sizeof(struct words), .run = run_man,
};

const struct command command_help = {
        .name = "help", .summary = "explain the program or a command", .arguments = "[COMMAND]", .max_args = 2,
        .options = none, .options_size = sizeof(struct words), .run = run_help,
};

const struct command command_version = {
        .name = "version", .summary = "print the program's version and the versions it installs", .arguments = "",
        .options = none, .options_size = sizeof(struct words), .run = run_version,
};
