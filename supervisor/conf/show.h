/* What `supd --check` and `supd --dump-config` do. */
#ifndef CONF_SHOW_H
#define CONF_SHOW_H

#include "supervisor/base/str.h"
#include "supervisor/conf/load.h"

enum conf_show { CONF_CHECK, CONF_DUMP_TEXT, CONF_DUMP_JSON };

/* Loads the configuration and prints, for CONF_CHECK what is wrong and worth knowing, else the
 * dump, to stdout, and errors to stderr. Returns the exit status: 0, or 2 if it cannot be used
 * (with CONF_DUMP_JSON: if Supervisor could not use it). */
int conf_main_show(const struct conf_request *rq, enum conf_show what);

/* The man page rows of every section and option, in mdoc, and their names one a line ("section
 * option") for completion; both from the option rows. */
void conf_print_man_rows(struct str *out);
void conf_print_option_names(struct str *out);

#endif
