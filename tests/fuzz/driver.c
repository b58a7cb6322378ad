/* Replays a corpus through a fuzz target without libFuzzer: each file of each folder named on the command line, and then the same
 * bytes cut short and with single bytes changed, in a fixed order. So the corpora are tests that run everywhere. */
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

static void try_variants(char *p, size_t n) {
        static const unsigned char bytes[] = { 0, '\n', '"', ':', 0x80, 0xff };
        size_t step = n / 64 + 1;
        try_bytes(p, n);
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
                if (file_read(path, 1 << 24, &text, &n, NULL) < 0)
                        continue;
                try_variants(text, n);
                count++;
        }
        closedir(d);
        return count;
}

int main(int argc, char **argv) {
        int total = 0;
        for (int i = 1; i < argc; i++) {
                int n = replay(argv[i]);
                printf("%s: %d inputs\n", argv[i], n);
                total += n > 0 ? n : 0;
        }
        return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* an empty corpus has tested nothing */
}
