/* check: is the configuration right? The one in use is read anew by supd; a file by supd --check.
 */
#include "supervisor/cli/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* supd beside our own file, or from PATH */
static void exec_supd(char *file)
{
    char path[4096];
    char *argv[] = {(char *)(uintptr_t) "supd", (char *)(uintptr_t) "--check",
                    (char *)(uintptr_t) "-c", file, NULL};
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("supd"));
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    fflush(stdout);
    if (slash) {
        memcpy(slash + 1, "supd", sizeof("supd"));
        execv(path, argv);
    }
    execvp("supd", argv);
}

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
    if (argc == 2) {
        exec_supd(argv[1]);
        cli_complain("cannot find supd: %s", strerror(errno));
        return CLI_FAILED;
    }
    int exit = cli_call(c, "check", NULL, 0, on_line, NULL);
    return exit == CLI_FAILED ? CLI_USAGE : exit; /* as supd --check */
}
