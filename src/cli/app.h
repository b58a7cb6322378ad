/* What every command is given, and what most of them need: an opened cluster, messages, questions, JSON on standard output. */
#pragma once

#include <jansson.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/token.h"
#include "cluster/cluster.h"

struct app {
        struct cancel *cancel;
        struct clock *clock;
        const struct common_options *common;
        struct progress *progress;        /* made on first use by app_progress() */
        struct credentials credentials;
        char *kubeconfig, *talosconfig;   /* the first file of $KUBECONFIG and $TALOSCONFIG, or NULL */
        struct cluster_spec *spec;        /* opened by app_open() */
        struct cluster *cluster;
        bool no_firewall_change, forget_operators, passphrase;   /* set by the command before app_open() */
};

void app_init(struct app *app, struct cancel *cancel, const struct common_options *common);
void app_done(struct app *app);

bool app_json(const struct app *app);
struct progress *app_progress(struct app *app);

/* The options that name a cluster's shape, shared by the commands that read a profile. */
struct shape_options {
        const char *profile, *nodes, *control_planes, *talos, *kubernetes, *delivery, *network, *helm;
        struct strv locations, types, operators;
        bool ipv4;
};

/* Opens the cluster: profile and flags (shape NULL: only a name), then the token (with_token), then the engine. */
int app_open(struct app *app, const struct shape_options *shape, bool with_token, struct error *err);

/* A question on the terminal. ERR_USAGE without one, naming the flag that answers it. answer_wanted NULL: y or yes; else that text. ERR_CANCELLED when
 * the answer is another. */
int app_confirm(struct app *app, const char *question, const char *answer_wanted, const char *flag, struct error *err);

/* Prints one JSON value on a line of its own and drops the reference. */
void app_print_json(json_t *o);
/* Prints an error: what failed, why, and what to type next; as an event for -o json. */
void app_print_error(const struct app *app, const struct error *err);
/* Runs a plan with progress, then prints --timings. */
int app_run(struct app *app, struct plan *plan, struct error *err);
/* The plan for --dry-run: text on standard output or JSON. */
void app_print_plan(const struct app *app, const struct plan *plan);
