/* signal and pid: what needs a process that runs. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

/* "NAME: ERROR (TEXT)" for a record with a bad code; its exit code, or 0 if the code is OK */
static int say_error(const struct client_reply *r)
{
    struct str line = STR_INIT;
    const char *code = reply_text(r, "code");
    if (strcmp(code, "OK") == 0)
        return 0;
    show_clean(&line, reply_text(r, "name"));
    str_puts(&line, ": ERROR (");
    show_clean(&line, reply_text(r, "text"));
    fflush(stdout);
    fprintf(stderr, "%s)\n", str_text(&line));
    str_fini(&line);
    return strcmp(code, "NOT_RUNNING") == 0 ? CLI_DOWN : cli_exit_of(code);
}

static bool on_signalled(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    struct str name = STR_INIT;
    if (r->kind != WIRE_RECORD)
        return true;
    int bad = say_error(r);
    *exit = cli_worst(*exit, bad);
    show_clean(&name, reply_text(r, "name"));
    if (!bad)
        printf("%s: signalled\n", str_text(&name));
    str_fini(&name);
    return true;
}

int cmd_signal(struct cli *c, int argc, char **argv)
{
    int exit = CLI_OK;
    int failed = cli_call(c, "signal", argv + 1, (size_t)argc - 1, on_signalled, &exit);
    return failed ? failed : exit;
}

/* the pid of supd itself comes with the last line, those of processes in records */
static bool on_pid(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    const char *pid = reply_text(r, "pid");
    int bad = r->kind == WIRE_RECORD ? say_error(r) : 0;
    *exit = cli_worst(*exit, bad);
    if (!bad && *pid) {
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
