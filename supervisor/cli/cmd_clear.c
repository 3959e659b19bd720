/* clear and reopen: what supd-log does with files. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

static bool on_row(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    struct str line = STR_INIT;
    const char *code = reply_text(r, "code");
    if (r->kind != WIRE_RECORD)
        return true;
    bool ok = strcmp(code, "OK") == 0;
    show_clean(&line, reply_text(r, "name"));
    str_puts(&line, ok ? ": cleared" : ": ERROR (");
    show_clean(&line, reply_text(r, "text"));
    fprintf(ok ? stdout : stderr, "%s%s\n", str_text(&line), ok ? "" : ")");
    *exit = cli_worst(*exit, ok ? CLI_OK : cli_exit_of(code));
    str_fini(&line);
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
