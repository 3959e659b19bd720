/* ready=probe:NAME: what supd-agent says about that probe. */
#ifndef RUN_READY_PROBE_H
#define RUN_READY_PROBE_H

#include "supervisor/run/sup.h"

/* The agent told how a probe of a program is: WAITING, OK, FAILED, GONE; and what it found. */
void ready_probe_told(struct sup *s, const char *program, const char *probe, const char *state,
                      const char *detail);
/* It is not there any more, or has another configuration: nobody knows. */
void ready_probe_unknown(struct sup *s);

#endif
