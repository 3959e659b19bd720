/* Text tables. */
#include "supervisor/cli/table.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2

size_t table_width(const char *text, size_t n)
{
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

void table_init(struct table *t, size_t ncolumns, const char *const *heading)
{
    *t = (struct table){.ncolumns = ncolumns, .texts = arena_new()};
    for (size_t i = 0; i < ncolumns; i++)
        table_cell(t, heading[i], NULL);
}

void table_fini(struct table *t)
{
    arena_free(&t->texts);
    free(t->cells);
    *t = (struct table){0};
}

void table_cell(struct table *t, const char *text, const char *colour)
{
    if (t->ncells == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->cells = mem_realloc(t->cells, t->cap * sizeof(*t->cells));
    }
    size_t n = strlen(text);
    t->cells[t->ncells++] =
        (struct table_cell){.text = arena_strndup(t->texts, text, n), .len = n, .colour = colour};
}

static void pad(struct str *out, size_t n)
{
    while (n-- > 0)
        str_putc(out, ' ');
}

/* the first bytes of text that take at most width columns */
static size_t cut(const char *text, size_t width)
{
    size_t n = 0, at = 0;
    while (text[at] && (((unsigned char)text[at] & 0xc0) == 0x80 || n++ < width))
        at++;
    return at;
}

static void put_text(struct str *out, const struct table_cell *c, size_t n, bool colour)
{
    const char *on = colour ? c->colour : NULL;
    if (on)
        str_puts(out, on);
    str_put(out, c->text, n);
    if (on)
        str_puts(out, "\033[0m");
}

static void put_last(struct str *out, const struct table_cell *c, size_t room, bool colour)
{
    size_t n = c->len;
    bool cuts = room && table_width(c->text, n) > room;
    if (cuts)
        n = cut(c->text, room - 1);
    put_text(out, c, n, colour);
    if (cuts)
        str_puts(out, "\xe2\x80\xa6"); /* an ellipsis */
}

static void put_row(const struct table *t, const struct table_cell *row, const size_t *widths,
                    size_t room, bool colour, struct str *out)
{
    for (size_t i = 0; i + 1 < t->ncolumns; i++) {
        if (!widths[i])
            continue;
        size_t n = row[i].len, blanks = widths[i] - table_width(row[i].text, n);
        if (t->right[i])
            pad(out, blanks);
        put_text(out, &row[i], n, colour);
        pad(out, (t->right[i] ? 0 : blanks) + GAP);
    }
    put_last(out, &row[t->ncolumns - 1], room, colour);
    str_putc(out, '\n');
}

static bool is_empty(const struct table *t, size_t column)
{
    for (size_t i = t->ncolumns + column; i < t->ncells; i += t->ncolumns) {
        if (strcmp(t->cells[i].text, "-") != 0)
            return false;
    }
    return true;
}

void table_print(const struct table *t, unsigned width, bool colour, struct str *out)
{
    size_t widths[TABLE_COLUMNS] = {0}, used = 0;
    for (size_t i = 0; i < t->ncells; i++) {
        size_t w = table_width(t->cells[i].text, t->cells[i].len);
        if (w > widths[i % t->ncolumns])
            widths[i % t->ncolumns] = w;
    }
    for (size_t i = 0; i + 1 < t->ncolumns; i++) {
        if (t->optional[i] && is_empty(t, i))
            widths[i] = 0;
        used += widths[i] ? widths[i] + GAP : 0;
    }
    size_t room = width > used + 10 ? width - used : 0; /* too narrow: let the terminal wrap */
    for (size_t i = 0; i < t->ncells; i += t->ncolumns)
        put_row(t, t->cells + i, widths, room, colour, out);
}
