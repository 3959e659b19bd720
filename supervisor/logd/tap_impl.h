/* What the files of taps share: tap.c passes text on as it is read, taplag.c keeps what did not fit
 * into the agent's socket. */
#ifndef LOGD_TAP_IMPL_H
#define LOGD_TAP_IMPL_H

#include "supervisor/core/tap.h"
#include "supervisor/logd/tap.h"

#include <sys/uio.h>

/* A stream with a tap; what must survive a kill is in the stream's side. */
struct tap {
    LIST_ENTRY(tap) link;
    struct stream *stream;
    uint8_t which;
    bool named;  /* this process has told the names */
    bool owed;   /* bytes were skipped since the last message */
    bool behind; /* bytes that were read wait for room in the socket */
};
LIST_HEAD(tap_list, tap);

/* Blocks lie anywhere, so a full message may be in so many pieces. */
enum { MESSAGE_PARTS = TAP_TEXT / LOGSHM_BLOCK + 2 };
#define TAP_PARTS 72 /* of a whole read */

struct taps {
    int fd[LOGSHM_TAPS];
    bool full[LOGSHM_TAPS]; /* did not take a message: nothing is tried until it is writable */
    struct tap_list list[LOGSHM_TAPS];
    struct tap *(*by_slot)[LOGSHM_TAPS]; /* made with the first tap */
};

static inline struct tap *tap_of(const struct logd *d, const struct stream *s, uint32_t which)
{
    return d->taps->by_slot ? d->taps->by_slot[s->slot][which] : NULL;
}

static inline struct logshm_tap *tap_shared(const struct logd *d, const struct tap *t)
{
    return &logshm_side(d->h, t->stream->slot)->taps[t->which];
}

/* How far the tap is, so that a kill at any moment leaves the old state or the new one. */
void tap_set_far(struct logshm_tap *x, struct logshm_far far);
/* The run that wrote the byte with this number; where the next one's begin after it, at most end.
 */
const struct logshm_run *tap_run(const struct logshm_side *side, uint64_t byte);
uint64_t tap_next_run(const struct logshm_side *side, uint64_t byte, uint64_t end);
/* Text that one run wrote, len bytes in n pieces, goes to one tap; t->behind: not all of it. */
void tap_pass(struct logd *d, struct tap *t, const struct logshm_run *run,
              const struct iovec *parts, int n, size_t len);

/* True if the stream stands inside a line, as far as its last byte is still there. */
bool tap_is_mid_line(struct logd *d, const struct stream *s);
/* Nothing before what is read now will be passed on any more. */
void tap_skip(struct logd *d, struct tap *t);
/* Passes on what waits, as far as the socket takes it. With the lock. */
void tap_pass_lag(struct logd *d, struct tap *t);
/* What waits in all streams takes a quarter of the memory at most: else it is skipped where there
 * is most of it. Without the lock. */
void tap_limit_lag(struct logd *d, uint32_t which);

#endif
