/* What supervisorctl reads of a configuration: [supervisorctl] of the main file, as Supervisor's
 * own does, which follows no include. */
#ifndef CONF_CTLCONF_H
#define CONF_CTLCONF_H

#include "supervisor/conf/load.h"

struct ctlconf {
    struct conf *conf; /* what the texts are part of */
    const char *serverurl;
    const char *username, *password, *history_file; /* NULL: none */
    const char *prompt;
};

/* Reads the file of the request, or the one that is found on the search path; none there is no
 * error. 0, or -1 and the reason; what is freed is the caller's in both cases. */
int ctlconf_read(const struct conf_request *rq, struct ctlconf *out, struct err *e);
void ctlconf_fini(struct ctlconf *c);

#endif
