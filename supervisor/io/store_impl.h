/* What both kinds of stores share: the face, and batches as one block of memory. */
#ifndef IO_STORE_IMPL_H
#define IO_STORE_IMPL_H

#include "supervisor/io/store.h"

#include <stdint.h>

struct store_kind {
    void (*submit)(struct store *s, const struct store_op *ops, size_t n, store_done_fn *done,
                   void *obj);
    size_t (*waiting)(const struct store *s);
    bool (*close)(struct store *s, dur_t limit);
};

/* Each kind begins with it. */
struct store {
    const struct store_kind *kind;
};

/* A copy of ops with what they point to, in one block for free(); *out_bytes: its size. */
struct store_op *store_copy(const struct store_op *ops, size_t n, size_t *out_bytes);

#endif
