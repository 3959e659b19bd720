/* ready=probe:NAME: what supd-agent says about that probe. */
#ifndef RUN_READY_PROBE_H
#define RUN_READY_PROBE_H

#include "supervisor/run/sup.h"

/* What the agent says about a probe of a program. */
struct ready_probe_word {
    const char *program, *probe;
    const char *state;  /* WAITING, OK, FAILED, GONE */
    const char *detail; /* what it found */
    int pid;            /* the process that it has looked at, 0: none; -1: it does not say */
};
void ready_probe_told(struct sup *s, const struct ready_probe_word *w);
/* It is not there any more, or has another configuration: nobody knows. */
void ready_probe_unknown(struct sup *s);

#endif
