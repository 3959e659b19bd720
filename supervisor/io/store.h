/* Records that survive: small values by (table, key), put and deleted in batches that are durable
 * as a whole or not there at all. Two kinds: a SQLite file with a worker thread, so that a stalled
 * disk never holds up the loop (store.c), and a journal in a memfd for when nothing is writable
 * (journal.h). All results come in the loop, never from inside the call that asked. */
#ifndef IO_STORE_H
#define IO_STORE_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"
#include "supervisor/io/loop.h"

#include <stddef.h>

struct store;

/* One change: puts the value, or deletes the record where value is NULL. */
struct store_op {
    const char *table, *key;
    const void *value;
    size_t n;
};

struct store_loaded {
    const struct err *failed; /* NULL: it is open; else it cannot be used: only store_close it */
    const char *note;         /* NULL, or what the log should say: a damaged file was moved */
    const struct store_op *records; /* all there are, valid during the call */
    size_t n;
};

/* Called once, before any store_done_fn. */
typedef void store_loaded_fn(void *obj, const struct store_loaded *r);
/* e NULL: the batch is durable. Called once for each batch, in their order. */
typedef void store_done_fn(void *obj, const struct err *e);

/* Opens or makes the SQLite file (mode 0600), in the worker. NULL and the reason only if there can
 * be no worker. A file that is damaged is moved to PATH.corrupt and a new one begun; one of a newer
 * version is left alone and refused. */
struct store *store_open(struct loop *l, const char *path, store_loaded_fn *loaded, void *obj,
                         struct err *e);
/* Hands in a batch; everything is copied. It may be called before `loaded`. done may be NULL. More
 * than STORE_QUEUE bytes may not wait: such a batch fails, before those that wait. */
#define STORE_QUEUE (16 << 20)
void store_submit(struct store *s, const struct store_op *ops, size_t n, store_done_fn *done,
                  void *obj);
/* Batches that were not answered yet. */
size_t store_waiting(const struct store *s);
/* Waits until what was handed in is written, though at most `limit`, and frees it; nothing is
 * called back any more. Not from inside a callback of this store. False if something may not have
 * been written. Sets *s to NULL. */
bool store_close(struct store **s, dur_t limit);

#endif
