/* clone3, clone and fork, each with what its kernel can do. */
#include "supervisor/io/spawn_clone.h"

#include "supervisor/io/rawsys.h"

#include <linux/sched.h>
#include <signal.h>

#define SHARED (CLONE_VM | CLONE_FILES | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

#if RAW_ASYNC
long spawn_clone3(const struct spawn_clone *c, int cgroup)
{
    struct clone_args args = {.flags = SHARED | CLONE_CLEAR_SIGHAND,
                              .child_tid = (uintptr_t)c->alive,
                              .parent_tid = (uintptr_t)c->pid,
                              .exit_signal = SIGCHLD,
                              .stack = (uintptr_t)c->stack,
                              .stack_size = c->room};
    if (cgroup) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint32_t)cgroup;
    }
    return raw_clone(SYS_clone3, RAW_ARG(&args), sizeof(args), 0, 0, 0, spawn_child_run, c->job);
}

long spawn_clone2(const struct spawn_clone *c)
{
    long tid = RAW_ARG(c->alive);
#if defined(__x86_64__)
    long a4 = tid, a5 = 0;
#else
    long a4 = 0, a5 = tid;
#endif
    return raw_clone(SYS_clone, (long)SHARED | SIGCHLD, RAW_ARG(c->stack + c->room),
                     RAW_ARG(c->pid), a4, a5, spawn_child_run, c->job);
}

static long fork_into(struct spawn_cell *cell, int cgroup)
{
    struct clone_args args = {.flags = CLONE_PARENT_SETTID | CLONE_INTO_CGROUP,
                              .parent_tid = (uintptr_t)&cell->pid,
                              .exit_signal = SIGCHLD,
                              .cgroup = (uint32_t)cgroup};
    return raw_sys(SYS_clone3, RAW_ARG(&args), sizeof(args), 0, 0, 0);
}

long spawn_fork(struct spawn_cell *cell, int cgroup, bool *out_in_cgroup)
{
    long pid = cgroup ? fork_into(cell, cgroup) : -ENOSYS;
    if (pid == 0)
        return 0;
    *out_in_cgroup = pid > 0;
    if (pid > 0 || spawn_is_shortage((int)-pid))
        return pid;
    return raw_sys(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, RAW_ARG(&cell->pid), 0, 0);
}
#else
long spawn_clone3(const struct spawn_clone *c, int cgroup)
{
    (void)c, (void)cgroup;
    return -ENOSYS;
}

long spawn_clone2(const struct spawn_clone *c)
{
    (void)c;
    return -ENOSYS;
}

long spawn_fork(struct spawn_cell *cell, int cgroup, bool *out_in_cgroup)
{
    (void)cgroup;
    *out_in_cgroup = false;
    long pid = fork();
    pid = pid < 0 ? -errno : pid;
    __atomic_store_n(&cell->pid, pid > 0 ? (int32_t)pid : getpid(), __ATOMIC_RELEASE);
    return pid;
}
#endif
