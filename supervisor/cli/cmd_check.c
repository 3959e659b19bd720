/* check: is the configuration right? The one in use is read anew by supd; a file by supd --check.
 */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/exec_supd.h"

#include <stdio.h>

static bool on_line(void *obj, const struct client_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_RECORD)
        printf("%s: %s\n", reply_text(r, "level"), reply_text(r, "text"));
    else if (r->kind == WIRE_OK)
        printf("%s is right: %s processes in %s groups\n", reply_text(r, "config"),
               reply_text(r, "processes"), reply_text(r, "groups"));
    return true;
}

int cmd_check(struct cli *c, int argc, char **argv)
{
    if (argc == 2)
        return exec_supd("--check", argv[1]);
    int exit = cli_call(c, "check", NULL, 0, on_line, NULL);
    return exit == CLI_FAILED ? CLI_USAGE : exit; /* as supd --check */
}
