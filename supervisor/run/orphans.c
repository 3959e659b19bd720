/* Escaped descendants, as PID 1 sees them: what is known, what is strange, when to look closely. */
#include "supervisor/run/orphans.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/io/children.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/errand.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/orphans_impl.h"
#include "supervisor/run/procs_impl.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND_LIMIT DUR_S(10)
#define NOTES_MAX 512u /* of one program */
#define UNSURE_MAX 3   /* rounds without an answer, when there has been none before */
#define ASK_MAX 64u    /* strange children that one look asks about */

static void on_start(struct orphans *o);

int orphans_new(struct sup *s, struct err *e)
{
    struct orphans *o = calloc(1, sizeof(*o));
    if (!o)
        return err_errno(e, ENOMEM, "cannot watch over orphans");
    o->sup = s;
    o->fd = -1;
    LOOP_DEFER(&o->start, on_start, o);
    orphans_late_init(o);
    s->orphans = o;
    return 0;
}

void orphans_free(struct sup *s)
{
    struct orphans *o = s->orphans;
    s->orphans = NULL;
    if (!o)
        return;
    loop_timer_stop(&o->late);
    fd_close(&o->fd);
    for (int i = 0; i < ORPHANS_ASKING_MAX; i++)
        if (o->asking[i].sup)
            fd_close(&o->asking[i].fd);
    free(o->known.v);
    free(o->noted.v);
    free(o);
}

/* ---- lists ---- */

static int by_pid(const void *a, const void *b)
{
    const struct orphan *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

struct orphan *orphan_find(const struct orphan_list *l, int pid)
{
    struct orphan key = {.pid = pid};
    return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), by_pid) : NULL;
}

static void remove_owner(struct orphan_list *l, uint32_t owner)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i].owner != owner)
            l->v[n++] = l->v[i];
    l->n = n;
}

void orphans_reaped(struct sup *s, int pid)
{
    struct orphan_list *l = &s->orphans->known;
    struct orphan *o = orphan_find(l, pid);
    if (!o)
        return;
    memmove(o, o + 1, (size_t)(l->v + l->n - (o + 1)) * sizeof(*o));
    l->n--;
}

void orphans_forget(struct proc *p, bool for_ever)
{
    struct orphans *o = proc_sup(p)->orphans;
    remove_owner(&o->noted, p->slot);
    if (!for_ever)
        return;
    remove_owner(&o->known, p->slot);
    o->stale |= o->running;
}

/* ---- notes ---- */

struct noting {
    struct orphans *o;
    const struct proc *p;
    int pids[NOTES_MAX];
    unsigned n;
};

static void note(struct orphans *o, const struct kin *k, uint32_t owner)
{
    struct orphan_list *l = &o->noted;
    if (orphan_find(l, k->pid) || l->n >= ORPHANS_MAX)
        return;
    struct orphan *v = realloc(l->v, (l->n + 1) * sizeof(*v));
    if (!v)
        return; /* it may still be found by its mark */
    l->v = v;
    uint32_t at = l->n++;
    for (; at > 0 && v[at - 1].pid > k->pid; at--)
        v[at] = v[at - 1];
    v[at] = (struct orphan){.pid = k->pid, .start = k->start, .owner = owner, .former = k->ppid};
}

static bool note_child(void *obj, int pid)
{
    struct noting *n = obj;
    struct kin k;
    if (n->n < NOTES_MAX)
        n->pids[n->n++] = pid;
    if (children_stat(pid, &k) && k.pgid != proc_life(n->p)->pgid)
        note(n->o, &k, n->p->slot);
    return n->n < NOTES_MAX;
}

void orphans_note(struct proc *p)
{
    struct noting n = {.o = proc_sup(p)->orphans, .p = p};
    int lists = INT_MAX;
    if (proc_opts(p)->orphans == GEN_ORPHANS_KEEP || p->in_cgroup)
        return;
    n.pids[n.n++] = proc_life(p)->pid;
    for (unsigned i = 0; i < n.n && n.n < NOTES_MAX; i++)
        children_of(n.pids[i], &lists, note_child, &n);
}

/* ---- the look ---- */

