/* Text tables: columns as wide as their content, the last one cut to the terminal. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "supervisor/base/arena.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS 12

struct table_cell {
    const char *text;
    size_t len;
    const char *colour; /* an escape sequence, or NULL */
};

struct table {
    size_t ncolumns, ncells, cap;
    struct table_cell *cells; /* rows of ncolumns */
    struct arena *texts;
    bool right[TABLE_COLUMNS];    /* numbers */
    bool optional[TABLE_COLUMNS]; /* left out while every row has "-" there; not the last one */
};

/* A table with this heading (ncolumns texts). */
void table_init(struct table *t, size_t ncolumns, const char *const *heading);
void table_fini(struct table *t);
/* Appends a cell; the text is copied. Every row must be filled. */
void table_cell(struct table *t, const char *text, const char *colour);
/* Appends the printed table; width: of the terminal, 0 for no limit; colour: with escapes. */
void table_print(const struct table *t, unsigned width, bool colour, struct str *out);

/* Columns that n bytes of UTF-8 take on a terminal; bytes that are none count one each. */
size_t table_width(const char *text, size_t n);

#endif
