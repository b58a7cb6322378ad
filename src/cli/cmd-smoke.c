/* hcloud-v6 smoke: does the cluster's network really work? */
#include "cli/app.h"
#include "cli/gates.h"

struct smoke { struct common_options common; };

static int run(struct app *app, void *options, const struct strv *args, struct error *err) {
        struct gate_list results = { 0 };
        int r = app_open(app, NULL, true, err);

        if (r < 0)
                return r;
        r = cluster_smoke(app->cluster, &results, err);
        gates_print_all(app, &results);
        gate_list_done(&results);
        return r;
}

const struct command command_smoke = {
        .name = "smoke",
        .summary = "run the Star Wars demo in a namespace of its own and check that the network works",
        .arguments = "",
        .description = "Makes the namespace hcloud-v6-smoke with the demo's deathstar, reaches it by its Service and by its pods' addresses from\n"
                       "every node, reaches an IPv6 host and, through DNS64, an IPv4-only one, checks that Cilium's policy refuses the x-wing, and\n"
                       "removes all of it. Where no containers run (the simulated cloud) it says which checks were not possible.",
        .options = (const struct opt[]) { { .name = NULL } },
        .options_size = sizeof(struct smoke),
        .run = run,
};
