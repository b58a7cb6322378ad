/* hcloud-v6 config render, patch and validate: machine configs without a cloud. */
#include <libgen.h>
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/secret.h"
#include "cli/app.h"
#include "cli/input.h"
#include "cli/shape.h"
#include "cluster/offline.h"
#include "talos/config.h"
#include "talos/patch.h"
#include "talos/tree.h"

/* ---- render ---- */

struct render {
        struct common_options common;
        struct shape_options shape;
        const char *endpoint, *target;
        struct strv nodes;
};

static const char *const targets[] = { "talos", "kubeadm", NULL };

static const struct opt render_options[] = {
        SHAPE_OPTIONS(struct render),
        { .name = "endpoint", .letter = 'e', .type = OPT_STRING, .offset = offsetof(struct render, endpoint), .value_name = "URL",
          .help = "the Kubernetes API as nodes and people reach it, e.g. https://[2001:db8::1]:6443" },
        { .name = "node", .type = OPT_LIST, .offset = offsetof(struct render, nodes), .value_name = "NAME=ADDRESS",
          .help = "a node whose IPv6 address is known gets a file of its own; may be given several times" },
        { .name = "for", .type = OPT_STRING, .offset = offsetof(struct render, target), .value_name = "talos|kubeadm", .choices = targets,
          .help = "machine configs (default), or files for kubeadm, systemd-resolved, systemd-timesyncd and sysctl.d" },
        { .name = NULL },
};

static int write_file(const char *dir, const struct rendered_file *f, struct error *err) {
        _cleanup_str_ char *path = path_join(dir, f->name), *copy = xstrdup(path);

        if (dir_make(dirname(copy), 0700, err) < 0)
                return -1;
        return file_write_atomic(path, f->text, strlen(f->text), 0600, err);
}

static void print_files(const struct app *app, const char *dir, const struct rendered *files) {
        json_t *list = json_array();

        for (size_t i = 0; i < files->n; i++) {
                _cleanup_str_ char *path = path_join(dir, files->items[i].name);
                if (app_json(app))
                        json_array_append_new(list, json_string(path));
                else
                        printf("%s\n", path);
        }
        if (app_json(app))
                app_print_json(json_pack("{s:O}", "files", list));
        json_decref(list);
}

static int run_render(struct app *app, void *options, const struct strv *args, struct error *err) {
        const struct render *o = options;
        bool kubeadm = str_eq(o->target, "kubeadm");
        /* kubeadm's files hold no secret, so none have to exist. */
        const struct render_options how = { .endpoint = o->endpoint, .addresses = &o->nodes, .kubeadm = kubeadm, .throwaway_secrets = kubeadm };
        struct rendered files = { 0 };
        int r;

        if (!o->endpoint) {
                error_set(err, ERR_USAGE, "every config names the Kubernetes API, and which address that has is not known offline");
                return error_hint(err, "give --endpoint https://[ADDRESS]:6443");
        }
        r = app_open(app, &o->shape, false, err);
        r = r < 0 ? r : cluster_render(app->cluster, &how, &files, err);
        for (size_t i = 0; r >= 0 && i < files.n; i++)
                r = write_file(args->items[0], &files.items[i], err);
        if (r >= 0)
                print_files(app, args->items[0], &files);
        rendered_done(&files);
        return r;
}

/* ---- patch ---- */

struct patch {
        struct common_options common;
        struct strv patches;
};

static const struct opt patch_options[] = {
        { .name = "patch", .type = OPT_LIST, .offset = offsetof(struct patch, patches), .value_name = "FILE",
          .help = "a strategic merge patch; may be given several times, they are applied in this order" },
        { .name = NULL },
};

static int apply_file(struct yaml_docs *config, const char *path, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        size_t len;

        if (input_read(path, &text, &len, err) < 0)
                return -1;
        return talos_patch_apply(config, path, text, len, err);
}

static int run_patch(struct app *app, void *options, const struct strv *args, struct error *err) {
        const struct patch *o = options;
        _cleanup_(tree_docs_free_secret) struct yaml_docs config = { 0 };
        _cleanup_secret_ char *text = NULL, *out = NULL;
        size_t len;

        if (input_read(args->items[0], &text, &len, err) < 0 || yaml_parse(args->items[0], text, len, &config, err) < 0)
                return -1;
        for (size_t i = 0; i < o->patches.n; i++)
                if (apply_file(&config, o->patches.items[i], err) < 0)
                        return -1;
        out = talos_config_write(&config);
        fputs(out, stdout);
        return 0;
}

/* ---- validate ---- */

struct validate {
        struct common_options common;
        struct shape_options shape;
        struct strv charts;
};

static const struct opt validate_options[] = {
        SHAPE_OPTIONS(struct validate),
        { .name = "chart", .type = OPT_LIST, .offset = offsetof(struct validate, charts), .value_name = "FILE",
          .help = "compare the add-ons' values with this chart archive, of any version, instead of fetching the chart; may be given several times" },
        { .name = NULL },
};

