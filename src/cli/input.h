/* Files that are named on the command line; "-" is standard input. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

/* All of it, at most 4 MiB (Talos' own limit for a machine config). Owned, secret_free(). ERR_USAGE: "-" is a terminal. ERR_NOT_FOUND, ERR_IO, ERR_INVALID. */
int input_read(const char *path, char **ret, size_t *ret_len, struct error *err);
