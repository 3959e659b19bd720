/* The last lines of a program's output, shown beside the news that it failed. */
#ifndef CLI_LAST_LINES_H
#define CLI_LAST_LINES_H

#include "supervisor/cli/cli.h"

/* Prints up to ten lines of the process's stderr, or of its stdout where that is empty, on stderr;
 * nothing where there are none. */
void last_lines(struct cli *c, const char *name);

#endif
