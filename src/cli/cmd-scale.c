/* hcloud-v6 scale: nodes by hand, or one tick of the scaler. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/app.h"
#include "cli/scale-timer.h"
#include "cli/term.h"
#include "scaler/hand.h"
#include "scaler/metrics.h"
#include "scaler/tick.h"

struct scale {
        struct common_options common;
        struct shape_options shape;
        const char *pool, *record, *replay, *metrics;
        struct opt_int count, drain_timeout, every;
        struct strv nodes;
        bool tick, yes, dry_run, force, no_firewall_change, install_timer, remove_timer;
};

#define AT(field) .offset = offsetof(struct scale, field)

static const struct opt options[] = {
        { .name = "pool", .type = OPT_STRING, AT(pool), .value_name = "NAME", .help = "the pool to change by hand" },
        { .name = "count", .type = OPT_INTEGER, AT(count), .value_name = "N", .min = 0, .max = SPEC_NODES_MAX, .help = "how many nodes it shall have" },
        { .name = "node", .type = OPT_LIST, AT(nodes), .value_name = "NAME", .help = "take away this node; may be given several times" },
        { .name = "force", .type = OPT_FLAG, AT(force), .help = "by hand: also take away nodes with pods that nobody starts again elsewhere" },
        { .name = "auto", .type = OPT_FLAG, AT(tick), .help = "one tick of the scaler: decide, act, one line, exit" },
        { .name = "record", .type = OPT_STRING, AT(record), .value_name = "FILE", .help = "with --auto: write what the decision was made from; no secrets" },
        { .name = "replay", .type = OPT_STRING, AT(replay), .value_name = "FILE", .help = "with --auto: decide again from such a file; no network, nothing is done" },
        { .name = "metrics", .type = OPT_STRING, AT(metrics), .value_name = "FILE", .help = "with --auto: write Prometheus metrics for node_exporter's textfile collector" },
        { .name = "drain-timeout", .type = OPT_INTEGER, AT(drain_timeout), .value_name = "SECONDS", .min = 1, .max = 86400,
          .help = "how long pods may take to leave: 300 a tick, 600 by hand" },
        { .name = "dry-run", .type = OPT_FLAG, AT(dry_run), .help = "say what would be done and change nothing; exit status 2 when there is something" },
        { .name = "yes", .letter = 'y', .type = OPT_FLAG, AT(yes), .help = "by hand: do not ask; needed without a terminal" },
        { .name = "install-timer", .type = OPT_FLAG, AT(install_timer), .help = "let your systemd run --auto with these options" },
        { .name = "remove-timer", .type = OPT_FLAG, AT(remove_timer), .help = "take that timer away" },
        { .name = "every", .type = OPT_INTEGER, AT(every), .value_name = "SECONDS", .min = 20, .max = 3600, .help = "with --install-timer: pause between ticks, 60" },
        { .name = "profile", .letter = 'p', .type = OPT_STRING, AT(shape.profile), .value_name = "NAME|FILE", .help = "the profile that up was given" },
        { .name = "location", .letter = 'l', .type = OPT_LIST, AT(shape.locations), .value_name = "NAME", .help = "locations in order of preference, as given to up" },
        { .name = "type", .letter = 't', .type = OPT_LIST, AT(shape.types), .value_name = "NAME", .help = "server types in order of preference, as given to up" },
        { .name = "talos", .type = OPT_STRING, AT(shape.talos), .value_name = "VERSION", .help = "Talos version of new nodes" },
        { .name = "kubernetes", .type = OPT_STRING, AT(shape.kubernetes), .value_name = "VERSION", .help = "Kubernetes version of new nodes" },
        { .name = "network", .type = OPT_STRING, AT(shape.network), .value_name = "private|none", .help = "as given to up" },
        { .name = "ipv4", .type = OPT_FLAG, AT(shape.ipv4), .help = "as given to up" },
        { .name = "no-firewall-change", .type = OPT_FLAG, AT(no_firewall_change), .help = "fail rather than add this machine's /64 to the cluster's firewall" },
        { .name = NULL },
};

/* ---- one tick ---- */

static int tick_result(struct app *app, const struct scale *o, const struct tick_report *r, const char *cluster) {
        if (!r->decided)
                return 0;
        if (app_json(app)) {
                app_print_json(tick_json(r, cluster, o->dry_run));
                return 0;
        }
        _cleanup_str_ char *line = tick_line(r, cluster, o->dry_run), *clean = term_clean(line);
        printf("%s\n", clean);
        fflush(stdout);
        return 0;
}

static int replay(struct app *app, const struct scale *o, struct error *err) {
        struct tick_report r = { 0 };
        int rc = tick_replay(o->replay, &r, err);
        if (rc >= 0)
                tick_result(app, o, &r, NULL);
        if (rc >= 0 && o->dry_run && r.pending)
                rc = error_set(err, ERR_PENDING, "something would be done");
        tick_report_done(&r);
        return rc;
}

