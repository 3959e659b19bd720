/* supctl's command line and its surroundings. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "supervisor/cli/cli.h"

/* Reads the options before the command and looks at the terminal. Returns the index of the command
 * (argc: none), or -1 - the exit status when the program is to end at once. */
int cli_options(int argc, char **argv, struct cli *out);
/* Closes the connection and flushes; the exit status, 1 if standard output could not be written. */
int cli_finish(struct cli *c, int status);

#endif
