/* Keeps what stands between the capture marks out of the sinks: tells a writer what comes next in
 * one output. Where an output is in the marks survives a kill of supd-log. */
#ifndef LOGD_CUT_H
#define LOGD_CUT_H

#include "supervisor/logd/logd.h"
#include "supervisor/logd/span.h"

struct cut {
    uint64_t to;   /* up to here it is text for the sink; at the beginning of the span: none */
    uint64_t skip; /* above to: bytes up to here are none */
    bool ends;     /* what is behind `to` does not go on with the line before it */
    bool on;       /* the state after skip */
};

/* Looks at the bytes from the output's `done` on, which are in view. flush: what may be the
 * beginning of a mark is not waited for. With the lock. Neither to nor skip above done: wait for
 * more. */
void cut_find(const struct logd *d, const struct out *o, const struct span *view, bool flush,
              struct cut *out);
/* The output has this state from the position on; before its `done` is set to that. */
void cut_note(struct logd *d, const struct out *o, uint64_t pos, bool on);

#endif
