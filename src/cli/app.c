#include "cli/app.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/signals.h"
#include "cli/term.h"
#include "cli/timings.h"

static void debug_sink(void *data, const char *module, const char *message) {
        _cleanup_str_ char *clean = term_clean(message);

        fprintf(stderr, "%sdebug: %s: %s%s\n", term_on(stderr, COLOUR_DIM), module, clean, term_off(stderr));
}

/* KUBECONFIG and TALOSCONFIG may name several files, separated by colons; new contexts go into the first. */
static char *first_file(const char *variable) {
        const char *value = getenv(variable);
        size_t len;

        if (str_empty(value))
                return NULL;
        len = strcspn(value, ":");
        return len > 0 ? xstrndup(value, len) : NULL;
}

void app_init(struct app *app, struct cancel *cancel, const struct common_options *common) {
        *app = (struct app) { .cancel = cancel, .clock = clock_system(), .common = common };
        app->kubeconfig = first_file("KUBECONFIG");
        app->talosconfig = first_file("TALOSCONFIG");
        if (common->debug)
                log_set_sink(debug_sink, app);
}

void app_done(struct app *app) {
        progress_free(app->progress);
        cluster_close(app->cluster);
        cluster_spec_free(app->spec);
        credentials_done(&app->credentials);
        free(app->kubeconfig);
        free(app->talosconfig);
}

bool app_json(const struct app *app) { return str_eq(app->common->output, "json"); }

struct progress *app_progress(struct app *app) {
        if (!app->progress)
                app->progress = progress_new(app_json(app), app->clock);
        return app->progress;
}

static void on_warn(void *data, const char *text) { progress_say(app_progress(data), "warning", text); }

/* Until a line was typed, or ^C: reading goes on after a signal by itself. */
static bool wait_for_line(struct app *app, FILE *f) {
        struct pollfd p[2] = { { .fd = fileno(f), .events = POLLIN }, { .fd = cancel_fd(app->cancel), .events = POLLIN } };

        while (poll(p, 2, -1) < 0)
                ;
        return p[1].revents == 0;
}

/* The echo goes before the question is there to be answered, so that nothing typed at once is shown or lost. */
static char *read_hidden(struct app *app, FILE *tty, const char *question) {
        char *line = NULL;
        size_t size = 0;
        ssize_t n = -1;

        setvbuf(tty, NULL, _IONBF, 0);
        if (!term_hide_typing(fileno(tty)))
                return NULL;
        fprintf(stderr, "%s ", question);
        fflush(stderr);
        if (wait_for_line(app, tty))
                n = getline(&line, &size, tty);
        term_show_typing();
        fputc('\n', stderr);
        if (n < 0) {
                free(line);
                return NULL;
        }
        line[strcspn(line, "\r\n")] = '\0';
        return line;
}

/* The vault's passphrase: from the terminal itself, so that standard input stays free. */
static char *ask_passphrase(void *data, const char *question, struct error *err) {
        struct app *app = data;
        FILE *tty = fopen("/dev/tty", "r");
        char *answer;

        if (!tty) {
                error_set(err, ERR_USAGE, "the vault's passphrase is needed and there is no terminal to ask on");
                return NULL;
        }
        progress_hold(app_progress(app), true);
        answer = read_hidden(app, tty, question);
        progress_hold(app->progress, false);
        fclose(tty);
        if (!answer)
                error_set(err, ERR_CANCELLED, "no passphrase was given");
        return answer;
}

static int load_spec(struct app *app, const struct shape_options *s, struct error *err) {
        const struct cluster_overrides o = {
                .name = app->common->cluster, .nodes = s->nodes, .control_planes = s->control_planes, .talos = s->talos,
                .kubernetes = s->kubernetes, .locations = &s->locations, .types = &s->types, .operators = &s->operators,
                .delivery = s->delivery, .network = s->network, .helm = s->helm, .ipv4 = s->ipv4,
        };

        return cluster_spec_load(s->profile, &o, &app->spec, err);
}

int app_open(struct app *app, const struct shape_options *shape, bool with_token, struct error *err) {
        struct cluster_options o = {
                .name = app->common->cluster ? app->common->cluster : "default",
                .kubeconfig = app->kubeconfig, .talosconfig = app->talosconfig, .clock = app->clock, .cancel = app->cancel,
                .warn = on_warn, .warn_data = app, .ask = ask_passphrase, .ask_data = app, .passphrase = app->passphrase,
                .no_firewall_change = app->no_firewall_change, .forget_operators = app->forget_operators,
        };
        int r;

        if (shape) {
                r = load_spec(app, shape, err);
                if (r < 0)
                        return r;
                o.spec = app->spec;
                o.name = app->spec->name;
        }
        if (with_token) {
                r = credentials_find(&app->credentials, err);
                if (r < 0)
                        return r;
                o.token = app->credentials.token;
                o.endpoint = app->credentials.endpoint;
        }
        return cluster_open(&o, &app->cluster, err);
}

