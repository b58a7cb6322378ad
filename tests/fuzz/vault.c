/* A vault file under a key of zeros. Only what was sealed with it opens; anything else is called damaged, or not ours. */
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "cluster/vault.h"

static char root[] = "/tmp/fuzz-vault-XXXXXX";

static void clean(void) {
        static const char *const names[] = { "c/vault", "c/key", "c", "" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_str_ char *path = path_join(root, names[i]);
                if (unlink(path) < 0)
                        rmdir(path);
        }
}

static void begin(void) {
        char key[65];
        CHECK(mkdtemp(root));
        atexit(clean);
        _cleanup_str_ char *dir = path_join(root, "c"), *path = path_join(dir, "key");
        memset(key, '0', 64);
        key[64] = '\n';
        CHECK(dir_make(dir, 0700, NULL) >= 0 && file_write_atomic(path, key, sizeof(key), 0600, NULL) >= 0);
}

static void write_vault(const uint8_t *p, size_t n) {
        _cleanup_str_ char *path = path_join(root, "c/vault");
        FILE *f = fopen(path, "w");
        CHECK(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        const struct vault_options o = { .state_dir = root, .cluster = "c" };
        struct error err = ERROR_INIT;
        struct vault *v = NULL;
        _cleanup_str_ char *uid = NULL;
        static bool begun;
        if (!begun)
                begin();
        begun = true;
        write_vault(p, n);
        if (vault_read_uid(&o, &uid, &err) < 0)
                CHECK(err.kind == ERR_REFUSED || err.kind == ERR_INVALID || err.kind == ERR_IO);
        else
                CHECK(*uid && !strpbrk(uid, "/. ")); /* it becomes part of a path */
        if (vault_open(&o, &v, &err) < 0)
                CHECK(err.message && !v);
        else
                CHECK(str_eq(v->uid, uid) && v->secrets);
        vault_free(v);
        error_done(&err);
        return 0;
}
