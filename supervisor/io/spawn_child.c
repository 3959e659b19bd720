/* The steps of a new child, in raw system calls only: it may share our memory. */
#include "supervisor/io/spawn_child.h"

#include "supervisor/io/rawsys.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>

enum { CLOSE_MAX = 65536 }; /* where a walk over the numbers must end when nothing tells */

RAW_CHILD static long become_leader(const struct spawn_job *j)
{
    return j->setsid ? RAW0(SYS_setsid) : RAW2(SYS_setpgid, 0, 0);
}

/* A source below 3 would be overwritten by its neighbours. */
RAW_CHILD static long lift(int fd)
{
    return fd > 2 ? fd : RAW3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
}

/* The number behind "FDSize:" in a text that ends with a NUL, or 0. */
RAW_CHILD static long find_fdsize(const char *s)
{
    static const char name[] = "\nFDSize:\t";
    for (; *s; s++) {
        int i = 0;
        while (name[i] && s[i] == name[i])
            i++;
        if (name[i])
            continue;
        long n = 0;
        for (s += i; *s >= '0' && *s <= '9'; s++)
            n = n * 10 + (*s - '0');
        return n;
    }
    return 0;
}

/* A number that no open descriptor reaches: the size of our table, which costs one small file. (The
 * list in /proc/self/fd costs 3 us for each that is open.) */
RAW_CHILD static long table_size(void)
{
    char buf[1024];
    long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return CLOSE_MAX;
    long n = RAW3(SYS_read, fd, buf, sizeof(buf) - 1);
    RAW1(SYS_close, fd);
    buf[n > 0 ? n : 0] = '\0';
    n = find_fdsize(buf);
    return n ? n : CLOSE_MAX;
}

/* Where close_range is denied. */
RAW_CHILD static long close_walk(int keep)
{
    long end = table_size();
    for (long fd = 3; fd < end; fd++)
        if (fd != keep)
            RAW1(SYS_close, fd);
    return 0;
}

/* Closes all from 3 on but keep, where that is not 0. */
RAW_CHILD static long close_foreign(const struct spawn_job *j, int keep)
{
    if (j->no_close_range)
        return close_walk(keep);
    long r = keep > 3 ? RAW3(SYS_close_range, 3, keep - 1, 0) : 0;
    return r < 0 ? r : RAW3(SYS_close_range, keep ? keep + 1 : 3, UINT_MAX, 0);
}

/* Its number may be one of the sources of 0 to 2, so it comes after them; and they may be at its
 * number or below 3, so it goes out of their way first. */
RAW_CHILD static long place_more(const struct spawn_job *j, long from)
{
    long r = from == j->more_as ? RAW3(SYS_fcntl, from, F_SETFD, 0)
                                : RAW3(SYS_dup3, from, j->more_as, 0);
    return r < 0 ? r : close_foreign(j, j->more_as);
}

RAW_CHILD static long place_fds(const struct spawn_job *j)
{
    long from[3], more = j->more_as ? lift(j->more_fd) : 0;
    for (int i = 0; i < 3; i++) {
        from[i] = lift(j->fds[i]);
        if (from[i] < 0)
            return from[i];
    }
    for (int i = 0; i < 3; i++) {
        long r = RAW3(SYS_dup3, from[i], i, 0);
        if (r < 0)
            return r;
    }
    if (more < 0 || !j->more_as)
        return more < 0 ? more : close_foreign(j, 0);
    return place_more(j, more);
}

RAW_CHILD static long set_limits(const struct spawn_job *j)
{
    long r = j->has_nofile ? RAW4(SYS_prlimit64, 0, RLIMIT_NOFILE, j->nofile, 0) : 0;
    return r < 0 || !j->has_fsize ? r : RAW4(SYS_prlimit64, 0, RLIMIT_FSIZE, j->fsize, 0);
}

RAW_CHILD static long set_groups(const struct spawn_job *j)
{
    return j->groups ? RAW2(SYS_setgroups, j->ngroups, j->groups) : 0;
}

RAW_CHILD static long set_gid(const struct spawn_job *j)
{
    return j->gid >= 0 ? RAW3(SYS_setresgid, j->gid, j->gid, j->gid) : 0;
}

RAW_CHILD static long set_uid(const struct spawn_job *j)
{
    return j->uid >= 0 ? RAW3(SYS_setresuid, j->uid, j->uid, j->uid) : 0;
}

RAW_CHILD static long enter_directory(const struct spawn_job *j)
{
    if (j->umask >= 0)
        RAW1(SYS_umask, j->umask);
    return j->directory ? RAW1(SYS_chdir, j->directory) : 0;
}

#if RAW_ASYNC
/* the kernel's struct sigaction, where handler is all that counts */
struct raw_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

RAW_CHILD static void dispose(int sig, void (*handler)(int))
{
    struct raw_sigaction sa = {.handler = handler};
    RAW4(SYS_rt_sigaction, sig, &sa, 0, 8);
}
#else
static void dispose(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler};
    sigaction(sig, &sa, NULL);
}
#endif

RAW_CHILD static void dispose_all(uint64_t set, void (*handler)(int))
{
    for (; set; set &= set - 1)
        dispose(__builtin_ctzll(set) + 1, handler);
}

