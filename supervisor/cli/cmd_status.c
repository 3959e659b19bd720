/* status: a table of processes, once or kept current. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"
#include "supervisor/cli/watch.h"

#include <stdio.h>
#include <string.h>

struct status {
    struct table table;
    struct json_list *json; /* NULL: a table */
    size_t shown;
    int exit;
};

static bool on_row(void *obj, const struct client_reply *r)
{
    struct status *s = obj;
    if (r->kind != WIRE_RECORD)
        return true;
    if (*reply_text(r, "code")) {
        cli_complain("%s: %s", reply_text(r, "name"), reply_text(r, "text"));
        if (s->exit == CLI_OK)
            s->exit = CLI_UNKNOWN;
        return true;
    }
    /* a oneshot that is done is as it should be */
    if (show_is_down(reply_text(r, "state")) && strcmp(reply_text(r, "why"), "done") != 0)
        s->exit = CLI_NOT_UP; /* as in Supervisor, this wins over an unknown name */
    s->shown++;
    if (s->json)
        json_list_add(s->json, r);
    else
        show_status_row(&s->table, r);
    return true;
}

int cmd_status(struct cli *c, int argc, char **argv)
{
    struct status s = {.exit = CLI_OK};
    if (cli_flag(&argc, argv, "--watch"))
        return watch_status(c, argv + 1, (size_t)argc - 1);
    if (c->json)
        s.json = json_list_new();
    show_status_begin(&s.table);
    int exit = cli_call(c, "status", argv + 1, (size_t)argc - 1, on_row, &s);
    if (s.json)
        json_list_end(&s.json, exit == CLI_OK);
    else if (s.shown)
        show_table(c, &s.table);
    else if (exit == CLI_OK && s.exit == CLI_OK)
        puts("no programs are configured");
    table_fini(&s.table);
    return exit ? exit : s.exit;
}
