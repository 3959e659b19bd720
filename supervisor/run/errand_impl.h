/* What errand.c and errand_revive.c share. */
#ifndef RUN_ERRAND_IMPL_H
#define RUN_ERRAND_IMPL_H

#include "supervisor/run/errand.h"

struct errand {
    TAILQ_ENTRY(errand) link;
    struct sup *sup;
    struct proc *proc; /* NULL: gone meanwhile */
    const void *owner; /* the same of all of a process, also when that is gone; NULL: not known */
    struct live_gen *gen;
    const struct gen_proc *conf;
    struct state_errand *rec;
    struct loop_timer timer;
    errand_done_fn *done;
    void *obj;
    bool killed, late, lost_track;
    unsigned shots; /* KILLs that it got */
    bool cut_short; /* by the end of supd, which was said for all of them */
};
TAILQ_HEAD(errand_list, errand);

struct errands {
    struct sup *sup;
    struct errand_list waiting, running;
    unsigned nwaiting, nhooks; /* hooks that wait, that run */
    unsigned lost;             /* since the queue was empty */
    uint32_t count, look;      /* the last number; where a free record is looked for */
    struct loop_defer pump;
    struct loop_timer again;
};

static inline bool errand_is_hook(const struct errand *t)
{
    return t->rec->which >= GEN_HOOK_START;
}

static inline const struct gen_commands *errand_commands(const struct errand *t)
{
    return gen_commands(t->gen->gen, t->conf);
}

/* Made when the first is needed; NULL: no memory, or no room for them in this state. */
struct errands *errands_of(struct sup *s);
/* One more that waits. NULL: no memory. */
struct errand *errand_add(struct errands *q, struct live_gen *gen, const struct gen_proc *conf,
                          struct state_errand *rec);
/* Its child exists, with the pid in its record. */
void errand_started(struct errand *t);
/* Forgets it, and its record. */
void errand_drop(struct errand *t);

#endif
