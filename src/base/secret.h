/* Memory for secrets: wiped before it is freed. The owner frees with secret_free(); _cleanup_secret_ does so at scope's end. */
#pragma once

#include "base/util.h"

void secret_wipe(void *p, size_t n);
void secret_free(char *s);                       /* wipes up to the NUL, then frees; NULL-safe */
static inline void secret_freep_(char **p) { secret_free(*p); }
#define _cleanup_secret_ _cleanup_(secret_freep_)
/* Equal without a timing difference. */
bool secret_equal(const char *a, const char *b);
