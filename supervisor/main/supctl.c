/* supctl: asks a running supd, shows and changes what it does. */
#include "supervisor/base/fd.h"
#include "supervisor/cli/options.h"
#include "supervisor/supervisorctl/sctl.h"

int main(int argc, char **argv)
{
    struct cli cli;
    if (fd_fill_012() < 0) /* or the socket is where output goes */
        return CLI_FAILED;
    if (sctl_wanted(argc, argv))
        return sctl_main(argc, argv);
    int rest = cli_options(argc, argv, &cli);
    if (rest < 0)
        return -rest - 1;
    int status = rest < argc ? cli_run(&cli, argc - rest, argv + rest) : cli_shell(&cli);
    return cli_finish(&cli, status);
}
