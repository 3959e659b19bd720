/* What subscribers of the control socket are told; ctl writes it as one line. */
#ifndef RUN_CTL_EVENT_H
#define RUN_CTL_EVENT_H

#include "supervisor/core/proc.h"

enum ctl_event_type {
    CTL_EVENT_STATE,   /* change */
    CTL_EVENT_SPAWNED, /* pid */
    CTL_EVENT_EXIT,    /* pid, status (a wait status), expected */
    CTL_EVENT_GROUP_ADDED,
    CTL_EVENT_GROUP_REMOVED,
    CTL_EVENT_MOOD, /* name: "running", "stopping" */
};

struct ctl_event {
    enum ctl_event_type type;
    const char *name; /* "group:process", or the group */
    struct proc_change change;
    int pid, status;
    bool expected;
};

#endif
