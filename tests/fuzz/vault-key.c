/* The vault's key file: any bytes but the right key are refused, and no bytes open a vault that another key sealed. */
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "cluster/vault.h"

static char root[] = "/tmp/fuzz-key-XXXXXX";
static const char vault_text[] = "hcloud-v6-vault 1\nuid: a\nseal: key\nnonce: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\ncheck: 0000000000000000\n\n"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

static void clean(void) {
        static const char *const names[] = { "c/vault", "c/key", "c", "" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_str_ char *path = path_join(root, names[i]);
                if (unlink(path) < 0)
                        rmdir(path);
        }
}

static void write_file(const char *name, const void *p, size_t n) {
        _cleanup_str_ char *path = path_join(root, name);
        FILE *f = fopen(path, "w");
        CHECK(f && fwrite(p, 1, n, f) == n && fclose(f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        const struct vault_options o = { .state_dir = root, .cluster = "c" };
        struct error err = ERROR_INIT;
        struct vault *v = NULL;
        static bool begun;
        if (!begun) {
                CHECK(mkdtemp(root));
                atexit(clean);
                _cleanup_str_ char *dir = path_join(root, "c");
                CHECK(dir_make(dir, 0700, NULL) >= 0);
                write_file("c/vault", vault_text, strlen(vault_text));
        }
        begun = true;
        write_file("c/key", p, n);
        CHECK(vault_open(&o, &v, &err) < 0 && !v && (err.kind == ERR_REFUSED || err.kind == ERR_IO || err.kind == ERR_INVALID));
        /* A message may name the file, never what stands in it. */
        CHECK(n < 16 || !memmem(err.message, strlen(err.message), p, 16));
        error_done(&err);
        return 0;
}
