/* What a leader that died by itself has left outside of its group. Its successor does not wait for
 * that: a moment later a helper ends those who were there before it. */
#include "supervisor/base/log.h"
#include "supervisor/io/procfs.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/leftovers.h"
#include "supervisor/run/orphans_impl.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE DUR_MS(200)       /* deaths within this time share a look */
#define LATE_IDLE DUR_S(5)     /* the same, while those who are seen are nobody's */
#define NOBODY 3               /* the exit status of a helper that found none */
#define LONGEST_WAIT DUR_S(10) /* of a stop sequence */
#define LIMIT DUR_S(60)        /* of the helper; there are more where they came from */

/* ---- in the helper ---- */

static struct proc *owner_of(struct sup *s, uint32_t slot)
{
    struct proc *p = procs_first(s);
    while (p && p->slot != slot)
        p = procs_next(p);
    return p;
}

/* Of an earlier run, and not of what is being stopped, which is its machine's business. */
static bool is_late(struct family *f, const struct kin *k, const struct proc *p)
{
    return proc_opts(p)->orphans == GEN_ORPHANS_KILL && !p->sweeping &&
           proc_life(p)->state != PROC_STOPPING &&
           kin_is_earlier(f->v, f->n, k, proc_life(p)->pid, proc_life(p)->pgid, getpid());
}

static void add(struct family *f, const struct kin *k, struct leftovers *found)
{
    char command[160], name[PROC_NAME_MAX];
    struct proc *p =
        k->owner < KIN_OURS && family_is_orphan(f, k) ? owner_of(f->sup, k->owner) : NULL;
    if (!p || !is_late(f, k, p))
        return;
    procfs_command(k->pid, command, sizeof(command));
    log_info("%s: pid %d (%s) was left behind by pid %d, which is dead; ending it",
             proc_fullname(p, name, sizeof(name)), k->pid, command, k->former);
    struct leftover one = {.k = *k, .end = true, .gen = p->gen->gen, .opts = proc_opts(p)};
    VEC_PUSH(found, one);
}

static int late_child(struct orphans *o)
{
    struct family f;
    struct leftovers found = VEC_INIT;
    log_release();
    family_read(&f, o->sup);
    for (size_t i = 0; i < f.n; i++)
        add(&f, &f.v[i], &found);
    bool none = !found.n;
    leftovers_end(&found, LONGEST_WAIT);
    VEC_FINI(&found);
    family_free(&f);
    return none ? NOBODY : 0;
}

/* ---- in supd ---- */

/* A stranger who stays is not asked after each death. */
static void arm(struct orphans *o)
{
    loop_timer_at(&o->late, mono_add(mono_now(), o->late_idle ? LATE_IDLE : LATE));
}

static void late_done(struct orphans *o, int status)
{
    o->late_running = false;
    o->late_idle = status != HELPER_LATE && WIFEXITED(status) && WEXITSTATUS(status) == NOBODY;
    if (o->late_again)
        arm(o);
    o->late_again = false;
}

static void on_late(struct orphans *o)
{
    struct err e;
    if (!orphans_any(o->sup)) {
        o->late_idle = false;
        return;
    }
    o->late_running = helper_run(o->sup, (helper_child_fn *)late_child, (helper_done_fn *)late_done,
                                 o, LIMIT, &e) > 0;
    if (!o->late_running && LOG_LIMIT(60))
        log_warn("cannot look for what dead programs left behind: %s", e.msg);
}

void orphans_late_init(struct orphans *o)
{
    LOOP_TIMER(&o->late, o->sup->loop, on_late, o);
}

void orphans_end_late(struct sup *s)
{
    struct orphans *o = s->orphans;
    if (o->late_running)
        o->late_again = true;
    else if (!loop_timer_active(&o->late))
        arm(o);
}
