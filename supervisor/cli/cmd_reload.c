/* reload: supd's own configuration, or that of programs. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/cmd_update.h"
#include "supervisor/cli/show.h"

static bool on_program(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    if (r->kind == WIRE_RECORD && !show_outcome(r, "reloaded"))
        *exit = cli_worst(*exit, cli_exit_of_running(reply_text(r, "code")));
    return true;
}

int cmd_reload(struct cli *c, int argc, char **argv)
{
    int exit = CLI_OK;
    if (argc < 2)
        return update_all(c);
    int failed = cli_call(c, "reload", argv + 1, (size_t)argc - 1, on_program, &exit);
    return failed ? failed : exit;
}
