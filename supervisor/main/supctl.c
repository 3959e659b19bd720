/* supctl: asks a running supd, shows and changes what it does. */
#include "supervisor/cli/options.h"

int main(int argc, char **argv)
{
    struct cli cli;
    int rest = cli_options(argc, argv, &cli);
    if (rest < 0)
        return -rest - 1;
    int status = rest < argc ? cli_run(&cli, argc - rest, argv + rest) : cli_shell(&cli);
    return cli_finish(&cli, status);
}