static int run_validate(struct app *app, void *options, const struct strv *args, struct error *err) {
        struct validate *o = options;
        int r;

        if (args->n > 0 && o->shape.profile)
                return error_set(err, ERR_USAGE, "two profiles are named: '%s' and '%s'", args->items[0], o->shape.profile);
        if (args->n > 0)
                o->shape.profile = args->items[0];
        r = app_open(app, &o->shape, false, err);
        r = r < 0 ? r : cluster_validate(app->cluster, err);
        r = r < 0 ? r : cluster_check_values(app->cluster, &o->charts, err);
        if (r < 0)
                return r;
        if (app_json(app))
                app_print_json(json_pack("{s:b, s:s, s:I}", "valid", true, "cluster", app->spec->name, "nodes", (json_int_t) cluster_spec_nodes(app->spec)));
        else
                printf("%s is a valid profile: cluster '%s', %lld nodes, Talos %s, Kubernetes %s\n", app->spec->source, app->spec->name,
                       (long long) cluster_spec_nodes(app->spec), app->spec->talos, app->spec->kubernetes);
        return 0;
}

/* ---- values ---- */

struct values {
        struct common_options common;
        struct shape_options shape;
};

static const struct opt values_options[] = { SHAPE_OPTIONS(struct values), { .name = NULL } };

static int run_values(struct app *app, void *options, const struct strv *args, struct error *err) {
        struct values *o = options;
        _cleanup_str_ char *text = NULL;
        int r = app_open(app, &o->shape, false, err);

        r = r < 0 ? r : cluster_chart_values(app->cluster, args->n > 0 ? args->items[0] : "cilium", &text, err);
        if (r >= 0)
                fputs(text, stdout);
        return r;
}

const struct command command_config_values = {
        .name = "config values", .summary = "print the Helm values that an add-on is installed with", .arguments = "[ADD-ON]", .max_args = 1,
        .description = "ADD-ON is cilium when it is not given. For Cilium these are the built-in values with the profile's laid over them: what a later\n"
                       "`helm upgrade` by hand has to be given.",
        .examples = "  hcloud-v6 config values > cilium-values.yaml\n"
                    "  hcloud-v6 config values --profile ./team.yaml metrics-server",
        .options = values_options, .options_size = sizeof(struct values), .run = run_values,
};

const struct command command_config_render = {
        .name = "config render", .summary = "write the machine configs that up would push, without a cloud", .arguments = "DIR", .min_args = 1, .max_args = 1,
        .description = "Writes controlplane.yaml and worker.yaml below DIR, and a file of its own for each node that --node gives an address. The files\n"
                       "hold the cluster's secrets (mode 0600), which must exist: hcloud-v6 secrets create or import.\n"
                       "With --for kubeadm: the same cluster for an ordinary Linux, a folder a role. TOKEN, HASH and CERTIFICATE-KEY in its files are what\n"
                       "`kubeadm init --upload-certs` prints.",
        .examples = "  hcloud-v6 config render configs --endpoint 'https://[2001:db8::1]:6443'\n"
                    "  hcloud-v6 config render configs -e 'https://[2001:db8::1]:6443' --node default-control-plane-1=2001:db8::1\n"
                    "  hcloud-v6 config render ubuntu -p blog -e https://k8s.example.org:6443 --for kubeadm",
        .options = render_options, .options_size = sizeof(struct render), .run = run_render,
};

const struct command command_config_patch = {
        .name = "config patch", .summary = "print a machine config with patches laid over it", .arguments = "FILE", .min_args = 1, .max_args = 1,
        .description = "Strategic merge as Talos does it: mappings merge, scalars replace, lists append but for Talos' exceptions, `$patch: delete`\n"
                       "removes. FILE or a patch may be -, standard input.",
        .examples = "  hcloud-v6 config patch controlplane.yaml --patch all.yaml --patch controlplane-patch.yaml",
        .options = patch_options, .options_size = sizeof(struct patch), .run = run_patch,
};

const struct command command_config_validate = {
        .name = "config validate", .summary = "check a profile, its patches and the configs made from it, without a cloud", .arguments = "[PROFILE]", .max_args = 1,
        .description = "Reads the profile and every file it names, makes the machine config of every pool, applies the patches, checks the result by Talos'\n"
                       "rules and against Hetzner's limit for user_data. Values of add-ons that their charts do not know are warned of; for that charts are fetched,\n"
                       "if they can be. Whether types, locations and the snapshot exist is known to the cloud alone.",
        .examples = "  hcloud-v6 config validate ./team.yaml\n"
                    "  hcloud-v6 config validate ./team.yaml --chart cilium-1.20.2.tgz",
        .options = validate_options, .options_size = sizeof(struct validate), .run = run_validate,
};
