/* reload NAME...: programs take their own configuration anew. */
#ifndef RUN_VERB_RELOAD_H
#define RUN_VERB_RELOAD_H

#include "supervisor/run/verb.h"

/* Takes the request if it names programs; false: it is about supd's own configuration. */
bool reload_programs(struct sup *s, struct ctl_req *rq);

#endif
