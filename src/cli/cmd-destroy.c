/* hcloud-v6 destroy: remove all of it, and prove that nothing is left. */
#include <stdio.h>

#include "base/json.h"
#include "cli/app.h"
#include "cli/table.h"

struct destroy {
        struct common_options common;
        bool yes, dry_run, volumes, load_balancers, forget;
};

static const struct opt options[] = {
        { .name = "yes", .letter = 'y', .type = OPT_FLAG, .offset = offsetof(struct destroy, yes),
          .help = "do not ask for the cluster's name; needed without a terminal" },
        { .name = "dry-run", .type = OPT_FLAG, .offset = offsetof(struct destroy, dry_run),
          .help = "show what would be removed; exit status 2 when there is something" },
        { .name = "volumes", .type = OPT_FLAG, .offset = offsetof(struct destroy, volumes),
          .help = "remove the volumes too that the cluster made for its pods, with the data on them" },
        { .name = "load-balancers", .type = OPT_FLAG, .offset = offsetof(struct destroy, load_balancers),
          .help = "remove the load balancers too that the cluster made" },
        { .name = "forget", .type = OPT_FLAG, .offset = offsetof(struct destroy, forget),
          .help = "put the vault of a cluster aside that was destroyed elsewhere; asks the cloud nothing" },
        { .name = NULL },
};

static void print_found(struct app *app, const struct destroy_view *v) {
        static const char *const header[] = { "KIND", "NAME", "ID", "DETAIL", "THEN", NULL };
        _cleanup_table_ struct table t = { 0 };
        _cleanup_str_ char *cost = NULL;

        if (app_json(app)) {
                for (size_t i = 0; i < v->n; i++) {
                        json_t *o = json_object();
                        jset_str(o, "event", "found");
                        jset_str(o, "kind", v->items[i].kind);
                        jset_str(o, "name", v->items[i].name);
                        jset(o, "id", json_integer(v->items[i].id));
                        jset(o, "kept", json_boolean(v->items[i].kept));
                        app_print_json(o);
                }
                return;
        }
        if (v->n == 0)
                return;
        table_init(&t, header);
        for (size_t i = 0; i < v->n; i++) {
                table_row(&t);
                table_cell(&t, v->items[i].kind);
                table_cell(&t, v->items[i].name);
                table_cellf(&t, "%lld", (long long) v->items[i].id);
                table_cell(&t, v->items[i].detail);
                table_cell(&t, v->items[i].kept ? "kept" : "will be removed");
        }
        table_print(&t, stderr);
        cost = cost_text(&v->cost);
        fprintf(stderr, "it costs %s\n", cost);
}

static int confirm(struct app *app, const struct destroy *o, const struct destroy_view *v, struct error *err) {
        _cleanup_str_ char *question = NULL;

        if (o->yes || v->n_delete == 0)
                return 0;
        question = xasprintf("%zu objects will be removed for good. Type the cluster's name '%s' to go on:", v->n_delete, cluster_name(app->cluster));
        return app_confirm(app, question, cluster_name(app->cluster), "--yes", err);
}

/* Lists every kind once more, whatever the run said. why: what it said of the first that stayed, or NULL. */
static int print_left(struct app *app, const char *why, struct error *err) {
        struct left_view left = { 0 };
        int r = cluster_left(app->cluster, &left, err);

        if (r < 0)
                return error_wrap(err, "looking whether anything is left");
        if (app_json(app)) {
                json_t *o = json_object();
                jset_str(o, "event", "result");
                jset_str(o, "cluster", cluster_name(app->cluster));
                jset(o, "left", json_integer((json_int_t) left.n));
                jset(o, "api_calls", json_integer((json_int_t) cluster_call_count(app->cluster)));
                app_print_json(o);
        } else {
                for (size_t i = 0; i < left.items.n; i++)
                        fprintf(stderr, "  left: %s\n", left.items.items[i]);
                printf("%s: %zu left\n", cluster_name(app->cluster), left.n);
        }
        if (left.n > 0) {
                r = error_set(err, ERR_PARTIAL, "%zu objects of '%s' are left%s%s", left.n, cluster_name(app->cluster), why ? ": " : "", why ? why : "");
                error_hint(err, "hcloud-v6 destroy --cluster %s once more; what stays after that is protected or used by something else",
                           cluster_name(app->cluster));
        }
        left_view_done(&left);
        return r;
}

static int run(struct app *app, void *options_struct, const struct strv *args, struct error *err) {
        struct destroy *o = options_struct;
        const struct destroy_options d = { .dry_run = o->dry_run, .volumes = o->volumes, .load_balancers = o->load_balancers };
        _cleanup_(destroy_view_done) struct destroy_view view = { 0 };
        _cleanup_(plan_freep) struct plan *plan = NULL;
        int r;

        r = app_open(app, NULL, !o->forget, err);
        if (r < 0)
                return r;
        if (o->forget) {
                r = cluster_forget(app->cluster, err);
                if (r >= 0)
                        printf("%s: the vault was put aside\n", cluster_name(app->cluster));
                return r;
        }
        r = cluster_plan_destroy(app->cluster, &d, &view, &plan, err);
        if (r < 0)
                return r;
        print_found(app, &view);
        if (o->dry_run) {
                app_print_plan(app, plan);
                return plan_work(plan) == 0 ? 0 : error_set(err, ERR_PENDING, "%zu objects would be removed", view.n_delete);
        }
        r = confirm(app, o, &view, err);
        if (r < 0)
                return r;
        _cleanup_error_ struct error partial = ERROR_INIT;
        r = app_run(app, plan, &partial);
        if (r < 0 && partial.kind != ERR_PARTIAL)
                return error_move(err, &partial);
        return print_left(app, r < 0 ? error_text(&partial) : NULL, err);
}

const struct command command_destroy = {
        .name = "destroy",
        .summary = "remove all of the cluster, and prove that nothing is left",
        .arguments = "",
        .description = "Finds everything that carries the cluster's label, shows it with what it costs, asks for the cluster's name, removes it\n"
                       "in the right order, and lists every kind of resource again. It needs neither the cluster nor its secrets, and may be\n"
                       "run twice. Volumes and load balancers that the cluster made for itself are shown and kept unless you say otherwise.",
        .examples = "  hcloud-v6 destroy\n  hcloud-v6 destroy --cluster demo --volumes --yes",
        .options = options,
        .options_size = sizeof(struct destroy),
        .run = run,
};
