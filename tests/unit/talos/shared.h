/* Reading the fixtures that lie beside the project ($SHARED_DATA). A clone of the project alone has none: such tests are skipped, loudly. */
#pragma once

#include "base/file.h"
#include "talos/secrets.h"
#include "tests/unit/unit.h"

/* The file's content, or NULL with the reason printed. Owned. */
static inline _unused_ char *shared_file(const char *name) {
        const char *root = getenv("SHARED_DATA");
        _cleanup_str_ char *path = path_join(root ? root : "", name);
        _cleanup_error_ struct error err = ERROR_INIT;
        char *text = NULL;
        size_t len;

        if (!root || file_read(path, 4 << 20, &text, &len, &err) < 0) {
                printf("skipped: no %s (%s)\n", path, root ? error_text(&err) : "SHARED_DATA is not set");
                return NULL;
        }
        return text;
}

static inline _unused_ struct talos_secrets *shared_secrets(const char *name) {
        _cleanup_str_ char *text = shared_file(name);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_secrets *s = NULL;

        if (!text)
                return NULL;
        ck_ok(talos_secrets_parse(name, text, strlen(text), &s, &err), err);
        return s;
}

/* A new bundle, also outside of tests (RSA-4096 takes a second, so programs make it once). */
static inline _unused_ struct talos_secrets *new_secrets(unsigned minor) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_contract contract = { 1, minor };
        struct talos_secrets *s = NULL;

        if (talos_secrets_generate(&contract, NULL, &s, &err) < 0) {
                fprintf(stderr, "cannot make secrets: %s\n", error_text(&err));
                exit(EXIT_FAILURE);
        }
        return s;
}
