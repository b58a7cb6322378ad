/* A chart repository's index, and an archive of it: both are the same bytes here, so a pinned digest never fits. */
#include "answers.h"
#include "bootstrap/bootstrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        const struct bootstrap b = { 0 };
        const struct chart_ref by_index = { .repository = "https://charts.example.com/", .name = "a", .version = "1.0.0" };
        const struct chart_ref pinned = { .repository = "https://charts.example.com", .name = "a", .version = "1.0.0", .digest = "0123" };
        struct error err = ERROR_INIT;
        struct chart chart = { 0 };
        setenv("XDG_CACHE_HOME", "/dev/null/none", 1); /* nothing is kept */
        canned = (struct canned_answer) { .status = 200, .p = p, .n = n, .every = true };
        if (bootstrap_fetch_chart(&b, &by_index, &chart, &err) >= 0)
                CHECK(chart.digest && chart.len == n && !chart.from_cache);
        chart_done(&chart);
        CHECK(bootstrap_fetch_chart(&b, &pinned, &chart, &err) < 0 && err.kind == ERR_INVALID);
        error_done(&err);
        return 0;
}
