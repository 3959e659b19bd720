/* Signals to a process or its group. The record says that one is to be sent until it was: a
 * successor sends it then. So none is lost, and one is sent twice if supd faults between the call
 * and the commit after it; nothing else stands between these two. */
#include "supervisor/base/log.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/run/orphans.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/publish.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { SIGNAL_NUMBER = 255, SIGNAL_GROUP = 256, SIGNAL_CONT = 512 };

/* 0, or -1 and errno. A leader that went over to another group gets its signal all the same. */
static int deliver(const struct proc_life *l, int target, int sig)
{
    int r = kill(target, sig);
    return target < 0 && l->pid && getpgid(l->pid) != l->pgid ? kill(l->pid, sig) : r;
}

/* Those outside of its group: noted while the leader lives, who is told first; then found. True: in
 * the group is nobody any more, and its number may be somebody else's. */
static bool signal_others(struct proc *p, const struct proc_life *l, int sig)
{
    if (l->pid) {
        orphans_note(p);
        return false;
    }
    if (sig == SIGKILL && p->in_cgroup)
        cgroup_kill(&proc_sup(p)->cgroups, p->slot);
    if (p->escaped)
        orphans_seek(p);
    return p->group_gone;
}

static void send_signal(struct proc *p, const struct proc_life *l, const struct proc_out *out)
{
    int target = out->signal_group ? -l->pgid : l->pid;
    if (target == 0 || target == -1 || target == 1)
        return;
    /* the group's rest dies of what was told when it had a leader */
    if (out->signal == SIGKILL && (l->pid || l->kills <= 1))
        publish_killing(p, l->pid ? l->pid : l->pgid);
    if (signal_others(p, l, out->signal))
        return;
    if (deliver(l, target, out->signal) < 0 && errno != ESRCH) {
        if (LOG_LIMIT(60))
            log_warn("%s: cannot send signal %d to %d: %s", proc_name(p), out->signal, target,
                     strerror(errno));
        if (l->pid)
            proc_feed(p, (struct proc_in){.event = PROC_EV_KILL_FAILED});
        return;
    }
    if (out->cont)
        deliver(l, target, SIGCONT);
}

/* A signal as the record has it until it was sent. */
uint32_t proc_signal_word(const struct proc_out *out)
{
    return (uint32_t)out->signal | (out->signal_group ? SIGNAL_GROUP : 0u) |
           (out->cont ? SIGNAL_CONT : 0u);
}

static void signal_sent(struct proc *p)
{
    struct state_rec rec = *state_get(proc_sup(p)->state, p->slot);
    rec.signal = 0;
    state_put(proc_sup(p)->state, p->slot, &rec);
}

void proc_send_signal(struct proc *p, const struct proc_out *out)
{
    send_signal(p, proc_life(p), out);
    signal_sent(p);
}

void proc_signal_again(struct proc *p)
{
    uint32_t word = state_get(proc_sup(p)->state, p->slot)->signal;
    struct proc_out out = {.signal = (int)(word & SIGNAL_NUMBER),
                           .signal_group = word & SIGNAL_GROUP,
                           .cont = word & SIGNAL_CONT};
    if (!out.signal)
        return;
    proc_send_signal(p, &out);
}
