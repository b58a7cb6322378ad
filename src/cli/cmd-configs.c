/* hcloud-v6 kubeconfig and talosconfig: print them, or merge their context into a file. */
#include <stdio.h>

#include "base/secret.h"
#include "cli/app.h"

struct configs {
        struct common_options common;
        bool merge;
};

static const struct opt kubeconfig_options[] = {
        { .name = "merge", .type = OPT_FLAG, .offset = offsetof(struct configs, merge),
          .help = "merge the context into the first file of $KUBECONFIG, else ~/.kube/config" },
        { .name = NULL },
};

static const struct opt talosconfig_options[] = {
        { .name = "merge", .type = OPT_FLAG, .offset = offsetof(struct configs, merge),
          .help = "merge the context into the first file of $TALOSCONFIG, else ~/.talos/config" },
        { .name = NULL },
};

static int merge_target(const char *from_environment, const char *below_home, char **ret, struct error *err) {
        const char *home = getenv("HOME");

        if (from_environment) {
                *ret = xstrdup(from_environment);
                return 0;
        }
        if (str_empty(home))
                return error_set(err, ERR_IO, "HOME is not set, so there is no file to merge into");
        *ret = xasprintf("%s/%s", home, below_home);
        return 0;
}

typedef int (*config_fn)(struct cluster *c, const char *merge_into, char **ret, struct error *err);

static int print_config(struct app *app, bool merge, const char *from_environment, const char *below_home, config_fn config, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        _cleanup_str_ char *target = NULL;
        int r = app_open(app, NULL, false, err);

        if (r >= 0 && merge)
                r = merge_target(from_environment, below_home, &target, err);
        r = r < 0 ? r : config(app->cluster, target, &text, err);
        if (r < 0)
                return r;
        if (target)
                printf("merged into %s\n", target);
        else
                fputs(text, stdout);
        return 0;
}

static int run_kubeconfig(struct app *app, void *options, const struct strv *args, struct error *err) {
        return print_config(app, ((struct configs *) options)->merge, app->kubeconfig, ".kube/config", cluster_kubeconfig, err);
}

static int run_talosconfig(struct app *app, void *options, const struct strv *args, struct error *err) {
        return print_config(app, ((struct configs *) options)->merge, app->talosconfig, ".talos/config", cluster_talosconfig, err);
}

const struct command command_kubeconfig = {
        .name = "kubeconfig",
        .summary = "print the admin kubeconfig, or merge it into a file",
        .arguments = "",
        .description = "The kubeconfig holds an administrator's key: keep what you print as private as the file is (0600).",
        .examples = "  hcloud-v6 kubeconfig > kubeconfig\n  hcloud-v6 kubeconfig --merge",
        .options = kubeconfig_options,
        .options_size = sizeof(struct configs),
        .run = run_kubeconfig,
};

const struct command command_talosconfig = {
        .name = "talosconfig",
        .summary = "print the talosconfig for talosctl, or merge it into a file",
        .arguments = "",
        .description = "The talosconfig holds an administrator's key: keep what you print as private as the file is (0600).",
        .examples = "  hcloud-v6 talosconfig > talosconfig\n  hcloud-v6 talosconfig --merge",
        .options = talosconfig_options,
        .options_size = sizeof(struct configs),
        .run = run_talosconfig,
};
