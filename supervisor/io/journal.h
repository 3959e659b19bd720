/* The store for when nothing is writable: a journal in a memfd, which somebody else keeps open over
 * the life of this process. A batch is one entry with a CRC, so that a kill in the middle of a
 * write leaves none of it. Two halves: when one is full, what is live is written to the other, and
 * one small write makes that the one that counts. */
#ifndef IO_JOURNAL_H
#define IO_JOURNAL_H

#include "supervisor/io/store.h"

#define JOURNAL_SIZE (1 << 20)
/* Live records may take about half of it; a batch that does not fit fails. */

/* Opens the journal in fd (a memfd or a file), or begins one in an empty or damaged one. fd stays
 * the caller's, and open until store_close. NULL and the reason if it cannot be read or sized. */
struct store *journal_open(struct loop *l, int fd, store_loaded_fn *loaded, void *obj,
                           struct err *e);

#endif
