/* A process whose configuration changed: it takes the new one over, at once or when it is down. */
#include "supervisor/base/log.h"
#include "supervisor/conf/gendiff.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/memory.h"
#include "supervisor/run/order.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/settle.h"
#include "supervisor/run/streams.h"

static void take_over(struct proc *p, struct live_gen *gen, const struct gen_proc *conf)
{
    struct live_gen *old = p->gen;
    struct proc_policy was;
    proc_policy_of(old->gen, p->conf, &was);
    p->gen = live_gen_ref(gen);
    p->conf = conf;
    struct state_rec rec = *state_get(proc_sup(p)->state, p->slot);
    rec.proc_index = (uint32_t)(conf - gen_procs(gen->gen));
    rec.gen = gen->id;
    state_put(proc_sup(p)->state, p->slot, &rec);
    struct err e;
    if (streams_sync(p, &e) < 0)
        log_error("%s: %s", proc_name(p), e.msg);
    order_follow(p, false);
    proc_feed(p, (struct proc_in){.event = PROC_EV_POLICY, .was = &was});
    memory_watch(p);
    live_gen_unref(&old);
}

void proc_follow(struct proc *p, struct live_gen *gen, const struct gen_proc *conf, bool force)
{
    enum gen_apply how = gen_proc_differs(p->gen->gen, p->conf, gen->gen, conf);
    /* an earlier change that is still on its way has stopped it already */
    bool stopped = p->doomed || p->next_gen;
    bool up =
        p->next_gen ? p->start_after : gen_opts(gen->gen, conf)->autostart || proc_life(p)->want;
    p->doomed = false;
    if (p->next_gen)
        live_gen_unref(&p->next_gen);
    if (how != GEN_RESTART && !force && !stopped && !streams_missing(p, gen_opts(gen->gen, conf))) {
        take_over(p, gen, conf);
        proc_note(p);
        return;
    }
    proc_stop_by_update(p);
    p->next_gen = live_gen_ref(gen);
    p->next_index = (uint32_t)(conf - gen_procs(gen->gen));
    p->start_after = up;
    proc_note(p);
    settle_later(proc_sup(p));
}

void proc_renew(struct proc *p)
{
    struct state_rec rec = *state_get(proc_sup(p)->state, p->slot);
    if (!proc_is_down(p))
        return;
    proc_begin_anew(&rec.life);
    state_put(proc_sup(p)->state, p->slot, &rec);
}

bool proc_take_next(struct proc *p)
{
    if (!p->next_gen || !proc_is_down(p))
        return false;
    struct live_gen *gen = p->next_gen;
    const struct gen_proc *conf = proc_next_conf(p);
    p->next_gen = NULL;
    take_over(p, gen, conf);
    live_gen_unref(&gen);
    if (p->start_after)
        proc_start(p, PROC_WHY_UPDATE);
    proc_note(p); /* only now: a successor may take it over again, but has to start it */
    return true;
}
