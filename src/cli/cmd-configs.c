/* hcloud-v6 kubeconfig and talosconfig: print them, or merge their context into a file. */
#include <stdio.h>

#include "base/secret.h"
#include "cli/app.h"

struct configs {
        struct common_options common;
        bool merge;
        struct strv endpoints;
};

static const struct opt kubeconfig_options[] = {
        { .name = "merge", .type = OPT_FLAG, .offset = offsetof(struct configs, merge),
          .help = "merge the context into the first file of $KUBECONFIG, else ~/.kube/config" },
        { .name = "endpoint", .letter = 'e', .type = OPT_LIST, .offset = offsetof(struct configs, endpoints), .value_name = "URL",
          .help = "make a new one from the vault alone, for this Kubernetes API, e.g. https://[2001:db8::1]:6443" },
        { .name = NULL },
};

static const struct opt talosconfig_options[] = {
        { .name = "merge", .type = OPT_FLAG, .offset = offsetof(struct configs, merge),
          .help = "merge the context into the first file of $TALOSCONFIG, else ~/.talos/config" },
        { .name = "endpoint", .letter = 'e', .type = OPT_LIST, .offset = offsetof(struct configs, endpoints), .value_name = "ADDRESS",
          .help = "make a new one from the vault alone, with this control plane; may be given several times" },
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

typedef int (*config_fn)(struct cluster *c, const struct config_wish *wish, char **ret, struct error *err);

static int print_config(struct app *app, const struct configs *o, const char *from_environment, const char *below_home, config_fn config, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        _cleanup_str_ char *target = NULL;
        int r = app_open(app, NULL, false, err);

        if (r >= 0 && o->merge)
                r = merge_target(from_environment, below_home, &target, err);
        const struct config_wish wish = { .merge_into = target, .endpoints = &o->endpoints };
        r = r < 0 ? r : config(app->cluster, &wish, &text, err);
        if (r < 0)
                return r;
        if (target)
                printf("merged into %s\n", target);
        else
                fputs(text, stdout);
        return 0;
}

static int run_kubeconfig(struct app *app, void *options, const struct strv *args, struct error *err) {
        return print_config(app, options, app->kubeconfig, ".kube/config", cluster_kubeconfig, err);
}

static int run_talosconfig(struct app *app, void *options, const struct strv *args, struct error *err) {
        return print_config(app, options, app->talosconfig, ".talos/config", cluster_talosconfig, err);
}

const struct command command_kubeconfig = {
        .name = "kubeconfig",
        .summary = "print the admin kubeconfig, or merge it into a file",
        .arguments = "",
        .description = "The kubeconfig holds an administrator's key: keep what you print as private as the file is (0600). When its certificate has ended, or\n"
                       "ends within 30 days, a new one is made.",
        .examples = "  hcloud-v6 kubeconfig > kubeconfig\n  hcloud-v6 kubeconfig --merge\n"
                    "  hcloud-v6 kubeconfig --endpoint 'https://[2001:db8::1]:6443' > kubeconfig",
        .options = kubeconfig_options,
        .options_size = sizeof(struct configs),
        .run = run_kubeconfig,
};

const struct command command_talosconfig = {
        .name = "talosconfig",
        .summary = "print the talosconfig for talosctl, or merge it into a file",
        .arguments = "",
        .description = "The talosconfig holds an administrator's key: keep what you print as private as the file is (0600). When its certificate has ended, or\n"
                       "ends within 30 days, a new one is made.",
        .examples = "  hcloud-v6 talosconfig > talosconfig\n  hcloud-v6 talosconfig --merge\n"
                    "  hcloud-v6 talosconfig --endpoint 2001:db8::1 > talosconfig",
        .options = talosconfig_options,
        .options_size = sizeof(struct configs),
        .run = run_talosconfig,
};
