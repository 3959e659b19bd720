/* The verbs of the control socket: one row in verbs.def, one handler in a file verb_*.c. */
#ifndef RUN_VERBS_H
#define RUN_VERBS_H

#include "supervisor/run/ctl.h"

/* All rows, for ctl_config; their handlers take the struct sup as obj. */
const struct ctl_verb *verbs_all(size_t *out_n);

#endif