/* A log has one line a tick: what to do about a held lock is to wait for the next. */
static void shorten(struct error *err) {
        if (err->kind != ERR_LOCKED)
                return;
        free(err->hint);
        err->hint = NULL;
}

static int tick(struct app *app, const struct scale *o, struct error *err) {
        struct tick_report r = { 0 };
        struct plan_observer observer = { 0 };
        bool watched = !app_json(app) && term_is_live(stderr);
        if (app_open(app, &o->shape, true, err) < 0)
                return -1;
        if (watched)
                observer = progress_observer(app_progress(app));
        struct tick_options t = { .dry_run = o->dry_run, .record = o->record, .drain_ms = o->drain_timeout.value * 1000, .observer = watched ? &observer : NULL };
        int rc = tick_run(app->cluster, &t, &r, err);
        if (app->progress)
                progress_stop(app->progress);
        tick_result(app, o, &r, cluster_name(app->cluster));
        /* A held lock says nothing of the cluster: the holder's tick writes the metrics. */
        if (o->metrics && !o->dry_run && (rc >= 0 || err->kind != ERR_LOCKED)) {
                _cleanup_error_ struct error e = ERROR_INIT;
                if (metrics_write(o->metrics, cluster_name(app->cluster), &r, rc < 0 ? error_exit_code(err->kind) : 0, &e) < 0) {
                        if (rc >= 0)
                                rc = error_move(err, &e);
                        else
                                progress_say(app_progress(app), "warning", error_text(&e));
                }
        }
        if (rc < 0)
                shorten(err);
        else if (o->dry_run && r.pending)
                rc = error_set(err, ERR_PENDING, "something would be done");
        tick_report_done(&r);
        return rc;
}

/* ---- by hand ---- */

static void show(struct app *app, const struct hand *h) {
        if (app_json(app)) {
                json_t *going = json_array();
                for (size_t i = 0; i < h->n; i++)
                        json_array_append_new(going, json_pack("{s:s, s:I}", "node", h->nodes[i].name, "pods", (json_int_t) h->nodes[i].pods));
                app_print_json(json_pack("{s:s, s:s, s:I, s:I, s:o}", "event", "scale", "pool", h->pool, "have", (json_int_t) h->have, "want", (json_int_t) h->want, "going",
                                         going));
                return;
        }
        fprintf(stderr, "pool '%s': %lld node%s now, %lld wanted\n", h->pool, (long long) h->have, h->have == 1 ? "" : "s", (long long) h->want);
        for (size_t i = 0; i < h->n; i++) {
                const struct hand_node *n = &h->nodes[i];
                fprintf(stderr, "  %s goes: %zu pod%s to move%s%s\n", n->name, n->pods, n->pods == 1 ? "" : "s", n->begun ? ", its drain has begun already" : "",
                        n->healthy ? "" : ", it is not Ready");
        }
}

static int confirm(struct app *app, const struct scale *o, const struct hand *h, struct error *err) {
        struct cost all = { 0 }, fresh = { 0 };
        _cleanup_str_ char *question = NULL;
        if (o->yes)
                return 0;
        if (h->n)
                question = xasprintf("Drain and remove %zu node%s for good? [y/N]", h->n, h->n == 1 ? "" : "s");
        if (h->want > h->have) {
                if (cluster_cost(app->cluster, &all, &fresh, err) < 0)
                        return -1;
                _cleanup_str_ char *text = cost_text(&fresh);
                question = xasprintf("Go on? The new nodes will cost %s. [y/N]", text);
                cost_done(&all);
                cost_done(&fresh);
        }
        return question ? app_confirm(app, question, NULL, "--yes", err) : 0;
}

static void done(struct app *app, const struct hand *h, size_t work) {
        const struct strv *notes = cluster_notes(app->cluster);
        int64_t have = cluster_pool_size(app->cluster, h->pool);
        if (app_json(app)) {
                app_print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "event", "result", "cluster", cluster_name(app->cluster), "pool", h->pool, "nodes",
                                         (json_int_t) have, "changes", (json_int_t) work, "api_calls", (json_int_t) cluster_call_count(app->cluster)));
                return;
        }
        for (size_t i = 0; i < notes->n; i++)
                fprintf(stderr, "note: %s\n", notes->items[i]);
        printf("pool '%s' has %lld node%s%s\n", h->pool, (long long) have, have == 1 ? "" : "s", work ? "" : "; nothing to do");
}

static int run_plan(struct app *app, const struct scale *o, struct hand *h, struct error *err) {
        _cleanup_(plan_freep) struct plan *plan = NULL;
        if (hand_plan(h, &plan, err) < 0)
                return -1;
        size_t work = plan_work(plan);
        if (o->dry_run) {
                if (!app_json(app))
                        show(app, h);
                app_print_plan(app, plan);
                return work == 0 ? 0 : error_set(err, ERR_PENDING, "%zu steps would change something", work);
        }
        if (work)
                show(app, h);
        if (work && (confirm(app, o, h, err) < 0 || app_run(app, plan, err) < 0))
                return -1;
        done(app, h, work);
        return 0;
}

