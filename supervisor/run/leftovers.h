/* Processes that outlived their supervisor or their program. */
#ifndef RUN_LEFTOVERS_H
#define RUN_LEFTOVERS_H

#include "supervisor/base/vec.h"
#include "supervisor/core/kin.h"
#include "supervisor/run/sup.h"

/* One process that is to be ended. */
struct leftover {
    struct kin k;
    bool end; /* its program has orphans=kill; else it is left alone */
    const struct gen *gen;
    const struct gen_opts *opts; /* of its program in gen; NULL: there is none of that name */
    uint32_t sent;               /* signals so far */
    mono_t due;                  /* when the next one follows; the first at once */
};
struct leftovers {
    struct leftover *v;
    size_t n, cap;
};

/* Sets s->mark: "PID.STARTTIME.PLACE", which our children carry in their environment as SUPD_MARK.
 * The place is this configuration (its absolute path) in our PID namespace. */
void leftovers_mark(struct sup *s, const char *config);

/* In a helper process, before anything is started: finds processes whose SUPD_MARK names a
 * supervisor of this configuration that is gone. Each is reported through log_line. Those whose
 * program has orphans=kill get its stop sequence, then KILL; one that the configuration no longer
 * has counts as the default says, and gets TERM, up to 5 s, then KILL. At a TERM of ours all get
 * their KILL. Returns how many were found. */
int leftovers_sweep(const struct sup *s);
/* In a helper, too: gives each its program's stop sequence, no wait of which is longer than
 * longest, then KILL, and waits until they are gone. */
void leftovers_end(struct leftovers *found, dur_t longest);
/* How long leftovers_sweep may take at most. */
dur_t leftovers_limit(const struct gen *g);

/* The last act: KILLs what is left. As PID 1 everything; as a subreaper what came to us. Reaps for
 * at most a second. */
void leftovers_kill(struct sup *s);

#endif
