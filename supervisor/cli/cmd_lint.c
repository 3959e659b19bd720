/* lint: what Supervisor does with the surprising lines of a file, and what supd does. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/exec_supd.h"

int cmd_lint(struct cli *c, int argc, char **argv)
{
    (void)c;
    (void)argc;
    return exec_supd("--lint", argv[1]);
}
