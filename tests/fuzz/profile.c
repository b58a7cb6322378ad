/* Profiles, as cluster_spec_parse() takes them from a file. */
#include "check.h"
#include "cluster/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        struct error err = ERROR_INIT;
        struct cluster_spec *s = NULL;
        if (cluster_spec_parse("fuzz", (const char *) p, n, NULL, NULL, &s, &err) < 0) {
                CHECK(!s && (err.kind == ERR_PROFILE || err.kind == ERR_USAGE));
        } else {
                CHECK(s->name && cluster_name_check(s->name, &err) >= 0 && cluster_spec_nodes(s) > 0);
                CHECK(s->locations.n > 0 && s->control_planes.types.n > 0);
        }
        cluster_spec_free(s);
        error_done(&err);
        return 0;
}
