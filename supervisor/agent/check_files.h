/* The files that the agent itself opens, as the configuration names them: can it? */
#ifndef AGENT_CHECK_FILES_H
#define AGENT_CHECK_FILES_H

#include "supervisor/conf/agentgen.h"

/* text begins with the option: "tls_ca: ...". warning: what is not there may still come. */
typedef void check_files_fn(void *obj, bool warning, const struct item *it, const char *text);
/* Opens all of them, as whoever calls it: the agent's user. helped: those that it may not open will
 * be opened by supd-log. Blocks. */
void check_files(const struct agentgen *g, bool helped, check_files_fn *fn, void *obj);

#endif