static int by_hand(struct app *app, const struct scale *o, struct error *err) {
        struct hand_options ho = { .pool = o->pool, .count = o->count.is_set ? o->count.value : -1, .nodes = &o->nodes, .force = o->force, .dry_run = o->dry_run,
                                   .drain_ms = o->drain_timeout.value * 1000 };
        struct hand h = { 0 };
        if (app_open(app, &o->shape, true, err) < 0 || hand_begin(app->cluster, &ho, &h, err) < 0)
                return -1;
        int rc = run_plan(app, o, &h, err);
        hand_end(&h);
        return rc;
}

/* ---- the command ---- */

static int check(const struct scale *o, struct error *err) {
        bool hand = o->pool || o->count.is_set || o->nodes.n || o->force || o->yes, timer = o->install_timer || o->remove_timer;
        if (o->install_timer && o->remove_timer)
                error_set(err, ERR_USAGE, "--install-timer and --remove-timer are opposites");
        else if ((o->tick || timer) && hand)
                error_set(err, ERR_USAGE, "--auto decides itself: --pool, --count, --node, --force and --yes are for scaling by hand");
        else if (!o->tick && !timer && (o->record || o->replay || o->metrics))
                error_set(err, ERR_USAGE, "--record, --replay and --metrics belong to --auto");
        else if (o->replay && (o->record || o->metrics))
                error_set(err, ERR_USAGE, "--replay only decides: there is nothing to record or to measure");
        else if (!o->tick && !timer && !o->nodes.n && (!o->pool || !o->count.is_set))
                error_set(err, ERR_USAGE, "what shall be scaled? --pool NAME --count N, --node NAME, or --auto");
        else
                return 0;
        return error_hint(err, "hcloud-v6 scale --help");
}

static int run(struct app *app, void *options_struct, const struct strv *args, struct error *err) {
        struct scale *o = options_struct;
        app->no_firewall_change = o->no_firewall_change;
        if (check(o, err) < 0)
                return -1;
        if (o->install_timer || o->remove_timer) {
                struct scale_timer t = { .profile = o->shape.profile, .metrics = o->metrics, .types = &o->shape.types, .locations = &o->shape.locations,
                                         .talos = o->shape.talos, .kubernetes = o->shape.kubernetes, .network = o->shape.network, .ipv4 = o->shape.ipv4,
                                         .every_s = o->every.is_set ? o->every.value : 60, .drain_timeout_s = o->drain_timeout.value };
                return o->install_timer ? scale_timer_install(app, &o->shape, &t, err) : scale_timer_remove(app, &o->shape, err);
        }
        if (o->replay)
                return replay(app, o, err);
        return o->tick ? tick(app, o, err) : by_hand(app, o, err);
}

const struct command command_scale = {
        .name = "scale",
        .summary = "add or drain and remove nodes: by hand, or one tick of the scaler for cron",
        .arguments = "",
        .description = "By hand: brings a pool to a count. New nodes get the lowest free numbers. Nodes that go are cordoned, their pods evicted (disruption\n"
                       "budgets are obeyed), the server is deleted, then its Node, firewall rule and address. Chosen are, in this order: nodes whose\n"
                       "drain has begun, nodes that are not Ready, those with the fewest pods to move, the highest number. --node names them\n"
                       "instead. up keeps the count that was set by hand until the profile's count is changed or --nodes is given.\n"
                       "\n"
                       "--auto: one tick for the pools that have `autoscale` in the profile. Adds nodes for pods that have no room, takes away nodes\n"
                       "that were not needed for 10 minutes, repairs what is out of step between cloud and Kubernetes, prints one line and ends.\n"
                       "Run it every minute, by --install-timer or from cron. A tick that finds the cluster locked ends with exit status 7.\n"
                       "\n"
                       "Give it the profile that up was given. docs/scaler.md says what it decides and why.",
        .examples = "  hcloud-v6 scale --pool worker --count 5                    by hand, up or down\n"
                    "  hcloud-v6 scale --node default-worker-2                    take this one away\n"
                    "  hcloud-v6 scale --auto -p ./team.yaml --dry-run            what a tick would do, and why\n"
                    "  hcloud-v6 scale --auto -p ./team.yaml --record snap.json   and what it was decided from\n"
                    "  hcloud-v6 scale --auto --replay snap.json -o json          the same decision, anywhere\n"
                    "  hcloud-v6 scale --install-timer -p ./team.yaml             every minute from now on",
        .options = options,
        .options_size = sizeof(struct scale),
        .run = run,
};
