/* Listening sockets of a configuration, made by a helper process: PID 1 opens no path of it. */
#ifndef RUN_BINDER_H
#define RUN_BINDER_H

#include "supervisor/io/listener.h"
#include "supervisor/run/sup.h"

#define BINDER_MAX 64u /* at once */

/* Called once, with what came of each; the descriptors that are open belong to the callee, the
 * array does not. */
typedef void binder_done_fn(void *obj, struct listener_got *v, size_t n);

struct binding;

/* Opens all of them, which have to be there only during this call. NULL and the reason; then done
 * is not called. */
struct binding *binder_open(struct sup *s, const struct listener *v, size_t n, binder_done_fn *done,
                            void *obj, struct err *e);
/* Who asked does not want to know any more; until done was called. */
void binder_forget(struct sup *s, struct binding **b);

#endif
