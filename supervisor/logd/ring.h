/* The blocks that hold output between a pipe and its sinks. Pure memory work on the shared layout:
 * no descriptor, no lock (the caller holds it). What a kill leaves behind is sound again after
 * ring_open. */
#ifndef LOGD_RING_H
#define LOGD_RING_H

#include "supervisor/core/logshm.h"

#include <sys/uio.h>

/* A stream's blocks in the order of their pages: indexes plus 1; 0: none. */
struct chain {
    uint32_t first, last;
    uint32_t n;
};

struct ring {
    struct logshm_head *h;
    struct logshm_desc *descs;
    uint32_t *next;     /* [nblocks], plus 1; links a chain or the free list */
    uint32_t free;      /* behind its end: the blocks from head->fresh on */
    uint32_t nfree;     /* both together */
    uint32_t untouched; /* blocks from here on take no memory */
};

/* Takes the memory over: chains (an array by slot, zeroed) get the blocks that belong to streams in
 * use; all others are free. 0, or -1 for lack of memory. */
int ring_open(struct ring *r, struct logshm_head *h, struct chain *chains);
void ring_close(struct ring *r);

/* Settles a read() that a kill interrupted: sees from the sentinel whether it happened. Frees what
 * lies behind the end, and shuts the span between missing blocks. */
void ring_recover(struct ring *r, struct chain *c, uint32_t slot);

/* Makes room for up to want bytes from position read on, fills iov (at most max of them) and sets
 * *out_n. Returns the bytes of room, less than want when blocks or iovs ran out. */
size_t ring_room(struct ring *r, struct chain *c, uint32_t slot, size_t want, struct iovec *iov,
                 int max, int *out_n, int64_t wall_ns);
/* Announces a read() of n bytes (at most what ring_room gave): marks the memory and sets aim. */
void ring_begin(struct ring *r, struct chain *c, uint32_t slot, size_t n);
/* The read() gave n bytes (0: none). */
void ring_commit(struct ring *r, struct chain *c, uint32_t slot, size_t n);

/* The bytes [from, to) as they lie, at most max iovs; stops at a missing block. Returns how many
 * bytes they hold and sets *out_n. */
size_t ring_view(const struct ring *r, const struct chain *c, uint64_t from, uint64_t to,
                 struct iovec *iov, int max, int *out_n);
/* When the block at this position got its first byte (wall clock, ns), or 0. */
int64_t ring_wall(const struct ring *r, const struct chain *c, uint64_t pos);

/* Frees all blocks for which keep(obj, start, end) is false; start and end are stream positions.
 * stop_early: ends at the first that is kept. Returns how many. */
typedef bool ring_keep_fn(const void *obj, uint64_t start, uint64_t end);
uint32_t ring_reclaim(struct ring *r, struct chain *c, ring_keep_fn *keep, const void *obj,
                      bool stop_early);
/* Frees all blocks of the stream. */
void ring_clear(struct ring *r, struct chain *c);
/* The position of the oldest byte that is there, or read if none is. */
uint64_t ring_oldest(const struct ring *r, const struct chain *c, uint64_t read);
/* Gives the pages of free blocks back to the system, but for the first `spare`. */
void ring_trim(struct ring *r, uint32_t spare);

#endif
