/* Processes that outlived their supervisor or their program. */
#ifndef RUN_LEFTOVERS_H
#define RUN_LEFTOVERS_H

#include "supervisor/run/sup.h"

/* Sets s->mark: "PID.STARTTIME.CONFIG", which our children carry in their environment as SUPD_MARK.
 */
void leftovers_mark(struct sup *s);

/* In a helper process, before anything is started: finds processes whose SUPD_MARK names a
 * supervisor of this configuration that is gone. Each is reported through log_line. Those whose
 * program has orphans=kill get its stop sequence, then KILL; one that the configuration no longer
 * has counts as the default says, and gets TERM, up to 5 s, then KILL. Returns how many were found.
 */
int leftovers_sweep(const struct sup *s);
/* How long that may take at most. */
dur_t leftovers_limit(const struct gen *g);

/* The last act: KILLs what is left. As PID 1 everything; as a subreaper what came to us. Reaps for
 * at most a second. */
void leftovers_kill(struct sup *s);

#endif
