#include "cli/input.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#define INPUT_MAX ((size_t) 4 << 20)

static int read_stdin(char **ret, size_t *ret_len, struct error *err) {
        struct strbuf b = { .secret = true };
        char chunk[4096];
        size_t n;

        if (isatty(STDIN_FILENO))
                return error_set(err, ERR_USAGE, "'-' is standard input, and that is a terminal");
        while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0 && b.len <= INPUT_MAX)
                strbuf_add(&b, chunk, n);
        if (ferror(stdin) || b.len > INPUT_MAX) {
                strbuf_done(&b);
                return error_set(err, ERR_IO, "standard input cannot be read, or is longer than %zu bytes", INPUT_MAX);
        }
        *ret_len = b.len;
        *ret = strbuf_take(&b);
        return 0;
}

int input_read(const char *path, char **ret, size_t *ret_len, struct error *err) {
        return str_eq(path, "-") ? read_stdin(ret, ret_len, err) : file_read(path, INPUT_MAX, ret, ret_len, err);
}
