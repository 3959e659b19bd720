/* status --watch: subscribes, and draws the table again when an event came. */
#include "supervisor/cli/watch.h"
#include "supervisor/base/mono.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 50 /* events in a burst are drawn together */

struct watch {
    struct cli *cli;
    char *const *names;
    size_t nnames;
    struct table table;
    struct json_list *json;
    char status_id[WIRE_ID_MAX + 1]; /* the question under way, "" for none */
    bool dirty;                      /* something happened since it was asked */
    int exit;
};

static void draw(struct watch *w)
{
    if (w->json) {
        json_list_end(&w->json, true);
    } else {
        if (w->cli->tty)
            fputs("\033[H\033[J", stdout);
        show_table(w->cli, &w->table);
        if (!w->cli->tty)
            putchar('\n');
        table_fini(&w->table);
    }
    fflush(stdout);
}

/* lines of either request: rows of the table, or events */
static bool on_line(void *obj, const struct client_reply *r)
{
    struct watch *w = obj;
    if (r->kind == WIRE_EVENT)
        w->dirty = true;
    else if (r->kind == WIRE_RECORD && w->status_id[0] && *reply_text(r, "code"))
        w->exit = CLI_UNKNOWN;
    else if (r->kind == WIRE_RECORD && w->status_id[0] && w->json)
        json_list_add(w->json, r);
    else if (r->kind == WIRE_RECORD && w->status_id[0])
        show_status_row(&w->table, r, 0);
    else if (r->kind == WIRE_ERROR)
        cli_complain("%s", r->text);
    return true;
}

static int ask(struct watch *w, struct err *e)
{
    w->dirty = false;
    if (w->cli->json)
        w->json = json_list_new();
    else
        show_status_begin(&w->table);
    return client_send(&w->cli->client, "status", w->names, w->nnames, w->status_id, e);
}

/* waits for input, at most ms (-1: for ever); true if there is some */
static bool wait_input(struct watch *w, int ms)
{
    struct pollfd p = {.fd = w->cli->client.fd, .events = POLLIN};
    return poll(&p, 1, ms) > 0;
}

/* one round: what came is taken in, the table drawn or asked for anew; -1 with the reason */
static int step(struct watch *w, struct err *e)
{
    if (!w->status_id[0] && w->dirty && !wait_input(w, QUIET_MS))
        return ask(w, e);
    int r = client_receive(&w->cli->client, NULL, on_line, w, e);
    if (r == 1)
        return err_set(e, "supd refused");
    if (r == 0 && w->status_id[0]) {
        draw(w);
        w->status_id[0] = '\0';
    }
    return r < 0 ? -1 : 0;
}

int watch_status(struct cli *c, char *const *names, size_t n)
{
    struct err e = {0};
    struct watch w = {.cli = c, .names = names, .nnames = n, .dirty = true};
    int exit = cli_call(c, "subscribe", NULL, 0, NULL, NULL);
    if (exit)
        return exit;
    while (step(&w, &e) == 0)
        ;
    if (c->client.error_exit != CLI_UNKNOWN)
        cli_complain("%s", e.msg);
    else
        fputs("supd has ended\n", stderr);
    table_fini(&w.table);
    return w.exit ? w.exit : CLI_OK;
}
