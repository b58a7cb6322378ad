/* What a chart's archive holds: a gzipped tar (POSIX ustar, pax or GNU), as `helm package` writes it. */
#pragma once

#include "bootstrap/bootstrap.h"

struct chart_file { char *path, *text; size_t len; };   /* path without the archive's own folder: "templates/x.yaml"; text ends with a NUL */
struct chart_files { struct chart_file *items; size_t n; };
void chart_files_done(struct chart_files *f);

/* All files, unpacked in memory, at most 64 MiB. ERR_INVALID: no such archive. */
int chart_files_read(const void *data, size_t len, struct chart_files *ret, struct error *err);
/* Borrowed, or NULL. */
const struct chart_file *chart_files_find(const struct chart_files *f, const char *path);
