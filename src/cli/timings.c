#include "cli/timings.h"

#include "base/file.h"
#include "cli/table.h"

static void print_steps(struct plan_step *const *steps, size_t n, FILE *f) {
        static const char *const header[] = { "BEGINS", "TAKES", "STEP", "STATE", NULL };
        _cleanup_table_ struct table t = { 0 };

        table_init(&t, header);
        for (size_t i = 0; i < n; i++) {
                int64_t start, end;

                step_times(steps[i], &start, &end);
                if (start < 0 || end < 0)
                        continue;
                table_row(&t);
                table_cellf(&t, "%8.3f s", (double) start / 1000);
                table_cellf(&t, "%8.3f s", (double) (end - start) / 1000);
                table_cellf(&t, "%s %s %s", step_verb(steps[i]), step_kind(steps[i]), step_name(steps[i]));
                table_cell(&t, step_state_name(step_get_state(steps[i])));
        }
        table_print(&t, f);
}

void timings_print(const struct plan *p, FILE *f) {
        _cleanup_free_ struct plan_step **path = NULL, **all = xcalloc(plan_size(p) + 1, sizeof(*all));
        size_t n = 0, n_path;

        for (size_t i = 0; i < plan_size(p); i++)
                if (!str_empty(step_verb(plan_at(p, i))))
                        all[n++] = plan_at(p, i);
        fprintf(f, "\nSteps\n");
        print_steps(all, n, f);
        n_path = plan_critical_path(p, &path);
        fprintf(f, "\nCritical path\n");
        print_steps(path, n_path, f);
}

int timings_write_trace(const struct plan *p, const char *path, struct error *err) {
        _cleanup_str_ char *text = plan_trace_json(p);

        if (file_write_atomic(path, text, strlen(text), 0600, err) < 0)
                return error_wrap(err, "writing the trace '%s'", path);
        return 0;
}
