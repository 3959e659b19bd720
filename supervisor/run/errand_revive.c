/* Commands beside processes that another supd left to us: what ran goes on, what waited waits. */
#include "supervisor/base/log.h"
#include "supervisor/io/reap.h"
#include "supervisor/run/errand_impl.h"

#include <stdlib.h>

/* Where it stands: its child runs, or is there and not reaped, or it has none yet. */
static void take_over(struct errand *t)
{
    struct state_errand *rec = t->rec;
    bool begun = rec->running || (rec->phase == STATE_SPAWNING && rec->cell.pid > 0);
    bool there = begun && reap_look(rec->cell.pid) != REAP_GONE;
    bool was_running = rec->running;
    rec->phase = STATE_IDLE;
    rec->running = 0;
    t->lost_track = was_running && !there;
    if (there) {
        rec->running = 1;
        errand_started(t);
        state_totals(t->sup->state)->spawned -= was_running;
    } else if (t->lost_track || rec->due.ns) {
        loop_timer_at(&t->timer, t->lost_track ? mono_now() : rec->due);
    }
}

static int by_number(const void *a, const void *b)
{
    const struct state_errand *x = *(struct state_errand *const *)a,
                              *y = *(struct state_errand *const *)b;
    return (int32_t)(x->used - y->used) < 0 ? -1 : 1;
}

static void revive_one(struct errands *q, struct state_errand *rec, struct live_gen *gen,
                       struct proc *const *by_slot)
{
    struct errand *t = NULL;
    if (gen && rec->proc_index < gen->gen->nprocs && rec->which < GEN_NCOMMANDS)
        t = errand_add(q, gen, gen_procs(gen->gen) + rec->proc_index, rec);
    if (!t || !errand_commands(t)) {
        log_error("a command that another supd began to run beside a program is given up");
        if (t)
            errand_drop(t);
        rec->used = 0;
        return;
    }
    q->count = rec->used;
    bool has_process = rec->slot && rec->slot <= state_nslots(q->sup->state);
    t->owner = t->proc = has_process ? by_slot[rec->slot - 1] : NULL;
    if (t->proc && rec->which == GEN_STOP_COMMAND)
        t->proc->commanding = true;
    take_over(t);
}

void errands_revive(struct sup *s, struct proc *const *by_slot,
                    struct live_gen *(*find_gen)(void *obj, uint32_t id), void *obj)
{
    struct state_errand *v = state_errands(s->state), **list = NULL;
    size_t n = 0;
    for (uint32_t i = 0; v && i < STATE_ERRANDS; i++)
        n += v[i].used != 0;
    struct errands *q = n ? errands_of(s) : NULL;
    list = q ? calloc(n, sizeof(struct state_errand *)) : NULL;
    if (n && !list)
        log_error("no memory to go on with %zu commands beside programs", n);
    n = 0;
    for (uint32_t i = 0; list && i < STATE_ERRANDS; i++)
        if (v[i].used)
            list[n++] = v + i;
    if (list)
        qsort(list, n, sizeof(struct state_errand *), by_number);
    for (size_t i = 0; list && i < n; i++)
        revive_one(q, list[i], find_gen(obj, list[i]->gen), by_slot);
    free(list);
    if (q)
        loop_defer(s->loop, &q->pump);
}
