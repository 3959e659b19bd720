/* ready=log:REGEX, as supd sees it: supd-agent reads the output and says what it found. */
#ifndef RUN_READY_LOG_H
#define RUN_READY_LOG_H

#include "supervisor/run/procs.h"

/* What the agent says about the text of one run. */
enum ready_log_said {
    READY_LOG_FOUND,   /* a line matches */
    READY_LOG_SKIPPED, /* some of it never came: nobody knows */
    READY_LOG_GIVEN_UP /* a line was too costly to look at */
};
void ready_log_told(struct sup *s, uint32_t tap_key, uint32_t run, enum ready_log_said what);
/* The agent came or went. */
void ready_log_look(struct sup *s);
/* True if the agent is to get the output of this process: it is not ready yet. */
bool ready_log_waits(const struct proc *p);
/* True if it has ready=log:. */
bool ready_log_is(const struct proc *p);

#endif
