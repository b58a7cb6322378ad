#include "base/secret.h"

#include <sodium.h>

void secret_wipe(void *p, size_t n) {
        if (p)
                sodium_memzero(p, n);
}

void secret_free(char *s) {
        if (!s)
                return;
        secret_wipe(s, strlen(s));
        free(s);
}

bool secret_equal(const char *a, const char *b) {
        if (!a || !b)
                return a == b;
        size_t n = strlen(a);
        return strlen(b) == n && sodium_memcmp(a, b, n) == 0;
}
