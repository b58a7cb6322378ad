/* A machine config made into kubeadm's files: refused with its name, or all files are there and their YAML can be read. */
#include "base/yaml.h"
#include "check.h"
#include "cluster/kubeadm.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        _cleanup_kvs_ struct kvs files = { 0 };
        struct error err = ERROR_INIT;
        if (kubeadm_files("fuzz.yaml", text, &files, &err) < 0) {
                CHECK(err.kind == ERR_INVALID && files.n == 0);
        } else {
                CHECK(kvs_get(&files, "fuzz/kubeadm-join.yaml"));
                for (size_t i = 0; i < files.n; i++) {
                        struct yaml_docs docs = { 0 };
                        CHECK(str_starts(files.items[i].key, "fuzz/"));
                        if (str_ends(files.items[i].key, ".yaml"))
                                CHECK(yaml_parse("written", files.items[i].value, strlen(files.items[i].value), &docs, &err) >= 0);
                        yaml_docs_done(&docs);
                }
        }
        error_done(&err);
        return 0;
}
