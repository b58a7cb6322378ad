/* A chart's archive, unpacked (the input is the tar), and values compared with what it says. */
#include "base/codec.h"
#include "base/yaml.h"
#include "bootstrap/bootstrap.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static const char text[] = "a: 1\nb: {c: {d: 1}, e: 2}\nsub: {x: {y: 1}}\nfoo-bar: 1\n";
        _cleanup_(yaml_freep) struct yaml_node *values = NULL;
        struct chart chart = { .name = (char *) "a", .version = (char *) "1" };
        struct unknown_values unknown = { 0 };
        struct error err = ERROR_INIT;

        CHECK(yaml_parse_one("values", text, strlen(text), &values, &err) >= 0);
        CHECK(gzip_compress(p, n, &chart.data, &chart.len, &err) >= 0);
        if (bootstrap_check_values(&chart, values, &unknown, &err) < 0)
                CHECK(err.kind == ERR_INVALID);
        for (size_t i = 0; i < unknown.n; i++)
                CHECK(unknown.items[i].path && unknown.items[i].line > 0);
        unknown_values_done(&unknown);
        free(chart.data);
        error_done(&err);
        return 0;
}