/* A signal that came while they were blocked ends us here, as it would the program. */
RAW_CHILD static void open_signals(const struct spawn_job *j)
{
    uint64_t none = 0;
    dispose_all(j->reset & ~j->ignore, SIG_DFL);
    dispose_all(j->ignore, SIG_IGN);
    RAW4(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
}

RAW_CHILD static long why_denied(const char *path)
{
    struct stat st;
    long r = RAW4(SYS_newfstatat, AT_FDCWD, path, &st, 0);
    if (r < 0)
        return r == -EACCES ? -SPAWN_NOT_REACHED : -EACCES;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    return st.st_mode & 0111 ? -SPAWN_NOT_PERMITTED : -EACCES;
}

/* The kernel says EACCES for a folder and ENOENT for a script whose interpreter is missing. */
RAW_CHILD static long refine(const char *path, long r)
{
    if (r == -EACCES)
        return why_denied(path);
    if (r == -ENOENT && RAW3(SYS_faccessat, AT_FDCWD, path, 0) == 0)
        return -SPAWN_NO_INTERPRETER;
    return r;
}

RAW_CHILD static bool not_found(long r)
{
    return r == -ENOENT || r == -ENOTDIR;
}

/* As the shell does: a candidate that cannot be reached does not hide the next. */
RAW_CHILD static bool goes_on(long r)
{
    return not_found(r) || r == -EACCES || r == -EISDIR || r == -SPAWN_NO_INTERPRETER ||
           r == -SPAWN_NOT_PERMITTED || r == -SPAWN_NOT_REACHED || r == -ESTALE || r == -ENODEV ||
           r == -ETIMEDOUT;
}

/* Returns the failure that tells most: the first that is not a plain "not found". */
RAW_CHILD static long try_candidates(const struct spawn_job *j)
{
    long best = -ENOENT;
    bool told = false;
    j->cell->candidate = 0;
    for (int i = 0; j->candidates[i]; i++) {
        long r = RAW3(SYS_execve, j->candidates[i], j->argv, j->envp);
        r = refine(j->candidates[i], r);
        if ((told || not_found(r)) && goes_on(r) && i)
            continue;
        j->cell->candidate = i;
        best = r;
        told = !not_found(r);
        if (!goes_on(r))
            break;
    }
    return best;
}

/* In decimal, where the environment has room for it. */
RAW_CHILD static void write_pid(char *at)
{
    char digits[SPAWN_PID_ROOM];
    long pid = RAW0(SYS_getpid);
    int n = 0;
    for (; pid; pid /= 10)
        digits[n++] = (char)('0' + pid % 10);
    while (n)
        *at++ = digits[--n];
    *at = '\0';
}

RAW_CHILD static long exec_program(const struct spawn_job *j)
{
    if (j->pid_at)
        write_pid(j->pid_at);
    open_signals(j);
    return try_candidates(j);
}

static const struct {
    enum spawn_step step;
    long (*run)(const struct spawn_job *j);
} steps[] = {
    {SPAWN_SETPGID, become_leader},
    {SPAWN_FDS, place_fds},
    {SPAWN_RLIMIT, set_limits},
    {SPAWN_LIMITS, spawn_attr_limits},
    {SPAWN_NICE, spawn_attr_nice},
    {SPAWN_IONICE, spawn_attr_ionice},
    {SPAWN_OOM, spawn_attr_oom},
    {SPAWN_CPUS, spawn_attr_cpus},
    {SPAWN_MEMORY, spawn_attr_memory},
    {SPAWN_NAMESPACE, spawn_mounts_namespace},
    {SPAWN_READ_ONLY, spawn_mounts_read_only},
    {SPAWN_TMP, spawn_mounts_tmp},
    {SPAWN_GROUPS, set_groups},
    {SPAWN_GID, set_gid},
    {SPAWN_CAPS, spawn_attr_caps},
    {SPAWN_UID, set_uid},
    {SPAWN_AMBIENT, spawn_attr_ambient},
    {SPAWN_LAST, spawn_attr_last},
    {SPAWN_CHDIR, enter_directory},
    {SPAWN_SECCOMP, spawn_attr_seccomp},
    {SPAWN_EXEC, exec_program},
};

RAW_CHILD __attribute__((noreturn)) static void fail(const struct spawn_job *j,
                                                     enum spawn_step step, long r)
{
    j->cell->errnum = (int32_t)-r;
    __atomic_store_n(&j->cell->step, (int32_t)step, __ATOMIC_RELEASE);
    for (;;)
        RAW1(SYS_exit_group, 127);
}

/* First of all, so that an exec that hangs holds no descriptor of ours. */
RAW_CHILD static void leave_table(const struct spawn_job *j)
{
    if (!j->first_foreign)
        return;
    long r = RAW3(SYS_close_range, j->first_foreign, UINT_MAX, CLOSE_RANGE_UNSHARE);
    if (r < 0)
        fail(j, SPAWN_FDS, r);
    __atomic_store_n(j->unshared, 1, __ATOMIC_RELEASE);
}

RAW_CHILD void spawn_child_run(void *arg)
{
    const struct spawn_job *j = arg;
    leave_table(j);
    long r = -ENOEXEC;
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        r = steps[i].run(j);
        if (r < 0)
            fail(j, steps[i].step, r);
    }
    fail(j, SPAWN_EXEC, r);
}
