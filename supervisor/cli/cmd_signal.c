/* signal and pid: what needs a process that runs. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

static bool on_signalled(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    if (r->kind == WIRE_RECORD && !show_outcome(r, "signalled"))
        *exit = cli_worst(*exit, cli_exit_of_running(reply_text(r, "code")));
    return true;
}

int cmd_signal(struct cli *c, int argc, char **argv)
{
    int exit = CLI_OK;
    if (argv[1][0] == '-') /* as kill takes it: -HUP, -9 */
        argv[1]++;
    int failed = cli_call(c, "signal", argv + 1, (size_t)argc - 1, on_signalled, &exit);
    return failed ? failed : exit;
}

/* the pid of supd itself comes with the last line, those of processes in records */
static bool on_pid(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    const char *pid = reply_text(r, "pid");
    const char *code = reply_text(r, "code");
    if (r->kind == WIRE_RECORD && strcmp(code, "OK") != 0) {
        show_outcome(r, NULL);
        *exit = cli_worst(*exit, cli_exit_of_running(code));
    } else if (*pid) {
        puts(pid);
        *exit = cli_worst(*exit, strcmp(pid, "0") == 0 ? CLI_DOWN : CLI_OK);
    }
    return true;
}

int cmd_pid(struct cli *c, int argc, char **argv)
{
    int exit = CLI_OK;
    int failed = cli_call(c, "pid", argv + 1, (size_t)argc - 1, on_pid, &exit);
    return failed ? failed : exit;
}
