/* What is looked at before a process is started for a client of Supervisor's: whether its command
 * is there and may be executed. A forked child looks, since the disk may not answer. */
#ifndef RUN_PRECHECK_H
#define RUN_PRECHECK_H

#include "supervisor/run/helper.h"
#include "supervisor/run/procs.h"

struct precheck;
typedef void precheck_fn(void *obj);

/* Looks at the commands of procs[0..n), and calls done(obj) once, after 2 s even if it has not seen
 * all of them. NULL: it cannot be done now. */
struct precheck *precheck_start(struct sup *s, struct proc *const *procs, size_t n,
                                precheck_fn *done, void *obj);
/* Frees it; before done is called, too, which it is not any more then. */
void precheck_free(struct sup *s, struct precheck **c);
/* What is wrong with the command of procs[i], which was p: a code, and Supervisor's words in buf.
 * NULL: nothing, or it is not known. c may be NULL. */
const char *precheck_fault(const struct precheck *c, size_t i, const struct proc *p, char *buf,
                           size_t size);

#endif
