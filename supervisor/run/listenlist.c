/* The event listeners that there are, for those who ask. */
#include "supervisor/run/listeners_impl.h"

static void put_listener(struct wire_out *w, const struct listeners *x, const struct lproc *lp)
{
    const struct lm_listener *l = listenproc_mem(lp);
    wire_kv(w, "listener",
            lp->deaf ? "DEAF" : listener_state_name((enum listener_state)l->machine.state));
    if (l->event)
        wire_kv_int(w, "event", (int64_t)listenmem_event(x->mem, l->event - 1)->serial);
}

static void put_pool(struct wire_out *w, const struct listeners *x, const struct lpool *pl)
{
    wire_kv_int(w, "waiting", (int64_t)pl->buffer.n);
    wire_kv_int(w, "buffer_size", (int64_t)pl->buffer.limit);
    wire_kv_int(w, "events", (int64_t)listenmem_pool(x->mem, pl->index)->serial);
    wire_kv_int(w, "discarded", (int64_t)pl->discarded);
}

static void list_one(struct listeners *x, const struct lpool *pl, struct proc *p,
                     struct ctl_req *rq)
{
    char name[PROC_NAME_MAX];
    const struct lproc *lp = listenproc_of(x, p);
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", proc_fullname(p, name, sizeof(name)));
    wire_kv(&w, "pool", pl->group->name);
    wire_kv(&w, "state", proc_state_name((enum proc_state)proc_life(p)->state));
    if (lp && proc_life(p)->pid)
        put_listener(&w, x, lp);
    put_pool(&w, x, pl);
    wire_end(&w);
}

void listeners_list(struct sup *s, struct ctl_req *rq)
{
    struct lpool *pl;
    if (s->listeners)
        TAILQ_FOREACH (pl, &s->listeners->pools, link)
            for (uint32_t i = 0; i < pl->group->nprocs; i++)
                list_one(s->listeners, pl, pl->group->procs[i], rq);
    ctl_ok(rq);
}
