/* Which process belongs to a program: by its group and its parents, as /proc tells them. */
#include "supervisor/run/sender.h"
#include "supervisor/base/fd.h"
#include "supervisor/io/notesock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GENERATIONS 32 /* so many parents are looked at */

/* The parent behind the name, which may hold anything; 0: nobody knows. */
static int parent_in(const char *stat)
{
    const char *end = strrchr(stat, ')');
    return end && end[1] && end[2] && end[3] ? (int)strtol(end + 3, NULL, 10) : 0;
}

static int parent_of(int pid)
{
    char path[32], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    return parent_in(text);
}

/* Whose main process this is, or NULL. */
static const struct proc *main_of(const struct sup *s, int pid)
{
    const struct proc *p = s->by_pid[(unsigned)pid % PID_BUCKETS];
    while (p && p->hashed_pid != pid)
        p = p->hash_next;
    return p;
}

enum kin { KIN_OWN, KIN_OTHER, KIN_LOST }; /* LOST: its line ends at us, or nobody knows */

static enum kin kin_of(const struct proc *p, int pid)
{
    const struct sup *s = proc_sup(p);
    const struct proc_life *l = proc_life(p);
    for (int i = 0; i < GENERATIONS && pid > 0; i++) {
        const struct proc *owner = main_of(s, pid);
        if (pid == l->pid || owner == p || getpgid(pid) == l->pgid)
            return KIN_OWN;
        if (owner)
            return KIN_OTHER;
        pid = parent_of(pid);
        if (pid == s->pid)
            return KIN_LOST;
        if (pid == 1)
            return KIN_OTHER;
    }
    return KIN_LOST;
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
    enum kin kin = kin_of(p, from->pid);
    return kin == KIN_OWN || (kin == KIN_LOST && user_fits(p, from->uid));
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
    enum kin kin = kin_of(p, pid);
    return kin == KIN_OWN || (kin == KIN_LOST && user_fits(p, (unsigned)user_of(pid)));
}
