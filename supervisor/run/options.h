/* supd's command line. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "supervisor/conf/load.h"
#include "supervisor/run/sup.h"

#define OPTIONS_WORDS 20 /* options of [supervisord] that may be given */

struct options {
    struct sup_options sup; /* its words are these */
    struct conf_word words[OPTIONS_WORDS];
};

/* Reads the command line; the texts stay argv's. Returns -1 if supd is to run, else the exit
 * status:
 * --check, --dump-config, --help, --version did their work, or usage was wrong (2). */
int options_read(int argc, char **argv, struct options *out);

#endif
