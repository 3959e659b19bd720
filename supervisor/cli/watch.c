/* status --watch: subscribes, and draws the table again when an event came; on a terminal each
 * second, too, for the times in it. */
#include "supervisor/cli/watch.h"
#include "supervisor/base/mono.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define QUIET_MS 50 /* events in a burst are drawn together */
/* a line that is too long stays one line */
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"
#define TICK_MS 1000 /* a terminal shows how the times go on */

struct watch {
    struct cli *cli;
    char *const *names;
    size_t nnames;
    struct table table;
    struct json_list *json;
    char status_id[WIRE_ID_MAX + 1]; /* the question under way, "" for none */
    bool dirty;                      /* something happened since it was asked */
    size_t rows;                     /* of the answer so far */
    bool drawn;
    int exit;
};

/* As many lines as the terminal has now, at their places: nothing scrolls, nothing flickers. */
static void draw_screen(const struct watch *w)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct str text = STR_INIT, out = STR_INIT;
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    if (!size.ws_row) /* a serial line does not know */
        size.ws_row = 24;
    size_t left = size.ws_row > 2 ? size.ws_row - 1u : 1, lines = w->rows + 1;
    table_print(&w->table, size.ws_col, w->cli->colour, &text);
    str_puts(&out, "\033[H" NO_WRAP);
    size_t shown = lines > left ? left - 1 : lines;
    const char *p = str_text(&text);
    for (size_t i = 0; i < shown; i++) {
        size_t n = strcspn(p, "\n");
        str_put(&out, p, n);
        str_puts(&out, "\033[K\n");
        p += n + (p[n] == '\n');
    }
    if (shown < lines)
        str_printf(&out, "... and %zu more\033[K\n", lines - shown);
    str_puts(&out, "\033[J" WRAP);
    fwrite(str_text(&out), 1, out.len, stdout);
    str_fini(&text);
    str_fini(&out);
}

static void draw(struct watch *w)
{
    if (w->json) {
        json_list_end(&w->json, true);
    } else if (w->cli->screen) {
        draw_screen(w);
    } else {
        show_table(w->cli, &w->table);
        putchar('\n');
    }
    table_fini(&w->table);
    fflush(stdout);
    w->drawn = true;
}

static void on_row(struct watch *w, const struct client_reply *r)
{
    if (*reply_text(r, "code")) {
        if (!w->drawn)
            cli_complain("%s: %s", reply_text(r, "name"), reply_text(r, "text"));
        w->exit = CLI_UNKNOWN;
        return;
    }
    w->rows++;
    if (w->json)
        json_list_add(w->json, r);
    else
        show_status_row(&w->table, r);
}

/* lines of either request: rows of the table, or events */
static bool on_line(void *obj, const struct client_reply *r)
{
    struct watch *w = obj;
    if (r->kind == WIRE_EVENT)
        w->dirty = true;
    else if (r->kind == WIRE_RECORD && w->status_id[0])
        on_row(w, r);
    else if (r->kind == WIRE_ERROR)
        cli_complain("%s", r->text);
    return true;
}

static int ask(struct watch *w, struct err *e)
{
    w->dirty = false;
    w->rows = 0;
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

/* how long the next event may take before the table is asked for anew */
static int patience(const struct watch *w)
{
    return w->dirty ? QUIET_MS : w->cli->screen && !w->json ? TICK_MS : -1;
}

/* one round: what came is taken in, the table drawn or asked for anew; -1 with the reason */
static int step(struct watch *w, struct err *e)
{
    if (!w->status_id[0] && !wait_input(w, patience(w)))
        return ask(w, e);
    int r = client_receive(&w->cli->client, NULL, on_line, w, e);
    if (r == 1)
        return err_set(e, "supd refused");
    if (r == 0 && w->status_id[0]) {
        if (!w->rows && !w->drawn && w->exit)
            return 1; /* none of the names is known */
        draw(w);
        w->status_id[0] = '\0';
    }
    return r < 0 ? -1 : 0;
}

int watch_status(struct cli *c, char *const *names, size_t n)
{
    struct err e = {0};
    struct watch w = {.cli = c, .names = names, .nnames = n, .dirty = true};
    int r, exit = cli_call(c, "subscribe", NULL, 0, NULL, NULL);
    if (exit)
        return exit;
    if (c->screen && !c->json)
        fputs("\033[H\033[J", stdout);
    while ((r = step(&w, &e)) == 0)
        ;
    if (r < 0)
        exit = cli_ended(c, &e);
    if (w.json)
        json_list_end(&w.json, false);
    table_fini(&w.table);
    return exit ? exit : w.exit;
}