void orphans_look_begin(struct sup *s)
{
    s->orphans->looking = true;
    s->orphans->looked = false;
}

void orphans_look_end(struct sup *s)
{
    s->orphans->looking = false;
}

static bool is_part_of_us(const struct sup *s, int pid)
{
    return (s->logs && logs_pid(s->logs) == pid) || (s->agent && agent_pid(s->agent) == pid) ||
           helper_is(s, pid) || errand_is(s, pid);
}

/* One that was in a round is that very process while it is our child. */
static bool is_known(struct orphans *o, int pid)
{
    struct kin k;
    struct orphan *known = orphan_find(&o->known, pid);
    if (!known || (!known->child && (!children_stat(pid, &k) || k.start != known->start)))
        return false;
    return known->child = known->alive = true;
}

/* A zombie waits for us to reap it, and one in the group of a leader, living or dead, or of a
 * command beside a program has not escaped. */
static bool is_strange(struct orphans *o, int pid)
{
    struct kin k;
    if (o->asked++ >= ASK_MAX)
        return true;
    bool there = children_stat(pid, &k);
    o->zombies |= !there || k.zombie;
    return there && !k.zombie && !procs_has_group(o->sup, k.pgid) && !errand_is(o->sup, k.pgid);
}

static bool look_at(void *obj, int pid)
{
    struct orphans *o = obj;
    if (!procs_has_leader(o->sup, pid) && !is_part_of_us(o->sup, pid) && !is_known(o, pid))
        o->strange |= is_strange(o, pid);
    return true;
}

static void look(struct orphans *o)
{
    struct sup *s = o->sup;
    if (o->looking && o->looked)
        return;
    for (uint32_t i = 0; i < o->known.n; i++)
        o->known.v[i].alive = false;
    o->strange = o->zombies = false;
    o->asked = 0;
    o->blind = (!s->is_init && !s->is_subreaper) || !children_of_one(s->pid, look_at, o);
    if (o->blind)
        o->strange = children_known();
    o->looked = true;
}

static bool owns_living(const struct orphans *o, uint32_t owner)
{
    for (uint32_t i = 0; i < o->known.n; i++)
        if (o->known.v[i].owner == owner && o->known.v[i].alive)
            return true;
    return false;
}

bool orphans_may_live(struct proc *p)
{
    struct sup *s = proc_sup(p);
    int populated = p->in_cgroup ? cgroup_populated(&s->cgroups, p->slot) : -1;
    if (populated >= 0)
        return populated;
    look(s->orphans);
    const struct orphans *o = s->orphans;
    return o->strange || (p->found && o->zombies) || owns_living(o, p->slot);
}

bool orphans_any(struct sup *s)
{
    struct orphans *o = s->orphans;
    o->looking = false;
    look(o);
    bool any = o->strange;
    for (uint32_t i = 0; i < o->known.n; i++)
        any |= o->known.v[i].alive && o->known.v[i].owner != KIN_NOBODY;
    return any;
}

int orphans_signal(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    const struct gen *g = p->gen->gen;
    const struct gen_opts *o = proc_opts(p);
    const struct gen_stop *stops = gen_at(g, o->stops);
    if ((l->kills && l->stop_step >= o->nstops) || !o->nstops)
        return SIGKILL;
    uint32_t sent = l->stop_step < o->nstops ? l->stop_step : o->nstops;
    return stops[sent ? sent - 1 : 0].sig;
}

/* ---- rounds ---- */

void orphans_seek(struct proc *p)
{
    struct orphans *o = proc_sup(p)->orphans;
    p->seek = true;
    if (o->running)
        o->again = true;
    else
        loop_defer(proc_sup(p)->loop, &o->start);
}

/* The round is over: a start that waited for its end goes on. */
static void unseek(struct proc *p)
{
    p->sought = p->sought_alone = false;
    if (proc_life(p)->spawning)
        proc_enqueue(p);
}

static uint32_t alive_of(const struct round_count *v, uint32_t n, uint32_t owner)
{
    for (uint32_t i = 0; i < n; i++)
        if (v[i].owner == owner)
            return v[i].alive;
    return 0;
}

/* Where the round could not tell, who was found before is there still; without that a few more
 * rounds may. */
