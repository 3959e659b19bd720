/* A round, in a helper: reads who is who, signals what its program's sweep has to end, and says
 * what is left. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/procfs.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/orphans_impl.h"
#include "supervisor/run/procs_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FREEZE_MAX DUR_MS(500) /* so long we run after what forks faster */
#define PID_MAX (1 << 22)      /* the kernel's own bound */
#define SAID_MAX 20            /* lines of one round */

/* ---- signals ---- */

struct round {
    struct orphans *o;
    struct family f;
    struct proc **by_slot;
    uint32_t nslots;
    VEC(struct kin) frozen; /* stopped, to be killed */
    uint8_t *is_frozen;     /* a bit for each pid */
    uint32_t *alive;        /* by slot */
    unsigned nsaid, unsaid;
};

static void index_slots(struct round *r)
{
    r->nslots = state_nslots(r->o->sup->state);
    r->alive = mem_zalloc((r->nslots + 1) * sizeof(*r->alive));
    r->by_slot = mem_zalloc((r->nslots + 1) * sizeof(struct proc *));
    for (struct proc *p = procs_first(r->o->sup); p; p = procs_next(p))
        if (p->sought)
            r->by_slot[p->slot] = p;
}

/* The program of this round that left it, or NULL. Those of its group get their signals by it. */
static struct proc *seeker(const struct round *r, const struct kin *k)
{
    if (k->owner >= r->nslots || !family_is_orphan(&r->f, k))
        return NULL;
    struct proc *p = r->by_slot[k->owner];
    return p && (p->group_gone || !p->sweeping || k->pgid != proc_life(p)->pgid) ? p : NULL;
}

static uint8_t said_of(const struct round *r, const struct kin *k)
{
    const struct orphan *known = orphan_find(&r->o->known, k->pid);
    return known && known->start == k->start ? known->signal : 0;
}

static void say(struct round *r, const struct proc *p, const struct kin *k, int sig)
{
    char command[160], name[24], full[PROC_NAME_MAX];
    if (said_of(r, k))
        return;
    if (r->nsaid++ >= SAID_MAX) {
        r->unsaid++;
        return;
    }
    procfs_command(k->pid, command, sizeof(command));
    if (sig)
        log_info("%s: pid %d (%s) was left behind by pid %d; it gets %s",
                 proc_fullname(p, full, sizeof(full)), k->pid, command, k->former,
                 text_signal_name(sig, name, sizeof(name)));
    else
        log_warn("%s: pid %d (%s) was left behind by pid %d; it runs on, as orphans=report says",
                 proc_fullname(p, full, sizeof(full)), k->pid, command, k->former);
}

static int signal_for(const struct proc *p)
{
    return p->sweeping ? orphans_signal(p) : 0;
}

/* Each signal once, to those who have not had it. KILL comes later, to all at once. */
static void urge(struct round *r)
{
    for (size_t i = 0; i < r->f.n; i++) {
        const struct kin *k = &r->f.v[i];
        struct proc *p = seeker(r, k);
        int sig = p ? signal_for(p) : 0;
        if (!p)
            continue;
        say(r, p, k, sig);
        if (!sig || sig == SIGKILL || said_of(r, k) == sig)
            continue;
        if (procfs_send(k, sig) < 0 && errno != ESRCH && LOG_LIMIT(60))
            log_warn("%s: cannot send signal %d to %d: %s", proc_name(p), sig, k->pid,
                     strerror(errno));
        procfs_send(k, SIGCONT);
    }
}

/* True once for each; none ends while it stands still. */
static bool to_freeze(struct round *r, const struct kin *k)
{
    struct proc *p = seeker(r, k);
    uint8_t *byte = &r->is_frozen[k->pid % PID_MAX / 8], bit = (uint8_t)(1u << k->pid % 8);
    if (!p || signal_for(p) != SIGKILL || (*byte & bit))
        return false;
    *byte |= bit;
    return true;
}

/* Stops all that are to be killed; true if there were new ones. */
static bool freeze(struct round *r)
{
    bool any = false;
    for (size_t i = 0; i < r->f.n; i++) {
        const struct kin *k = &r->f.v[i];
        if (!to_freeze(r, k))
            continue;
        any |= procfs_send(k, SIGSTOP) == 0;
        VEC_PUSH(&r->frozen, *k);
    }
    return any;
}

