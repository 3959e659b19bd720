/* reload: supd's own configuration, or that of programs. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/cmd_update.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

static bool on_program(void *obj, const struct client_reply *r)
{
    int *exit = obj;
    struct str name = STR_INIT, text = STR_INIT;
    const char *code = reply_text(r, "code");
    bool good = strcmp(code, "OK") == 0;
    if (r->kind != WIRE_RECORD)
        return true;
    show_clean(&name, reply_text(r, "name"));
    show_clean(&text, reply_text(r, "text"));
    if (good)
        printf("%s: reloaded\n", str_text(&name));
    fflush(stdout);
    if (!good)
        fprintf(stderr, "%s: ERROR (%s)\n", str_text(&name), str_text(&text));
    *exit = cli_worst(*exit, good                               ? CLI_OK
                             : strcmp(code, "NOT_RUNNING") == 0 ? CLI_DOWN
                                                                : cli_exit_of(code));
    str_fini(&name);
    str_fini(&text);
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