static bool some_live(struct proc *p, uint32_t alive)
{
    int populated = p->in_cgroup ? cgroup_populated(&proc_sup(p)->cgroups, p->slot) : -1;
    if (populated >= 0)
        return populated; /* the kernel can tell, however quick they are */
    if (alive != ROUND_UNSURE) {
        p->found |= alive != 0;
        return alive;
    }
    if (p->found)
        return true;
    if (p->unsure == UNSURE_MAX) {
        log_warn("%s: processes come and go faster than anybody can tell whose they are; going on "
                 "without them",
                 proc_name(p));
        return false;
    }
    p->unsure = (p->unsure + 1u) & UNSURE_MAX;
    return true;
}

/* The program's descendants were looked for. One that had still a group then may have more now. */
static void settle(struct proc *p, uint32_t alive)
{
    bool sure = p->sought_alone;
    unseek(p);
    if (!p->sweeping || some_live(p, alive))
        return;
    if (sure)
        proc_left_nobody(p);
    else if (p->group_gone)
        orphans_seek(p);
}

static void settle_all(struct sup *s, const struct round_count *v, uint32_t n)
{
    for (struct proc *p = procs_first(s), *next; p; p = next) {
        next = procs_next(p);
        if (p->sought)
            settle(p, alive_of(v, n, p->slot));
    }
}

static void take_orphans(struct orphans *o, struct orphan *v, uint32_t n)
{
    free(o->known.v);
    o->known = (struct orphan_list){v, n};
}

/* Takes over what the round has found; false if it has found nothing that can be used. */
static bool take_result(struct orphans *o)
{
    struct round_head h;
    if (pread(o->fd, &h, sizeof(h), 0) != sizeof(h) || h.norphans > ORPHANS_MAX ||
        h.ncounts > STATE_SLOTS_MAX)
        return false;
    size_t a = h.norphans * sizeof(struct orphan), b = h.ncounts * sizeof(struct round_count);
    struct orphan *v = malloc(a + 1);
    struct round_count *counts = malloc(b + 1);
    bool good = v && counts && pread(o->fd, v, a, sizeof(h)) == (ssize_t)a &&
                pread(o->fd, counts, b, (off_t)(sizeof(h) + a)) == (ssize_t)b;
    if (good) {
        take_orphans(o, v, h.norphans);
        settle_all(o->sup, counts, h.ncounts);
    } else {
        free(v);
    }
    free(counts);
    return good;
}

static void ask_again(struct orphans *o)
{
    for (struct proc *p = procs_first(o->sup); p; p = procs_next(p)) {
        p->seek |= p->sought && p->sweeping;
        if (p->sought)
            unseek(p);
    }
}

/* One that failed, or during which a program went away, counts for nothing: its machine asks again
 * when it looks again, and gives up in the end. */
static void round_done(struct orphans *o, int status)
{
    o->running = false;
    if (status != 0 || o->stale || !take_result(o))
        ask_again(o);
    fd_close(&o->fd);
    errands_go_on(o->sup); /* before the next round */
    if (o->again || (o->stale && status == 0))
        loop_defer(o->sup->loop, &o->start);
    o->again = o->stale = false;
}

static bool choose(struct sup *s)
{
    bool any = false;
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        p->sought = p->seek;
        p->sought_alone = p->seek && p->group_gone;
        any |= p->seek;
        p->seek = false;
    }
    return any;
}

static void on_start(struct orphans *o)
{
    struct err e;
    if (o->running || !choose(o->sup))
        return;
    o->fd = fd_memory("supd-orphans", false);
    if (o->fd < 0)
        err_errno(&e, errno, "cannot make memory");
    else if (helper_run(o->sup, (helper_child_fn *)orphans_round, (helper_done_fn *)round_done, o,
                        ROUND_LIMIT, &e) > 0) {
        o->running = true;
        return;
    }
    if (LOG_LIMIT(60))
        log_warn("cannot look for what programs left behind: %s", e.msg);
    fd_close(&o->fd);
    for (struct proc *p = procs_first(o->sup); p; p = procs_next(p))
        if (p->sought)
            unseek(p);
    errands_go_on(o->sup);
}
