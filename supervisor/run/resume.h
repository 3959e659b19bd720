/* Going on where another supd, with our pid, stood: all from its state, nothing from a disk. */
#ifndef RUN_RESUME_H
#define RUN_RESUME_H

#include "supervisor/run/sup.h"

/* Takes the place of the supd whose state is in this descriptor. *s is made here. 0, or -1 and the
 * reason: then only the keeper can go on (keeper.h). */
int resume(struct sup *s, const struct sup_options *opt, struct state *state, struct err *e);

#endif
