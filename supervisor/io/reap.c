/* Reaping: each exit is peeked at, reported, and only then taken from the kernel. */
#include "supervisor/io/reap.h"
#include "supervisor/base/fault.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static int wait_status(const siginfo_t *si)
{
    if (si->si_code == CLD_EXITED)
        return (si->si_status & 0xff) << 8;
    return (si->si_status & 0x7f) | (si->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

static int wait_retry(idtype_t type, id_t id, siginfo_t *si, int flags)
{
    int r;
    do {
        si->si_pid = 0; /* stays so when there is nothing */
        r = waitid(type, id, si, flags);
    } while (r < 0 && errno == EINTR);
    return r;
}

int reap_stopped(int pid)
{
    siginfo_t si;
    if (wait_retry(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT | WNOHANG) < 0 || !si.si_pid)
        return 0;
    return si.si_status;
}

bool reap_any_stopped(void)
{
    siginfo_t si;
    return wait_retry(P_ALL, 0, &si, WSTOPPED | WNOWAIT | WNOHANG) == 0 && si.si_pid;
}

/* one of these; false: none of them is dead */
static bool reap_one(const struct reap_ops *ops, void *obj, idtype_t type, id_t id)
{
    siginfo_t si, gone;
    if (wait_retry(type, id, &si, WEXITED | WNOWAIT | WNOHANG) < 0 || !si.si_pid)
        return false;
    int pid = si.si_pid, status = wait_status(&si);
    if (ops->peeked)
        ops->peeked(obj, pid, status);
    FAULT_POINT();
    if (wait_retry(P_PID, (id_t)pid, &gone, WEXITED | WNOHANG) < 0 || !gone.si_pid)
        return false;
    FAULT_POINT();
    if (ops->reaped)
        ops->reaped(obj, pid, status);
    return true;
}

bool reap_child(const struct reap_ops *ops, void *obj, int pid)
{
    return reap_one(ops, obj, P_PID, (id_t)pid);
}

bool reap_children(const struct reap_ops *ops, void *obj, unsigned max)
{
    for (unsigned n = 0; n < max; n++)
        if (!reap_one(ops, obj, P_ALL, 0))
            return false;
    return true;
}

enum reap_child reap_look(int pid)
{
    siginfo_t si;
    if (pid <= 0 || wait_retry(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT | WNOHANG) < 0)
        return REAP_GONE;
    return si.si_pid ? REAP_DEAD : REAP_ALIVE;
}
