/* Lists as tables. */
#include "supervisor/cli/listing.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/mem.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct showing {
    const struct listing *l;
    struct table table;
    struct json_list *json;
    size_t rows;
    bool bad;
};

int agent_call(struct cli *c, const char *request, char *const *args, size_t n, client_fn *row,
               void *obj)
{
    char **all = mem_alloc((n + 1) * sizeof(*all));
    all[0] = (char *)(uintptr_t)request;
    for (size_t i = 0; i < n; i++)
        all[i + 1] = args[i];
    int exit = cli_call(c, "agent", all, n + 1, row, obj);
    free(all);
    return exit;
}

static const char *colour_of(enum mark m)
{
    static const char *const colours[] = {
        [MARK_GOOD] = "\033[32m", [MARK_WAITING] = "\033[33m", [MARK_BAD] = "\033[31m"};
    return colours[m];
}

static void put_cell(struct showing *s, const struct column *col, const struct client_reply *r)
{
    char span[DUR_TEXT];
    struct str text = STR_INIT;
    const char *colour = NULL, *value = reply_text(r, col->key);
    int64_t n = *value && col->kind != COLUMN_TEXT ? reply_int(r, col->key, -1) : -1;
    if (col->kind == COLUMN_SPAN) {
        value = n < 0 ? "-" : dur_human(DUR_MS(n), span, sizeof(span));
    } else if (col->kind == COLUMN_TOOK) {
        value = n < 0 ? "-" : dur_brief((dur_t){n * 1000}, span, sizeof(span));
    } else if (col->kind == COLUMN_SHARE && *value) {
        snprintf(span, sizeof(span), "%.2f%%", strtod(value, NULL) * 100);
        value = span;
    } else if (col->kind == COLUMN_STATE && s->l->mark) {
        colour = colour_of(s->l->mark(value));
    }
    show_clean(&text, *value ? value : "-");
    table_cell(&s->table, str_text(&text), colour);
    str_fini(&text);
}

static bool on_row(void *obj, const struct client_reply *r)
{
    struct showing *s = obj;
    if (r->kind != WIRE_RECORD)
        return true;
    s->rows++;
    if (s->l->state_key && s->l->mark(reply_text(r, s->l->state_key)) == MARK_BAD)
        s->bad = true;
    if (s->json) {
        json_list_add(s->json, r);
        return true;
    }
    for (size_t i = 0; i < s->l->ncolumns; i++)
        put_cell(s, &s->l->columns[i], r);
    return true;
}

static void begin(struct showing *s)
{
    const char *heading[TABLE_COLUMNS];
    for (size_t i = 0; i < s->l->ncolumns; i++)
        heading[i] = s->l->columns[i].heading;
    table_init(&s->table, s->l->ncolumns, heading);
    for (size_t i = 0; i < s->l->ncolumns; i++) {
        enum column_kind kind = s->l->columns[i].kind;
        s->table.right[i] = kind == COLUMN_NUMBER || kind == COLUMN_TOOK || kind == COLUMN_SHARE;
        s->table.optional[i] = s->l->columns[i].optional;
    }
}

typedef int call_fn(struct cli *c, const char *request, char *const *args, size_t n, client_fn *row,
                    void *obj);

static int show(struct cli *c, const struct listing *l, call_fn *call, const char *request,
                char *const *args, size_t n)
{
    struct showing s = {.l = l};
    if (c->json)
        s.json = json_list_new();
    begin(&s);
    int exit = call(c, request, args, n, on_row, &s);
    if (s.json)
        json_list_end(&s.json, exit == CLI_OK);
    else if (s.rows)
        show_table(c, &s.table);
    else if (exit == CLI_OK)
        puts(l->none);
    table_fini(&s.table);
    return exit ? exit : s.bad ? CLI_NOT_UP : CLI_OK;
}

int listing_show(struct cli *c, const struct listing *l, const char *request, char *const *args,
                 size_t n)
{
    return show(c, l, agent_call, request, args, n);
}

int listing_of_supd(struct cli *c, const struct listing *l, const char *verb, char *const *args,
                    size_t n)
{
    return show(c, l, cli_call, verb, args, n);
}
