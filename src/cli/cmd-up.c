/* hcloud-v6 up: make the cluster so, from anything. */
#include <stdio.h>

#include "base/json.h"
#include "cli/app.h"
#include "cli/gates.h"
#include "cli/shape.h"
#include "cli/term.h"

struct up {
        struct common_options common;
        struct shape_options shape;
        bool yes, dry_run, smoke, no_image_build, no_firewall_change, forget_operators, passphrase;
};

static const struct opt options[] = {
        SHAPE_OPTIONS(struct up),
        { .name = "yes", .letter = 'y', .type = OPT_FLAG, .offset = offsetof(struct up, yes),
          .help = "do not ask before things that cost money are made; needed without a terminal" },
        { .name = "dry-run", .type = OPT_FLAG, .offset = offsetof(struct up, dry_run),
          .help = "print the plan and change nothing; exit status 2 when there is something to do" },
        { .name = "smoke", .type = OPT_FLAG, .offset = offsetof(struct up, smoke), .help = "run the smoke test at the end" },
        { .name = "no-image-build", .type = OPT_FLAG, .offset = offsetof(struct up, no_image_build),
          .help = "refuse when the project has no Talos snapshot, rather than build one" },
        { .name = "no-firewall-change", .type = OPT_FLAG, .offset = offsetof(struct up, no_firewall_change),
          .help = "fail rather than add this machine's /64 to the cluster's firewall" },
        { .name = "forget-operators", .type = OPT_FLAG, .offset = offsetof(struct up, forget_operators),
          .help = "take other operators' prefixes out of the firewall" },
        { .name = "passphrase", .type = OPT_FLAG, .offset = offsetof(struct up, passphrase),
          .help = "seal a new vault with a passphrase instead of a key file" },
        { .name = NULL },
};

static int confirm_cost(struct app *app, const struct up *o, struct error *err) {
        struct cost all = { 0 }, fresh = { 0 };
        _cleanup_str_ char *text = NULL, *new_text = NULL, *image_text = NULL, *question = NULL;
        int r = cluster_cost(app->cluster, &all, &fresh, err);

        if (r < 0)
                return r;
        text = cost_text(&all);
        new_text = cost_text(&fresh);
        image_text = cluster_image_build_cost(app->cluster);
        if (app_json(app)) {
                json_t *j = json_object();
                jset_str(j, "event", "cost");
                jset_str(j, "total", text);
                jset_str(j, "new", new_text);
                jset_str(j, "image", image_text);
                app_print_json(j);
        } else {
                for (size_t i = 0; i < all.n; i++)
                        fprintf(stderr, "  %lld x %s\n", (long long) all.lines[i].count, all.lines[i].what);
                fprintf(stderr, "  the cluster will cost %s\n", text);
                if (fresh.total.hour != all.total.hour)
                        fprintf(stderr, "  of that new: %s\n", new_text);
                if (image_text)
                        fprintf(stderr, "  first a Talos snapshot is made: %s\n", image_text);
        }
        question = xasprintf("Go on? It will cost %s. [y/N]", text);
        r = o->yes || fresh.total.hour == 0 ? 0 : app_confirm(app, question, NULL, "--yes", err);
        cost_done(&all);
        cost_done(&fresh);
        return r;
}

static void print_summary(struct app *app) {
        const struct strv *notes = cluster_notes(app->cluster);

        gates_print(app, cluster_gates(app->cluster));
        if (app_json(app))
                return;
        for (size_t i = 0; notes && i < notes->n; i++)
                fprintf(stderr, "note: %s\n", notes->items[i]);
        printf("%s%s is up.%s\n", term_on(stdout, COLOUR_GREEN), cluster_name(app->cluster), term_off(stdout));
        if (app->kubeconfig)
                printf("  kubectl get nodes          (context merged into %s)\n", app->kubeconfig);
        else
                printf("  hcloud-v6 kubeconfig --cluster %s > kubeconfig; KUBECONFIG=kubeconfig kubectl get nodes\n", cluster_name(app->cluster));
        printf("  hcloud-v6 status --cluster %s\n  hcloud-v6 destroy --cluster %s\n", cluster_name(app->cluster), cluster_name(app->cluster));
}

static void print_result(struct app *app, size_t changes) {
        json_t *o;

        if (!app_json(app)) {
                print_summary(app);
                return;
        }
        gates_print(app, cluster_gates(app->cluster));
        o = json_object();
        jset_str(o, "event", "result");
        jset_str(o, "cluster", cluster_name(app->cluster));
        jset(o, "changes", json_integer((json_int_t) changes));
        jset(o, "api_calls", json_integer((json_int_t) cluster_call_count(app->cluster)));
        app_print_json(o);
}

static int run(struct app *app, void *options_struct, const struct strv *args, struct error *err) {
        struct up *o = options_struct;
        const struct up_options up = { .dry_run = o->dry_run, .smoke = o->smoke, .no_image_build = o->no_image_build };
        _cleanup_(plan_freep) struct plan *plan = NULL;
        size_t work;
        int r;

        app->no_firewall_change = o->no_firewall_change;
        app->forget_operators = o->forget_operators;
        app->passphrase = o->passphrase;
        r = app_open(app, &o->shape, true, err);
        if (r < 0)
                return r;
        r = cluster_plan_up(app->cluster, &up, &plan, err);
        if (r < 0)
                return r;
        work = plan_work(plan);
        if (o->dry_run) {
                app_print_plan(app, plan);
                return work == 0 ? 0 : error_set(err, ERR_PENDING, "%zu steps would change something", work);
        }
        r = work == 0 ? 0 : confirm_cost(app, o, err);
        if (r < 0)
                return r;
        r = app_run(app, plan, err);
        if (r < 0) {
                gates_print(app, cluster_gates(app->cluster));
                return r;
        }
        print_result(app, work);
        return 0;
}

const struct command command_up = {
        .name = "up",
        .summary = "make the cluster so: from nothing, from half of it, or from a finished one",
        .arguments = "",
        .description = "Reads what is there, prints what it will cost, asks, and makes what is missing: an IPv6-only Kubernetes cluster\n"
                       "of Talos Linux servers with Cilium and the Talos Cloud Controller Manager. Run it again after anything went\n"
                       "wrong: it goes on where it was. It never removes a node.",
        .examples = "  hcloud-v6 up --nodes 3                         one control plane, two workers\n"
                    "  hcloud-v6 up --nodes 5 --control-planes 3      three control planes, two workers\n"
                    "  hcloud-v6 up -p ./team.yaml --dry-run          what a profile would change",
        .options = options,
        .options_size = sizeof(struct up),
        .run = run,
};
