/* Runs a command and reads what it prints. */
#ifndef DEMO_RUN_H
#define DEMO_RUN_H

#include "supervisor/base/str.h"

/* Starts argv with its stdout in a pipe, whose read end is *out_fd. Its pid, or -1 with errno. */
int run_piped(const char *const *argv, int *out_fd);
/* Runs argv to its end and appends what it printed, its errors left out: the agent is not there
 * from the first moment on. Its exit status (128 + signal), or -1 with errno; after limit_ms it is
 * killed, with ETIMEDOUT. */
int run_output(const char *const *argv, int limit_ms, struct str *out);

#endif
