/* Which process belongs to a program: by its group and its parents, as /proc tells them. */
#include "supervisor/run/sender.h"
#include "supervisor/io/children.h"
#include "supervisor/io/notesock.h"
#include "supervisor/run/procs_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define GENERATIONS 32 /* so many parents are looked at */

enum line { LINE_OWN, LINE_OTHER, LINE_LOST }; /* LOST: it ends at us, or nobody knows */

static enum line line_of(const struct proc *p, int pid)
{
    struct sup *s = proc_sup(p);
    const struct proc_life *l = proc_life(p);
    struct kin k;
    for (int i = 0; i < GENERATIONS && pid > 0; i++) {
        const struct proc *owner = procs_by_number(s, pid);
        if (pid == l->pid || owner == p || getpgid(pid) == l->pgid)
            return LINE_OWN;
        if (owner)
            return LINE_OTHER;
        pid = children_stat(pid, &k) ? k.ppid : 0;
        if (pid == s->pid)
            return LINE_LOST;
        if (pid == 1)
            return LINE_OTHER;
    }
    return LINE_LOST;
}

static bool user_fits(const struct proc *p, unsigned uid)
{
    int64_t own = proc_opts(p)->uid;
    return uid == (own >= 0 ? (unsigned)own : geteuid());
}

bool sender_is_own(const struct proc *p, int main_pid, bool all, const struct notesock_from *from)
{
    const struct proc_life *l = proc_life(p);
    if (from->pid <= 0)
        return false;
    if (from->pid == l->pid || from->pid == main_pid)
        return true;
    if (!all)
        return false;
    enum line line = line_of(p, from->pid);
    return line == LINE_OWN || (line == LINE_LOST && user_fits(p, from->uid));
}

static int user_of(int pid)
{
    char path[32];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d", pid);
    return stat(path, &st) == 0 ? (int)st.st_uid : -1;
}

bool sender_may_be_main(const struct proc *p, int pid)
{
    if (pid == proc_sup(p)->pid || (kill(pid, 0) < 0 && errno != EPERM))
        return false;
    enum line line = line_of(p, pid);
    return line == LINE_OWN || (line == LINE_LOST && user_fits(p, (unsigned)user_of(pid)));
}
