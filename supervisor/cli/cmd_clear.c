/* clear and reopen: what supd-log does with files. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/show.h"

#include <stdio.h>

static bool on_row(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    if (r->kind == WIRE_RECORD && !show_outcome(r, "cleared"))
        *exit = cli_worst(*exit, cli_exit_of(reply_text(r, "code")));
    return true;
}

int cmd_clear(struct cli *c, int argc, char **argv)
{
    int exit = CLI_OK;
    int failed = cli_call(c, "clear", argv + 1, (size_t)argc - 1, on_row, &exit);
    return failed ? failed : exit;
}

int cmd_reopen(struct cli *c, int argc, char **argv)
{
    (void)argc, (void)argv;
    int exit = cli_call(c, "reopen", NULL, 0, NULL, NULL);
    if (exit == CLI_OK)
        puts("log files are being opened anew");
    return exit;
}
