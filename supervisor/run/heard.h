/* How far the text of one stream has become events, and what is here of a capture. With event
 * listeners it lies in their memory, and the next supd goes on with it; else in ordinary memory.
 * Nothing counts before heard_commit, and then all of it: whoever is killed in between finds the
 * message again, and takes it again. */
#ifndef RUN_HEARD_H
#define RUN_HEARD_H

#include "supervisor/run/listenmem.h"

#include <stddef.h>

/* Up to and including a message. */
struct heard_at {
    uint64_t at;         /* struct tap_join's */
    uint64_t skipped;    /* bytes that were lost since the last event of its kind */
    uint64_t unheard;    /* the same, in the capture under way */
    uint32_t run;        /* whose capture it is */
    uint32_t start, len; /* of what is here of it, in the record's text */
    uint32_t pad;
};

/* As it lies in the memory, text behind it. */
struct heard_record {
    uint32_t room; /* bytes of text */
    uint32_t cur;  /* which one counts: the other is written first */
    struct heard_at at[2];
};

/* A stream's; zeroed: none. */
struct heard {
    struct heard_record *record;
    struct listenmem *mem; /* NULL: ordinary memory */
    uint32_t event;        /* of mem */
    uint32_t slot, key;
};

/* That of this slot and key, which another supd may have left; mem may be NULL. False: no memory.
 */
bool heard_open(struct heard *h, struct listenmem *mem, uint32_t slot, uint32_t key);
void heard_close(struct heard *h);
/* From now on it lies there; false: no room, and it stays where it is. */
bool heard_move(struct heard *h, struct listenmem *mem);

struct heard_at heard_now(const struct heard *h);
/* n bytes of the capture come behind those of *next, which began as heard_now; limit: so many of
 * the last ones are needed. What there is no memory for counts as unheard. Once for each commit. */
void heard_put(struct heard *h, struct heard_at *next, const char *text, size_t n, size_t limit);
const char *heard_text(const struct heard *h, const struct heard_at *at);
void heard_commit(struct heard *h, const struct heard_at *next);

#endif