int app_confirm(struct app *app, const char *question, const char *answer_wanted, const char *flag, struct error *err) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        bool yes;

        if (!isatty(STDIN_FILENO)) {
                error_set(err, ERR_USAGE, "a question has to be answered and standard input is no terminal: %s", question);
                return error_hint(err, "give %s", flag);
        }
        fprintf(stderr, "%s ", question);
        fflush(stderr);
        if (!wait_for_line(app, stdin) || getline(&line, &size, stdin) < 0)
                return error_set(err, ERR_CANCELLED, "no answer; nothing was changed");
        line[strcspn(line, "\r\n")] = '\0';
        yes = answer_wanted ? str_eq(line, answer_wanted) : str_eq(line, "y") || str_eq(line, "yes");
        if (!yes)
                return error_set(err, ERR_CANCELLED, "not confirmed; nothing was changed");
        return 0;
}

void app_print_json(json_t *o) {
        _cleanup_str_ char *text = json_write(o);

        printf("%s\n", text);
        fflush(stdout);
        json_decref(o);
}

void app_print_error(const struct app *app, const struct error *err) {
        _cleanup_str_ char *text = term_clean(error_text(err)), *hint = NULL;

        if (app && app_json(app)) {
                json_t *o = json_object();
                jset_str(o, "event", "error");
                jset_str(o, "kind", error_kind_name(err->kind));
                jset_str(o, "message", error_text(err));
                jset_str(o, "hint", err->hint);
                jset_str(o, "api_code", err->api_code);
                jset_str(o, "correlation_id", err->correlation_id);
                jset(o, "exit_status", json_integer(error_exit_code(err->kind)));
                app_print_json(o);
                return;
        }
        fprintf(stderr, "%serror:%s %s", term_on(stderr, COLOUR_RED), term_off(stderr), text);
        if (err->correlation_id)
                fprintf(stderr, " (correlation id %s)", err->correlation_id);
        fputc('\n', stderr);
        /* Hints may have several lines: each is cleaned by itself. */
        if (err->hint) {
                _cleanup_strv_ struct strv lines = { 0 };
                strv_split(&lines, err->hint, '\n');
                for (size_t i = 0; i < lines.n; i++) {
                        free(hint);
                        hint = term_clean(lines.items[i]);
                        fprintf(stderr, "%s %s\n", i == 0 ? "what to do:" : "           ", hint);
                }
        }
}

static void print_calls(const struct app *app) {
        struct http_engine_stats s;

        cluster_http_stats(app->cluster, &s);
        fprintf(stderr, "\n%llu calls to the Hetzner API", (unsigned long long) cluster_call_count(app->cluster));
        if (cluster_rate_remaining(app->cluster) >= 0)
                fprintf(stderr, " (%lld of the project's hourly budget left)", (long long) cluster_rate_remaining(app->cluster));
        fprintf(stderr, "; %llu requests to nodes, Kubernetes and chart repositories over %llu connections\n", (unsigned long long) s.requests, (unsigned long long) s.connections);
}

int app_run(struct app *app, struct plan *plan, struct error *err) {
        struct plan_observer observer = progress_observer(app_progress(app));
        const char *timings = app->common->timings;
        int r = cluster_run(app->cluster, plan, &observer, err);

        progress_stop(app->progress);
        if (!timings)
                return r;
        timings_print(plan, stderr);
        print_calls(app);
        if (!str_empty(timings)) {
                struct error why = ERROR_INIT;
                if (timings_write_trace(plan, timings, &why) < 0)
                        progress_say(app->progress, "warning", error_text(&why));
                error_done(&why);
        }
        return r;
}

void app_print_plan(const struct app *app, const struct plan *plan) {
        if (app_json(app)) {
                _cleanup_str_ char *text = plan_json(plan);
                printf("%s\n", text);
                return;
        }
        if (plan_work(plan) == 0) {
                printf("nothing to do\n");
                return;
        }
        for (size_t i = 0; i < plan_size(plan); i++) {
                const struct plan_step *s = plan_at(plan, i);
                if (step_is_quiet(s) || step_get_state(s) == STEP_DONE_BEFORE)
                        continue;
                printf("  %s%-9s%s %-16s %-32s %s\n", term_on(stdout, COLOUR_GREEN), step_verb(s), term_off(stdout), step_kind(s),
                       step_name(s), step_detail(s));
        }
        printf("%zu steps would change something\n", plan_work(plan));
}
