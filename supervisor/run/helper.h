/* Short-lived children of supd itself (the load child, the pid file writer): forked copies that do
 * what PID 1 must not do, with a deadline. */
#ifndef RUN_HELPER_H
#define RUN_HELPER_H

#include "supervisor/run/sup.h"

/* Runs child(obj) in a fork; its result is the exit status. done(obj, status) is called with the
 * wait status; after limit it is killed, and the status is HELPER_LATE, even where a KILL does not
 * help: it hangs on a dead disk, and its end is not waited for. The child has default signals, all
 * unblocked. Returns its pid, or -1 with the reason. */
#define HELPER_LATE (-1)
typedef int helper_child_fn(void *obj);
typedef void helper_done_fn(void *obj, int status);
int helper_run(struct sup *s, helper_child_fn *child, helper_done_fn *done, void *obj, dur_t limit,
               struct err *e);
/* The same for a child that is there already and leads a process group, which is killed as a whole.
 * 0, or -1 and the reason; then the caller has to end it. */
int helper_watch(struct sup *s, int pid, helper_done_fn *done, void *obj, dur_t limit,
                 struct err *e);
/* Who asked with this obj does not want to know any more: done is not called. */
void helper_forget(struct sup *s, const void *obj);
/* From the reap loop: true if pid was a helper. */
bool helper_reaped(struct sup *s, int pid, int status);
/* True if it is the pid of one. */
bool helper_is(const struct sup *s, int pid);
/* KILLs all and forgets their callbacks. */
void helpers_end(struct sup *s);
/* Forgets those that were not reaped any more. */
void helpers_fini(struct sup *s);

#endif
