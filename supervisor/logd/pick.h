/* Chooses what a sink gets next from one of its outputs. */
#ifndef LOGD_PICK_H
#define LOGD_PICK_H

#include "supervisor/logd/writer.h"

#define PARTIAL_BYTES 16384u  /* a partial line of this length is written */
#define PARTIAL_WAIT DUR_S(1) /* and one that waited so long */

struct pick {
    struct out *out;
    struct span data; /* what the sink gets; lies in blocks or in the writer's buffer */
    uint64_t covers;  /* bytes of the stream that it stands for */
    uint64_t lost_bytes, lost_lines; /* a mark: what it reports */
    bool raw;                        /* byte for byte: a part of it is a part of the stream */
    bool cut, cut_on;                /* behind it the output has this state in the capture marks */
};

/* With the lock. False: nothing to write now; what waits for its line end is looked at again in
 * time. With w->out.failed there was no memory. */
bool pick(struct writer *w, struct sink *k, struct out *o, struct pick *out);

#endif
