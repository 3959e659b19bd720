/* Taps: the text of some streams goes on to supd or to supd-agent as it is read, over a SEQPACKET
 * socket each (core/tap.h says what is in a message). A consumer that falls behind misses text, and
 * is told how much; nobody waits for it. The agent's waits a while in the blocks before. Reader
 * thread only, but for what says "with the lock". */
#ifndef LOGD_TAP_H
#define LOGD_TAP_H

#include "supervisor/logd/logd.h"

/* With the sockets that this start inherited. NULL for lack of memory. */
struct taps *taps_new(const struct logshm_head *h);
/* The other end of a tap's socket was made anew: fd is ours now; -1: there is none any more. What
 * streams were tapped for it are not, until their configuration says so again. */
void tap_socket(struct logd *d, uint32_t which, int fd);
/* The socket takes more; or its other end is gone (open is false). */
void tap_writable(struct logd *d, uint32_t which, bool open);

/* The reader can watch sockets from now on: those that were found full before. */
void tap_watch(struct logd *d);

/* Follows the side of a stream; passes on what a killed predecessor had read but not passed on.
 * With the lock. */
void tap_configure(struct logd *d, struct stream *s);
/* A read() of n bytes is about to be made. */
void tap_announce(struct logd *d, struct stream *s, size_t n);
/* Looks at the got bytes that it brought, which are not committed yet. */
void tap_text(struct logd *d, struct stream *s, const struct iovec *iov, int n, size_t got);
/* What may be the beginning of a mark is text: no more will come for now. */
void tap_flush(struct logd *d, struct stream *s);
/* The stream's next byte has this position, without bytes in between; with the lock. */
void tap_jump(struct logd *d, struct stream *s, uint64_t next);
/* True if bytes of [start, end) wait for room in a socket; with the lock. */
bool tap_needs(const struct logd *d, const struct stream *s, uint64_t start, uint64_t end);
/* What waits is skipped instead, its blocks are free. Returns how many; with the lock, and while no
 * other thread reads the stream. */
uint32_t tap_give_up(struct logd *d, struct stream *s);
/* The same for all streams that are not being read; false: it freed nothing. With the lock. */
bool tap_relieve(struct logd *d);
/* The stream goes away; with the lock. */
void tap_forget(struct logd *d, struct stream *s);

#endif
