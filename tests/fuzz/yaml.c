/* What is read is written and read again as the same tree, at both indentations; JSON of it is the same too. */
#include "base/json.h"
#include "base/yaml.h"
#include "check.h"

static void check_round_trip(const struct yaml_docs *docs, unsigned indent) {
        _cleanup_str_ char *text = yaml_write_docs(docs, indent);
        struct yaml_docs again = { 0 };
        struct error err = ERROR_INIT;
        if (yaml_parse("written", text, strlen(text), &again, &err) < 0) {
                CHECK(strlen(text) > 8 * 1024 * 1024); /* only by growing past the reader's limit */
                error_done(&err);
                return;
        }
        CHECK(again.n == docs->n);
        for (size_t i = 0; i < docs->n; i++)
                CHECK(yaml_equal(docs->items[i], again.items[i]));
        yaml_docs_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct yaml_docs docs = { 0 };
        struct error err = ERROR_INIT;
        if (yaml_parse("fuzz", (const char *) p, n, &docs, &err) < 0) {
                CHECK(err.kind == ERR_INVALID && strncmp(err.message, "fuzz:", 5) == 0);
                error_done(&err);
                return 0;
        }
        for (size_t i = 0; i < docs.n; i++) {
                _cleanup_json_ json_t *j = yaml_to_json(docs.items[i]);
                CHECK(j != NULL);
                yaml_free(yaml_from_json(j));
        }
        check_round_trip(&docs, 4);
        check_round_trip(&docs, 2);
        yaml_docs_done(&docs);
        return 0;
}
