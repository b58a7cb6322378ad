/* hcloud-v6 image build, list, prune: the Talos snapshots that nodes are made from. */
#include <stdio.h>

#include "base/json.h"
#include "cli/app.h"
#include "cli/shape.h"
#include "cli/table.h"

/* ---- build ---- */

struct image_build {
        struct common_options common;
        struct shape_options shape;
        struct strv archs, extensions;
        const char *builder_ipv4, *image_url, *sha256;
        bool yes, dry_run, force;
};

static const char *const yes_no[] = { "yes", "no", NULL };
static const struct opt build_options[] = {
        { .name = "profile", .letter = 'p', .type = OPT_STRING, .offset = offsetof(struct image_build, shape.profile), .value_name = "NAME|FILE",
          .help = "the profile whose Talos version, extensions and locations are meant" },
        { .name = "talos", .type = OPT_STRING, .offset = offsetof(struct image_build, shape.talos), .value_name = "VERSION",
          .help = "Talos version instead of the profile's, e.g. v1.13.9" },
        { .name = "arch", .letter = 'a', .type = OPT_LIST, .offset = offsetof(struct image_build, archs), .value_name = "x86|arm",
          .help = "only this architecture; by default both" },
        { .name = "extension", .letter = 'e', .type = OPT_LIST, .offset = offsetof(struct image_build, extensions), .value_name = "NAME",
          .help = "add a Talos extension, e.g. siderolabs/qemu-guest-agent; may be given several times" },
        { .name = "location", .letter = 'l', .type = OPT_LIST, .offset = offsetof(struct image_build, shape.locations), .value_name = "NAME",
          .help = "where to build, in order of preference; a snapshot can be used everywhere" },
        { .name = "builder-ipv4", .type = OPT_STRING, .offset = offsetof(struct image_build, builder_ipv4), .value_name = "yes|no", .choices = yes_no,
          .help = "no: the builder has IPv6 only, and this machine fetches the image and sends it over SSH" },
        { .name = "image-url", .type = OPT_STRING, .offset = offsetof(struct image_build, image_url), .value_name = "FILE|URL",
          .help = "the disk image to write instead of the factory's (.raw, .xz, .zst, .gz); {arch} in it becomes amd64 or arm64" },
        { .name = "sha256", .type = OPT_STRING, .offset = offsetof(struct image_build, sha256), .value_name = "HEX",
          .help = "refuse an image with another checksum, packed or unpacked" },
        { .name = "force", .type = OPT_FLAG, .offset = offsetof(struct image_build, force), .help = "build even what is there already" },
        { .name = "yes", .letter = 'y', .type = OPT_FLAG, .offset = offsetof(struct image_build, yes),
          .help = "do not ask before things that cost money are made; needed without a terminal" },
        { .name = "dry-run", .type = OPT_FLAG, .offset = offsetof(struct image_build, dry_run),
          .help = "print the plan and change nothing; exit status 2 when there is something to do" },
        { .name = NULL },
};

static int confirm_build(struct app *app, const struct image_build *o, const struct plan *plan, struct error *err) {
        _cleanup_str_ char *cost = cluster_image_build_cost(app->cluster), *question = xasprintf("Build? It takes %s. [y/N]", cost ? cost : "a server");

        if (o->yes)
                return 0;
        if (!cost)               /* nothing is built, only what a killed build left goes */
                app_print_plan(app, plan);
        return app_confirm(app, cost ? question : "Do this? [y/N]", NULL, "--yes", err);
}

static void print_outcomes_json(const struct image_outcome *outcomes, size_t n) {
        json_t *list = json_array(), *o = json_object();

        for (size_t i = 0; i < n; i++) {
                json_t *j = json_object();
                jset_str(j, "arch", outcomes[i].arch);
                jset(j, "image", outcomes[i].image ? json_integer((json_int_t) outcomes[i].image) : json_null());
                json_array_append_new(list, j);
        }
        jset_str(o, "event", "images");
        jset(o, "images", list);
        app_print_json(o);
}

