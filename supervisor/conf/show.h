/* What `supd --check` and `supd --dump-config` do. */
#ifndef CONF_SHOW_H
#define CONF_SHOW_H

#include "supervisor/base/str.h"
#include "supervisor/conf/load.h"

enum conf_show { CONF_CHECK, CONF_LINT, CONF_DUMP_TEXT, CONF_DUMP_JSON };

/* Loads the configuration and appends to out, for CONF_CHECK what is worth knowing about it, else
 * the dump, and to err what is wrong. Returns the exit status: 0, or 2 if it cannot be used (with
 * CONF_DUMP_JSON: if Supervisor could not use it). */
int conf_show(const struct conf_request *rq, enum conf_show what, struct str *out, struct str *err);
/* The same on descriptors 1 and 2; 1 if these cannot be written. */
int conf_main_show(const struct conf_request *rq, enum conf_show what);

/* A configuration to begin with, as echo_supervisord_conf prints it. */
void conf_print_sample(struct str *out);
/* The help of an option of a section; NULL if it has none of that name. */
const char *conf_help(const char *section, const char *option);

/* The man page rows of every section and option, in mdoc, and their names one a line ("section
 * option") for completion; both from the option rows. */
void conf_print_man_rows(struct str *out);
void conf_print_option_names(struct str *out);

#endif