/* One that lives for less than a look takes. */
static void on_chased(void *obj, const struct kin *k)
{
    struct round *r = obj;
    struct proc *p = k->owner < r->nslots ? r->by_slot[k->owner] : NULL;
    if (!p || !p->sweeping)
        return;
    r->alive[k->owner]++;
    if (signal_for(p) == SIGKILL)
        procfs_send(k, SIGKILL);
}

static bool some_are_missed(const struct round *r)
{
    for (uint32_t slot = 0; slot < r->nslots; slot++)
        if (r->by_slot[slot] && !r->alive[slot])
            return r->f.vanished;
    return false;
}

static void chase(struct round *r)
{
    if (some_are_missed(r))
        family_chase(&r->f, on_chased, r);
    for (uint32_t slot = 0; slot < r->nslots && r->f.vanished; slot++)
        if (!r->alive[slot])
            r->alive[slot] = ROUND_UNSURE;
}

/* What is killed one by one forks on meanwhile; what was stopped does not. So all are stopped,
 * until a look finds no other one, and then killed. */
static void kill_all(struct round *r)
{
    mono_t end = mono_add(mono_now(), FREEZE_MAX);
    while (freeze(r) && !mono_reached(end, mono_now())) {
        family_free(&r->f);
        family_read(&r->f, r->o->sup);
    }
    VEC_EACH (&r->frozen, i)
        procfs_send(&r->frozen.v[i], SIGKILL);
}

/* ---- the result ---- */

static uint8_t signal_of(const struct round *r, const struct kin *k)
{
    struct proc *p = seeker(r, k);
    int sig = p ? signal_for(p) : 0;
    return !p ? said_of(r, k) : sig ? (uint8_t)sig : ORPHAN_REPORTED;
}

static void put_orphan(struct round *r, const struct kin *k, struct orphan *out)
{
    *out = (struct orphan){.pid = k->pid,
                           .former = k->former,
                           .start = k->start,
                           .owner = k->owner,
                           .signal = signal_of(r, k),
                           .child = k->ppid == r->o->sup->pid};
}

/* Our own children first: the others are only remembered to be told once. */
static uint32_t gather(struct round *r, struct orphan *out)
{
    uint32_t n = 0, children = 0;
    for (size_t i = 0; i < r->f.n; i++)
        children += family_is_orphan(&r->f, &r->f.v[i]) && r->f.v[i].ppid == r->o->sup->pid;
    uint32_t others = children < ORPHANS_MAX ? ORPHANS_MAX - children : 0;
    for (size_t i = 0; i < r->f.n && n < ORPHANS_MAX; i++) {
        const struct kin *k = &r->f.v[i];
        if (!family_is_orphan(&r->f, k) || (k->ppid != r->o->sup->pid && !others))
            continue;
        others -= k->ppid != r->o->sup->pid;
        put_orphan(r, k, &out[n++]);
    }
    return n;
}

static uint32_t count(struct round *r, struct round_count *out)
{
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < r->nslots; slot++)
        if (r->by_slot[slot])
            out[n++] = (struct round_count){slot, r->alive[slot]};
    return n;
}

static int write_result(struct round *r)
{
    struct orphan *v = mem_alloc((ORPHANS_MAX + 1) * sizeof(*v));
    struct round_count *counts = mem_alloc((r->nslots + 1) * sizeof(*counts));
    struct round_head h = {.norphans = gather(r, v), .ncounts = count(r, counts)};
    bool bad = fd_write_all(r->o->fd, &h, sizeof(h)) < 0 ||
               fd_write_all(r->o->fd, v, h.norphans * sizeof(*v)) < 0 ||
               fd_write_all(r->o->fd, counts, h.ncounts * sizeof(*counts)) < 0;
    free(v);
    free(counts);
    return bad;
}

int orphans_round(struct orphans *o)
{
    struct round r = {.o = o, .is_frozen = mem_zalloc(PID_MAX / 8)};
    log_release();
    index_slots(&r);
    family_read(&r.f, o->sup);
    urge(&r);
    kill_all(&r);
    for (size_t i = 0; i < r.f.n; i++)
        if (seeker(&r, &r.f.v[i]))
            r.alive[r.f.v[i].owner]++;
    chase(&r);
    if (r.unsaid)
        log_warn("and %u more processes that were left behind", r.unsaid);
    int bad = write_result(&r);
    family_free(&r.f);
    VEC_FINI(&r.frozen);
    free(r.by_slot);
    free(r.is_frozen);
    free(r.alive);
    return bad;
}
