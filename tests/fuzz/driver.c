/* Replays a corpus through a fuzz target without libFuzzer: each file of each folder named on the command line, and then the same bytes cut short and with
 * single bytes changed, in a fixed order; only what a fuzzer has grown is left as it is, and all with FUZZ_PLAIN in the environment. So the corpora are
 * tests that run everywhere. */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* In memory of exactly this size, so that a sanitizer sees a read past the end. */
static void try_bytes(const void *p, size_t n) {
        _cleanup_free_ uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, p, n);
        LLVMFuzzerTestOneInput(copy, n);
}

/* Sixteen hexadecimal digits: tests/fuzz/run --merge has put it there. There are many of these, so they are tried as they are. */
static bool is_grown(const char *name) {
        return strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;
}

static void try_variants(char *p, size_t n, bool plain) {
        static const unsigned char bytes[] = { 0, '\n', '"', ':', 0x80, 0xff };
        size_t step = n / 64 + 1;
        try_bytes(p, n);
        if (plain)
                return;
        for (size_t i = 0; i < n; i += step) {
                try_bytes(p, i);
                char kept = p[i];
                for (size_t k = 0; k < sizeof(bytes); k++) {
                        p[i] = (char) bytes[k];
                        try_bytes(p, n);
                }
                p[i] = kept;
        }
}

/* The number of its inputs; -1 when it, or a file of it, cannot be read. */
static int replay(const char *folder) {
        DIR *d = opendir(folder);
        if (!d)
                return -1;
        int count = 0;
        for (struct dirent *e; (e = readdir(d));) {
                if (e->d_name[0] == '.')
                        continue;
                _cleanup_str_ char *path = path_join(folder, e->d_name), *text = NULL;
                size_t n;
                if (file_read(path, 1 << 24, &text, &n, NULL) < 0) {
                        count = -1;
                        break;
                }
                try_variants(text, n, getenv("FUZZ_PLAIN") || is_grown(e->d_name));
                count++;
        }
        closedir(d);
        return count;
}

int main(int argc, char **argv) {
        bool all = argc > 1;
        for (int i = 1; i < argc; i++) {
                int n = replay(argv[i]);
                printf("%s: %d inputs\n", argv[i], n);
                all = all && n > 0; /* an empty corpus has tested nothing */
        }
        return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
