/* A rule that must hold for every input; libFuzzer and the driver both notice an abort. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(rule)                                                                   \
        do {                                                                          \
                if (!(rule)) {                                                        \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #rule);    \
                        abort();                                                      \
                }                                                                     \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
