/* supd's command line. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "supervisor/run/sup.h"

struct options {
    struct sup_options sup;
};

/* Reads the command line. Returns -1 if supd is to run, else the exit status: --check,
 * --dump-config,
 * --help, --version did their work, or usage was wrong (2). */
int options_read(int argc, char **argv, struct options *out);

#endif
