/* A table of text with aligned columns. The table copies what it is given. */
#pragma once

#include <stdio.h>

#include "base/strbuf.h"

struct table { struct strv *rows; size_t n_rows; size_t n_columns; };
#define _cleanup_table_ _cleanup_(table_done)

/* Header cells end with NULL. */
void table_init(struct table *t, const char *const *header);
void table_done(struct table *t);
/* Begins a row; cells are added one by one, NULL prints as "-". */
void table_row(struct table *t);
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *fmt, ...) _printf_(2, 3);
/* Header bold on a terminal; the last column is not padded. */
void table_print(const struct table *t, FILE *f);