/* Of two, one may be there though the other failed; the next run makes what is missing. */
static void print_outcomes(struct app *app) {
        _cleanup_free_ struct image_outcome *outcomes = NULL;
        size_t n = cluster_image_outcomes(app->cluster, &outcomes);

        if (app_json(app)) {
                print_outcomes_json(outcomes, n);
                return;
        }
        for (size_t i = 0; n > 1 && i < n; i++)
                if (outcomes[i].image)
                        printf("%s: the image is there, snapshot %lld\n", outcomes[i].arch, (long long) outcomes[i].image);
                else
                        printf("%s: the image was not made\n", outcomes[i].arch);
}

static int print_built(struct app *app, size_t work) {
        _cleanup_str_ char *cost = cluster_image_build_cost(app->cluster);

        if (app_json(app)) {
                json_t *j = json_object();
                jset_str(j, "event", "result");
                jset(j, "changes", json_integer((json_int_t) work));
                jset(j, "api_calls", json_integer((json_int_t) cluster_call_count(app->cluster)));
                jset_str(j, "cost", cost);
                app_print_json(j);
        } else if (work) {
                printf("The image is there. %s\n  hcloud-v6 image list\n", cost ? cost : "");
        } else {
                printf("Nothing to do: the snapshots are there.\n  hcloud-v6 image list\n");
        }
        return 0;
}

static int run_build(struct app *app, void *options, const struct strv *args, struct error *err) {
        struct image_build *o = options;
        const struct image_build_options build = { .archs = &o->archs, .force = o->force, .image_url = o->image_url, .sha256 = o->sha256,
                                                   .no_ipv4 = str_eq(o->builder_ipv4, "no"), .dry_run = o->dry_run };
        _cleanup_(plan_freep) struct plan *plan = NULL;

        if (app_open(app, &o->shape, true, err) < 0)
                return -1;
        for (size_t i = 0; i < o->extensions.n; i++)
                if (!strv_has(&app->spec->schematic.extensions, o->extensions.items[i]))
                        strv_add(&app->spec->schematic.extensions, o->extensions.items[i]);
        if (cluster_plan_image_build(app->cluster, &build, &plan, err) < 0)
                return -1;
        size_t work = plan_work(plan);
        if (o->dry_run) {
                app_print_plan(app, plan);
                return work == 0 ? 0 : error_set(err, ERR_PENDING, "%zu steps would change something", work);
        }
        if (work && confirm_build(app, o, plan, err) < 0)
                return -1;
        int rc = work ? app_run(app, plan, err) : 0;
        if (work)
                print_outcomes(app);
        return rc < 0 ? -1 : print_built(app, work);
}

const struct command command_image_build = {
        .name = "image build",
        .summary = "make the Talos snapshots that nodes are made from",
        .arguments = "",
        .description = "Makes for each architecture a server of the smallest disk, starts it in Hetzner's rescue system, has it fetch the image of the\n"
                       "profile's Talos version and write it to its disk, makes a snapshot, and removes the server, its temporary IPv4 address and its\n"
                       "key again. A snapshot that is there already is not made twice; all clusters of the project share it. The key exists in memory\n"
                       "only; the rescue system's host key is trusted at first contact, since nobody vouches for it.",
        .examples = "  hcloud-v6 image build                                      both architectures\n"
                    "  hcloud-v6 image build --arch arm --extension siderolabs/qemu-guest-agent\n"
                    "  hcloud-v6 image build --arch x86 --image-url ./hcloud-amd64.raw.zst --sha256 376567…",
        .options = build_options,
        .options_size = sizeof(struct image_build),
        .run = run_build,
};

/* ---- list ---- */

struct image_list { struct common_options common; };

static void print_json(struct app *app, const struct cluster_images *l) {
        json_t *list = json_array(), *o = json_object();

        for (size_t i = 0; i < l->n; i++) {
                const struct cluster_image *m = &l->items[i];
                json_t *j = json_object();
                jset(j, "id", json_integer((json_int_t) m->id));
                jset_str(j, "talos", m->talos);
                jset_str(j, "arch", m->arch);
                jset_str(j, "status", m->status);
                jset_str(j, "schematic", m->schematic);
                jset_str(j, "sha256", m->sha256);
                _cleanup_str_ char *created = time_format_rfc3339(m->created);
                jset_str(j, "created", created);
                jset(j, "size_gb", json_real(m->size));
                jset(j, "disk_gb", json_real(m->disk));
                jset(j, "servers", json_integer((json_int_t) m->servers));
                jset(j, "ours", json_boolean(m->ours));
                json_array_append_new(list, j);
        }
        jset(o, "images", list);
        app_print_json(o);
}

