/* Chunks of a stream into whole lines. What a chunk holds of whole lines is passed on in one block
 * without a copy; only a line that two chunks share is joined, and of that 16 KiB are kept. Bytes
 * that were lost on the way tear the line that they fell into: it is dropped, and reported. */
#ifndef ALERTS_RULES_LINES_H
#define ALERTS_RULES_LINES_H

#include "supervisor/base/str.h"

#include <stdint.h>

#define LINES_MAX 16384

/* A block: one or more lines, the last byte is a newline. A line of a block may be longer than
 * LINES_MAX; line_next cuts it. Valid during the call. */
typedef void lines_fn(void *obj, const char *p, size_t n);

struct lines {
    struct str part; /* the start of a line whose end is still to come, at most LINES_MAX bytes */
    bool torn; /* what comes up to the next newline is the rest of a line that lost its start */
    uint64_t ntorn; /* lines that were dropped so */
    uint64_t ncut;  /* joined lines of which the rest was skipped */
    bool cut;
};

void lines_init(struct lines *l);
void lines_fini(struct lines *l);
/* Takes a chunk and calls fn for the lines that it completes. */
void lines_feed(struct lines *l, const char *p, size_t n, lines_fn *fn, void *obj);
/* Bytes are missing here: the line begun before and the rest of the one in which they end are
 * dropped. */
void lines_skip(struct lines *l);
/* The stream ended (its process is gone): what is left counts as a line, unless it is torn. */
void lines_end(struct lines *l, lines_fn *fn, void *obj);

/* The next line of a block at *p, without its newline (or CR and newline) and cut to LINES_MAX;
 * moves *p behind it. Returns NULL at the end. */
const char *line_next(const char **p, const char *end, size_t *out_len);

#endif
