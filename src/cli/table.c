#include "cli/table.h"

#include "cli/term.h"

void table_init(struct table *t, const char *const *header) {
        *t = (struct table) { 0 };
        table_row(t);
        for (; *header; header++, t->n_columns++)
                table_cell(t, *header);
}

void table_done(struct table *t) {
        for (size_t i = 0; i < t->n_rows; i++)
                strv_done(&t->rows[i]);
        free(t->rows);
        *t = (struct table) { 0 };
}

void table_row(struct table *t) {
        struct strv row = { 0 };
        ARRAY_APPEND(t->rows, t->n_rows, row);
}

void table_cell(struct table *t, const char *text) {
        strv_take(&t->rows[t->n_rows - 1], term_clean(str_empty(text) ? "-" : text));
}

void table_cellf(struct table *t, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        table_cell(t, strbuf_str(&text));
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t columns_of(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

static size_t width_of_column(const struct table *t, size_t column) {
        size_t width = 0;

        for (size_t i = 0; i < t->n_rows; i++)
                if (column < t->rows[i].n)
                        width = MAX(width, columns_of(t->rows[i].items[column]));
        return width;
}

void table_print(const struct table *t, FILE *f) {
        _cleanup_free_ size_t *widths = xcalloc(t->n_columns + 1, sizeof(*widths));

        for (size_t c = 0; c < t->n_columns; c++)
                widths[c] = width_of_column(t, c);
        for (size_t i = 0; i < t->n_rows; i++) {
                fputs(i == 0 ? term_on(f, COLOUR_BOLD) : "", f);
                for (size_t c = 0; c < t->rows[i].n; c++) {
                        const char *cell = t->rows[i].items[c];
                        bool last = c + 1 == t->rows[i].n;
                        fprintf(f, "%s%*s", cell, last ? 0 : (int) (widths[c] - columns_of(cell) + 2), "");
                }
                fprintf(f, "%s\n", i == 0 ? term_off(f) : "");
        }
}
