/* The output of programs as supd-agent gets it: reads the socket that supd handed over (HAND_TEXT)
 * and says, piece by piece, what came and what did not. Which programs is asked for over the
 * channel
 * (`text PROGRAM`). */
#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H

#include "supervisor/base/err.h"
#include "supervisor/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_port;

/* Output as it was read: not cut into lines, nor at them. The strings are valid during the call. */
struct text_piece {
    const char *program, *process;
    uint32_t slot, key; /* of the stream, of its tap */
    int channel;        /* 0: stdout, 1: stderr */
    uint32_t run;       /* counts the runs of this process; another number: a line of the old one is
                           over */
    int pid;            /* of that run; 0: not known */
    uint64_t skipped; /* bytes that were lost right before this text: what one counts in this window
                         is unknown now, and a line that was begun is torn */
    bool torn;        /* the text begins inside a line whose beginning was lost */
    const char *text;
    size_t len; /* may be 0 when there is only a loss to tell */
};
typedef void text_fn(void *obj, const struct text_piece *p);

/* Reads from fd, which belongs to the port from now on, also when it fails; 64 messages a turn at
 * most. NULL and the reason. */
struct text_port *text_open(struct loop *l, int fd, text_fn *fn, void *obj, struct err *e);
void text_close(struct text_port **p);

#endif
