#include "cli/gates.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/term.h"

static void print_event(const struct gate_result *g) {
        json_t *o = json_object();

        jset_str(o, "event", "gate");
        jset_str(o, "gate", g->gate);
        jset_str(o, "object", g->object);
        jset(o, "passed", json_boolean(g->passed));
        jset_str(o, "text", g->text);
        app_print_json(o);
}

/* A check that only a real cluster can make is neither passed nor failed (bootstrap_smoke()). */
static bool is_impossible_here(const struct gate_result *g) { return !g->passed && str_starts(g->text, "not possible here"); }

static void print_line(const struct gate_result *g) {
        bool skipped = is_impossible_here(g);
        enum colour c = g->passed ? COLOUR_GREEN : skipped ? COLOUR_YELLOW : COLOUR_RED;
        _cleanup_str_ char *text = term_clean(g->text);

        fprintf(stderr, "  %s%-4s%s %s: %s%s%s\n", term_on(stderr, c), g->passed ? "ok" : skipped ? "--" : "FAIL", term_off(stderr), g->gate,
                str_empty(g->object) ? "" : g->object, str_empty(g->object) || str_empty(text) ? "" : ": ", text);
}

void gates_print_all(struct app *app, const struct gate_list *g) {
        for (size_t i = 0; g && i < g->n; i++) {
                if (app_json(app))
                        print_event(&g->items[i]);
                else
                        print_line(&g->items[i]);
        }
}

void gates_print(struct app *app, const struct gate_list *g) {
        size_t passed = 0, skipped = 0;

        if (!g || g->n == 0)
                return;
        if (app_json(app)) {
                gates_print_all(app, g);
                return;
        }
        for (size_t i = 0; i < g->n; i++) {
                passed += g->items[i].passed;
                skipped += is_impossible_here(&g->items[i]);
                if (!g->items[i].passed)
                        print_line(&g->items[i]);
        }
        fprintf(stderr, "%zu of %zu checks passed", passed, g->n);
        fprintf(stderr, skipped ? ", %zu can only be made on a real cluster\n" : "\n", skipped);
}
