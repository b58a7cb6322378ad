/* Not a parser: aborts at one input, so that a test can see that the replay of a corpus fails when a rule is broken. */
#include <string.h>

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static const char bird[] = "hcloud-v6 canary";
        CHECK(n != strlen(bird) || memcmp(p, bird, n) != 0);
        return 0;
}
