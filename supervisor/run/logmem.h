/* supd's side of the memory shared with supd-log: slots and strings. */
#ifndef RUN_LOGMEM_H
#define RUN_LOGMEM_H

#include "supervisor/base/err.h"
#include "supervisor/core/logshm.h"

#define LOGMEM_CLASS 4u /* strings of up to 4,607 bytes, with LOGSHM_CLASSES of them */

struct logmem {
    int fd;
    struct logshm_head *h; /* mapped up to the block descriptors */
    uint32_t free_slot;    /* first of a list through logshm_stream.fd, plus 1; 0: none */
};

/* The smallest memory that logmem_init makes do with where the limit of file sizes is low, in
 * bytes. */
uint64_t logmem_least(void);
/* A new memory with room for `memory` bytes of output. 0, or -1 and the reason. */
int logmem_init(struct logmem *m, int64_t memory, struct err *e);
/* Whether logmem_open could go on with the memory in this descriptor: 0, or -1 and the reason. */
int logmem_check(int fd, struct err *e);
/* Goes on with the memory in this descriptor, which belongs to m then. 0, or -1 and the reason. */
int logmem_open(struct logmem *m, int fd, struct err *e);
void logmem_fini(struct logmem *m);
/* A free slot, zeroed, or -1 and the reason. */
int64_t logmem_slot_new(struct logmem *m, struct err *e);
/* Gives the slot and its strings back: name, program and folder are shared ones. */
void logmem_slot_free(struct logmem *m, uint32_t slot);
/* Copies a text; the offset, 0 for NULL or "", or -1 and the reason. */
int64_t logmem_string(struct logmem *m, const char *text, struct err *e);
/* Gives a text back and sets *off to 0. */
void logmem_string_free(struct logmem *m, uint32_t *off);
/* The same for a text that others may have, too: what was shared a moment ago is there only once.
 * The first n bytes of text. */
int64_t logmem_share(struct logmem *m, const char *text, size_t n, struct err *e);
void logmem_share_free(struct logmem *m, uint32_t *off);

#endif
