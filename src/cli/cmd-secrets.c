/* hcloud-v6 secrets create, export and import: the bundle that cannot be read back from anywhere, in the form that other programs share. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "cli/app.h"
#include "cli/input.h"
#include "cluster/offline.h"

struct secrets {
        struct common_options common;
        bool passphrase;
};

static const struct opt export_options[] = { { .name = NULL } };

static const struct opt new_options[] = {
        { .name = "passphrase", .type = OPT_FLAG, .offset = offsetof(struct secrets, passphrase),
          .help = "seal the vault with a passphrase instead of a key file" },
        { .name = NULL },
};

static int open_named(struct app *app, bool passphrase, struct error *err) {
        app->passphrase = passphrase;
        return app_open(app, NULL, false, err);
}

static int run_create(struct app *app, void *options, const struct strv *args, struct error *err) {
        int r = open_named(app, ((struct secrets *) options)->passphrase, err);

        r = r < 0 ? r : cluster_secrets_import(app->cluster, NULL, NULL, 0, err);
        if (r >= 0)
                printf("made the secrets of cluster '%s'\n", cluster_name(app->cluster));
        return r;
}

static int run_import(struct app *app, void *options, const struct strv *args, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        size_t len;
        int r = open_named(app, ((struct secrets *) options)->passphrase, err);

        r = r < 0 ? r : input_read(args->items[0], &text, &len, err);
        r = r < 0 ? r : cluster_secrets_import(app->cluster, args->items[0], text, len, err);
        if (r >= 0)
                printf("cluster '%s' has these secrets now; %s is not needed any more, and is readable by whoever can read the file\n",
                       cluster_name(app->cluster), str_eq(args->items[0], "-") ? "standard input" : args->items[0]);
        return r;
}

static int run_export(struct app *app, void *options, const struct strv *args, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        const char *to = args->n > 0 ? args->items[0] : NULL;
        int r;

        if (!to && isatty(STDOUT_FILENO)) {
                error_set(err, ERR_USAGE, "the keys of the whole cluster are not shown on a terminal");
                return error_hint(err, "hcloud-v6 secrets export FILE, or a pipe");
        }
        r = open_named(app, false, err);
        r = r < 0 ? r : cluster_secrets_export(app->cluster, &text, err);
        if (r < 0)
                return r;
        if (!to || str_eq(to, "-")) {
                fputs(text, stdout);
                return 0;
        }
        if (file_exists(to))
                return error_set(err, ERR_EXISTS, "%s exists and is not overwritten", to);
        return file_write_atomic(to, text, strlen(text), 0600, err);
}

const struct command command_secrets_create = {
        .name = "secrets create", .summary = "make the secrets of a new cluster, before up does", .arguments = "",
        .description = "`up` makes them when it needs them. Made earlier they can be exported, and configs can be rendered from them.",
        .examples = "  hcloud-v6 secrets create --cluster team",
        .options = new_options, .options_size = sizeof(struct secrets), .run = run_create,
};

const struct command command_secrets_export = {
        .name = "secrets export", .summary = "write the secrets bundle as talosctl's secrets.yaml", .arguments = "[FILE]", .max_args = 1,
        .description = "Writes FILE with mode 0600, or standard output when that is no terminal. Whoever has the bundle has the cluster: it holds the keys\n"
                       "of all certificate authorities. `talosctl gen config --with-secrets` reads it, as talhelper and topf do.",
        .examples = "  hcloud-v6 secrets export secrets.yaml\n  hcloud-v6 secrets export | age -r … > secrets.yaml.age",
        .options = export_options, .options_size = sizeof(struct secrets), .run = run_export,
};

const struct command command_secrets_import = {
        .name = "secrets import", .summary = "begin a cluster with a secrets bundle that another program made", .arguments = "FILE", .min_args = 1, .max_args = 1,
        .description = "FILE (- is standard input) is a secrets.yaml of `talosctl gen secrets` or topf, a talsecret.yaml of talhelper, or the machine_secrets\n"
                       "of the Terraform provider as JSON; what SOPS encrypted is decrypted first. Every certificate must be an authority and every\n"
                       "key its certificate's. Secrets that a cluster has already are never replaced.",
        .examples = "  hcloud-v6 secrets import secrets.yaml --cluster team\n  sops -d talsecret.sops.yaml | hcloud-v6 secrets import -\n"
                    "  terraform output -json machine_secrets | hcloud-v6 secrets import -",
        .options = new_options, .options_size = sizeof(struct secrets), .run = run_import,
};
