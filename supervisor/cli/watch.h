/* status --watch: the table, drawn again when something happened. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "supervisor/cli/cli.h"

/* Shows the named processes (all for n of 0) until Ctrl-C or until supd ends; an exit code. */
int watch_status(struct cli *c, char *const *names, size_t n);

#endif