static int run_list(struct app *app, void *options, const struct strv *args, struct error *err) {
        static const char *const header[] = { "ID", "TALOS", "ARCH", "STATUS", "SCHEMATIC", "SIZE", "SERVERS", "CREATED", NULL };
        struct cluster_images l = { 0 };
        _cleanup_table_ struct table t;

        if (app_open(app, NULL, true, err) < 0 || cluster_images(app->cluster, &l, err) < 0)
                return -1;
        table_init(&t, header);
        for (size_t i = 0; i < l.n; i++) {
                const struct cluster_image *m = &l.items[i];
                _cleanup_str_ char *created = time_format_rfc3339(m->created);
                table_row(&t);
                table_cellf(&t, "%lld", (long long) m->id);
                table_cell(&t, m->talos);
                table_cell(&t, m->arch);
                table_cell(&t, m->status);
                if (m->schematic)
                        table_cellf(&t, "%.12s…", m->schematic);
                else
                        table_cell(&t, NULL);
                table_cellf(&t, "%.2f GB", m->size);
                table_cellf(&t, "%zu", m->servers);
                table_cell(&t, created);
        }
        if (app_json(app))
                print_json(app, &l);
        else if (l.n)
                table_print(&t, stdout);
        else
                printf("The project has no Talos snapshots; hcloud-v6 image build makes them.\n");
        cluster_images_done(&l);
        return 0;
}

const struct command command_image_list = {
        .name = "image list",
        .summary = "show the project's Talos snapshots",
        .arguments = "",
        .description = "Lists all snapshots that carry the labels of a Talos image, also those of other tools, with the number of servers made from\n"
                       "each.",
        .examples = "  hcloud-v6 image list -o json",
        .options = (const struct opt[]) { { .name = NULL } },
        .options_size = sizeof(struct image_list),
        .run = run_list,
};

/* ---- prune ---- */

struct image_prune { struct common_options common; bool yes, dry_run, unused; };

static const struct opt prune_options[] = {
        { .name = "unused", .type = OPT_FLAG, .offset = offsetof(struct image_prune, unused),
          .help = "also every snapshot made by this program that no server was made from" },
        { .name = "yes", .letter = 'y', .type = OPT_FLAG, .offset = offsetof(struct image_prune, yes), .help = "do not ask" },
        { .name = "dry-run", .type = OPT_FLAG, .offset = offsetof(struct image_prune, dry_run),
          .help = "print what would go and remove nothing; exit status 2 when there is something" },
        { .name = NULL },
};

static int run_prune(struct app *app, void *options, const struct strv *args, struct error *err) {
        struct image_prune *o = options;
        _cleanup_(plan_freep) struct plan *plan = NULL;

        if (app_open(app, NULL, true, err) < 0 || cluster_plan_image_prune(app->cluster, o->unused, &plan, err) < 0)
                return -1;
        size_t work = plan_work(plan);
        if (o->dry_run || (work && !o->yes))
                app_print_plan(app, plan);
        if (o->dry_run)
                return work == 0 ? 0 : error_set(err, ERR_PENDING, "%zu things would be removed", work);
        if (work && ((!o->yes && app_confirm(app, "Remove these? [y/N]", NULL, "--yes", err) < 0) || app_run(app, plan, err) < 0))
                return -1;
        if (!app_json(app))
                printf("%zu removed.\n", work);
        return 0;
}

const struct command command_image_prune = {
        .name = "image prune",
        .summary = "remove what builds left behind, and superfluous snapshots",
        .arguments = "",
        .description = "Removes builders and keys that a build on this machine left behind when it was killed, those of other machines once their time is\n"
                       "over, and snapshots that a newer one of the same Talos version, architecture and extensions replaces. Snapshots that a server\n"
                       "was made from, and those of other tools, stay.",
        .examples = "  hcloud-v6 image prune --dry-run\n  hcloud-v6 image prune --unused --yes",
        .options = prune_options,
        .options_size = sizeof(struct image_prune),
        .run = run_prune,
};
