/* What becomes of a signal that plain init received: pure. */
#ifndef INIT_RELAY_H
#define INIT_RELAY_H

#include "supervisor/init/plan.h"

struct relay {
    uint64_t once; /* bit n-1: the next signal n is ours alone (we caused it), and is dropped */
    bool clearing; /* the child is gone, what it left is being ended */
};

struct relay_signal {
    int signo;
    bool queued; /* sigqueue() sent it, with a value */
};

struct relay_action {
    int send;      /* this signal goes on; 0: none */
    bool to_child; /* to the child itself, with its value; else as the plan says */
    bool stop_us;  /* then we stop ourselves */
    bool hasten;   /* what is left has had its time */
};

/* Decides. Signals while clearing are for us: TERM, INT and QUIT hasten it, others are dropped. */
struct relay_action relay_decide(const struct init_plan *plan, struct relay *r,
                                 struct relay_signal sig);

#endif
