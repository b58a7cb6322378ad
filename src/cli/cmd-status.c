/* hcloud-v6 status: what is there, is it healthy, what does it cost. */
#include <stdio.h>

#include "base/json.h"
#include "cli/app.h"
#include "cli/table.h"
#include "cli/term.h"

struct status {
        struct common_options common;
        const char *profile;
};

static const struct opt options[] = {
        { .name = "profile", .letter = 'p', .type = OPT_STRING, .offset = offsetof(struct status, profile), .value_name = "NAME|FILE",
          .help = "take the cluster's name from this profile" },
        { .name = NULL },
};

static json_t *money_json(const struct money *m) {
        _cleanup_str_ char *hour = money_format(m->hour, 4), *month = money_format(m->month, 2);

        return json_pack("{s:s, s:s}", "hour", hour, "month", month);
}

static json_t *node_json(const struct status_node *n) {
        json_t *o = json_object();

        jset_str(o, "name", n->name);
        jset_str(o, "role", n->role);
        jset_str(o, "pool", n->pool);
        jset_str(o, "type", n->type);
        jset_str(o, "location", n->location);
        jset_str(o, "address", n->address);
        jset(o, "server_id", json_integer(n->server_id));
        jset_str(o, "talos", n->talos);
        jset_str(o, "kubernetes", n->kubernetes);
        jset_str(o, "pod_cidr", n->pod_cidr);
        jset_str(o, "state", n->state);
        jset_str(o, "problem", n->problem);
        jset(o, "cost", money_json(&n->cost));
        return o;
}

static json_t *strings_json(const struct strv *v) {
        json_t *a = json_array();

        for (size_t i = 0; i < v->n; i++)
                json_array_append_new(a, json_string(v->items[i]));
        return a;
}

static void print_json(const struct cluster_status *s) {
        json_t *o = json_object(), *nodes = json_array();

        for (size_t i = 0; i < s->n; i++)
                json_array_append_new(nodes, node_json(&s->nodes[i]));
        jset_str(o, "cluster", s->name);
        jset_str(o, "uid", s->uid);
        jset(o, "exists", json_boolean(s->exists));
        jset(o, "healthy", json_boolean(s->healthy));
        jset(o, "have_secrets", json_boolean(s->have_secrets));
        jset_str(o, "endpoint", s->endpoint);
        jset(o, "nodes", nodes);
        jset_str(o, "firewall", s->firewall);
        jset(o, "operators", strings_json(&s->operators));
        jset_str(o, "network", s->network);
        jset_str(o, "talos", s->talos);
        jset_str(o, "kubernetes", s->kubernetes);
        jset_str(o, "cilium", s->cilium);
        jset_str(o, "ccm", s->ccm);
        jset(o, "cost", money_json(&s->cost.total));
        jset_str(o, "currency", s->cost.currency);
        if (s->admin_certificate_expires_ms > 0) {
                _cleanup_str_ char *at = time_format_rfc3339(s->admin_certificate_expires_ms);
                jset_str(o, "admin_certificate_expires", at);
        }
        jset_str(o, "lock_holder", s->lock_holder);
        jset(o, "problems", strings_json(&s->problems));
        app_print_json(o);
}

static void print_nodes(const struct cluster_status *s) {
        static const char *const header[] = { "NODE", "ROLE", "TYPE", "LOCATION", "ADDRESS", "TALOS", "KUBERNETES", "POD CIDR", "STATE", NULL };
        _cleanup_table_ struct table t = { 0 };

        table_init(&t, header);
        for (size_t i = 0; i < s->n; i++) {
                const struct status_node *n = &s->nodes[i];
                const char *cells[] = { n->name, n->role, n->type, n->location, n->address, n->talos, n->kubernetes, n->pod_cidr, n->state };

                table_row(&t);
                for (size_t c = 0; c < ARRAY_SIZE(cells); c++)
                        table_cell(&t, cells[c]);
        }
        table_print(&t, stdout);
}

static void print_fact(const char *name, const char *value) {
        _cleanup_str_ char *clean = term_clean(value);

        if (!str_empty(value))
                printf("%-18s%s\n", name, clean);
}

static void print_text(const struct app *app, const struct cluster_status *s) {
        _cleanup_str_ char *cost = cost_text(&s->cost), *expires = NULL;

        if (!s->exists) {
                printf("%s does not exist\n", s->name);
                return;
        }
        print_nodes(s);
        putchar('\n');
        print_fact("endpoint", s->endpoint);
        print_fact("firewall", s->firewall);
        print_fact("network", s->network);
        print_fact("cilium", s->cilium);
        print_fact("ccm", s->ccm);
        print_fact("cost", cost);
        if (s->admin_certificate_expires_ms > 0)
                expires = time_format_rfc3339(s->admin_certificate_expires_ms);
        print_fact("kubeconfig until", expires);
        print_fact("lock", s->lock_holder);
        for (size_t i = 0; i < s->n; i++)
                if (s->nodes[i].problem)
                        printf("%sproblem%s           %s: %s\n", term_on(stdout, COLOUR_YELLOW), term_off(stdout), s->nodes[i].name, s->nodes[i].problem);
        for (size_t i = 0; i < s->problems.n; i++)
                printf("%sproblem%s           %s\n", term_on(stdout, COLOUR_YELLOW), term_off(stdout), s->problems.items[i]);
        printf("%s\n", s->healthy ? "healthy" : "not healthy");
}

static int run(struct app *app, void *options_struct, const struct strv *args, struct error *err) {
        const struct status *o = options_struct;
        const struct shape_options shape = { .profile = o->profile };
        struct cluster_status s = { 0 };
        int r = app_open(app, o->profile ? &shape : NULL, true, err);

        if (r < 0)
                return r;
        r = cluster_status(app->cluster, &s, err);
        if (r < 0)
                return r;
        if (app_json(app))
                print_json(&s);
        else
                print_text(app, &s);
        cluster_status_done(&s);
        return 0;
}

const struct command command_status = {
        .name = "status",
        .summary = "what is there, is it healthy, what does it cost",
        .arguments = "",
        .description = "Reads the cloud, the nodes and Kubernetes, changes nothing, and works without the cluster's secrets too (then only the\n"
                       "cloud's part is shown).",
        .examples = "  hcloud-v6 status\n  hcloud-v6 status -o json | jq '.nodes[] | {name, state}'",
        .options = options,
        .options_size = sizeof(struct status),
        .run = run,
};
