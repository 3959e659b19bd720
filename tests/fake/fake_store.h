/* The twin of io/store.h: a disk that outlives stores. Batches are durable after a while, in their
 * order; a kill leaves those that had reached the disk, answered or not. */
#ifndef TESTS_FAKE_STORE_H
#define TESTS_FAKE_STORE_H

#include "supervisor/io/store.h"

/* An empty disk. delay: how long a batch takes at most; failing: batches fail. */
void fake_disk_reset(dur_t delay);
void fake_disk_fail(bool failing);
/* Batches take an hour. */
void fake_disk_stall(bool stalled);
/* The process that had the store is dead: no more answers; of the batches under way a random number
 * of the first ones is durable. What is still submitted is ignored. */
void fake_store_kill(struct store *s);
/* Frees a store that was killed. */
void fake_store_bury(struct store **s);
/* Records on the disk of one table, or of all (NULL). */
size_t fake_disk_records(const char *table);

#endif
