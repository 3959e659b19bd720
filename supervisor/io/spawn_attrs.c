/* Limits, scheduling and capabilities of a new child, in raw system calls only. */
#include "supervisor/io/spawn_child.h"

#include "supervisor/io/rawsys.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { IOPRIO_PROCESS = 1, CAPS_END = 64, KILL_WITH_PARENT = SIGKILL };

RAW_CHILD bool spawn_attr_wanted(const struct spawn_job *j, unsigned attr)
{
    return j->attrs && (j->attrs->set >> attr & 1);
}

RAW_CHILD long spawn_attr_judge(const struct spawn_job *j, unsigned attr, long r)
{
    if (r >= 0 || !(j->attrs->optional >> attr & 1))
        return r;
    j->cell->refused |= ATTR_BIT(attr);
    return 0;
}

RAW_CHILD long spawn_attr_limits(const struct spawn_job *j)
{
    for (unsigned i = 0; i < ATTRS_LIMITS; i++) {
        if (!spawn_attr_wanted(j, i))
            continue;
        long r = spawn_attr_judge(j, i, RAW4(SYS_prlimit64, 0, i, j->attrs->limit[i], 0));
        j->cell->candidate = (int32_t)i;
        if (r < 0)
            return r;
    }
    return 0;
}

RAW_CHILD long spawn_attr_nice(const struct spawn_job *j)
{
    if (!spawn_attr_wanted(j, ATTR_NICE))
        return 0;
    return spawn_attr_judge(j, ATTR_NICE, RAW3(SYS_setpriority, PRIO_PROCESS, 0, j->attrs->nice));
}

RAW_CHILD long spawn_attr_ionice(const struct spawn_job *j)
{
    if (!spawn_attr_wanted(j, ATTR_IONICE))
        return 0;
    return spawn_attr_judge(j, ATTR_IONICE,
                            RAW3(SYS_ioprio_set, IOPRIO_PROCESS, 0, j->attrs->ionice));
}

/* the decimal text of n at the end of buf; returns its start */
RAW_CHILD static const char *decimal(char *end, int32_t n)
{
    bool minus = n < 0;
    unsigned u = (unsigned)(minus ? -n : n);
    do
        *--end = (char)('0' + u % 10);
    while (u /= 10);
    if (minus)
        *--end = '-';
    return end;
}

/* Only in a child with memory of its own: the kernel sets it for all that share the memory. */
RAW_CHILD long spawn_attr_oom(const struct spawn_job *j)
{
    if (!spawn_attr_wanted(j, ATTR_OOM))
        return 0;
    char buf[12], *end = buf + sizeof(buf);
    const char *text = decimal(end, j->attrs->oom_score_adj);
    long fd = RAW4(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return spawn_attr_judge(j, ATTR_OOM, fd);
    long r = RAW3(SYS_write, fd, text, end - text);
    RAW1(SYS_close, fd);
    return spawn_attr_judge(j, ATTR_OOM, r);
}

RAW_CHILD long spawn_attr_cpus(const struct spawn_job *j)
{
    if (!spawn_attr_wanted(j, ATTR_CPUS))
        return 0;
    return spawn_attr_judge(j, ATTR_CPUS,
                            RAW3(SYS_sched_setaffinity, 0, sizeof(j->attrs->cpus), j->attrs->cpus));
}

/* supd looks at it from outside, and there has to be something to look at. */
RAW_CHILD long spawn_attr_memory(const struct spawn_job *j)
{
    long r = 0;
    for (unsigned i = ATTR_MEMORY_HIGH; i <= ATTR_MEMORY_MAX && r >= 0; i++) {
        j->cell->candidate = (int32_t)i;
        if (spawn_attr_wanted(j, i))
            r = spawn_attr_judge(j, i, RAW3(SYS_faccessat, AT_FDCWD, "/proc/self/statm", 0));
    }
    return r;
}

struct cap_sets {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2];
};

RAW_CHILD static long read_caps(struct cap_sets *c)
{
    c->header.version = _LINUX_CAPABILITY_VERSION_3;
    c->header.pid = 0;
    return RAW2(SYS_capget, &c->header, c->data);
}

/* The bounding set: what neither an exec as root nor one of a file with capabilities gives. */
RAW_CHILD static long drop_bounding(uint64_t keep)
{
    for (int cap = 0; cap < CAPS_END; cap++) {
        if (keep >> cap & 1)
            continue;
        long r = RAW5(SYS_prctl, PR_CAPBSET_READ, cap, 0, 0, 0);
        if (r == 1)
            r = RAW5(SYS_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
        if (r < 0)
            return r == -EINVAL ? 0 : r; /* behind the kernel's last one */
    }
    return 0;
}

RAW_CHILD static long drop_inheritable(uint64_t keep)
{
    struct cap_sets c;
    long r = read_caps(&c);
    if (r < 0)
        return r;
    c.data[0].inheritable &= (uint32_t)keep;
    c.data[1].inheritable &= (uint32_t)(keep >> 32);
    return RAW2(SYS_capset, &c.header, c.data);
}

/* Before the user changes: that takes what these steps need. */
RAW_CHILD long spawn_attr_caps(const struct spawn_job *j)
{
    long r = 0;
    if (spawn_attr_wanted(j, ATTR_AMBIENT))
        r = RAW5(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (r < 0 || !spawn_attr_wanted(j, ATTR_CAPS))
        return r;
    r = drop_bounding(j->attrs->caps);
    return spawn_attr_judge(j, ATTR_CAPS, r < 0 ? r : drop_inheritable(j->attrs->caps));
}

RAW_CHILD static long raise_ambient(const struct spawn_job *j)
{
    struct cap_sets c;
    uint64_t want = j->attrs->ambient;
    long r = read_caps(&c);
    if (r < 0)
        return r;
    uint64_t missing = want & ~(c.data[0].permitted | (uint64_t)c.data[1].permitted << 32);
    if (missing) {
        j->cell->candidate = __builtin_ctzll(missing);
        return -EPERM;
    }
    c.data[0].inheritable |= (uint32_t)want;
    c.data[1].inheritable |= (uint32_t)(want >> 32);
    r = RAW2(SYS_capset, &c.header, c.data);
    for (int cap = 0; cap < CAPS_END && r >= 0; cap++) {
        j->cell->candidate = cap;
        if (want >> cap & 1)
            r = RAW5(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
    }
    return r;
}

RAW_CHILD long spawn_attr_ambient(const struct spawn_job *j)
{
    return spawn_attr_wanted(j, ATTR_AMBIENT) ? spawn_attr_judge(j, ATTR_AMBIENT, raise_ambient(j))
                                              : 0;
}

/* After the user has changed, which takes the parent's death signal back. A parent that is gone
 * already sends none. */
RAW_CHILD long spawn_attr_last(const struct spawn_job *j)
{
    long r = 0;
    if (spawn_attr_wanted(j, ATTR_DIE_WITH_SUPD)) {
        r = RAW5(SYS_prctl, PR_SET_PDEATHSIG, KILL_WITH_PARENT, 0, 0, 0);
        if (r >= 0 && RAW0(SYS_getppid) != j->parent)
            r = -ESRCH;
        r = spawn_attr_judge(j, ATTR_DIE_WITH_SUPD, r);
    }
    if (r >= 0 && spawn_attr_wanted(j, ATTR_NO_NEW_PRIVILEGES))
        r = spawn_attr_judge(j, ATTR_NO_NEW_PRIVILEGES,
                             RAW5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    return r;
}

/* Last of all, since it is about these steps, too: what follows are the signals and the exec. */
RAW_CHILD long spawn_attr_seccomp(const struct spawn_job *j)
{
    struct sock_fprog program = {.len = j->nfilter,
                                 .filter = (struct sock_filter *)(uintptr_t)j->filter};
    if (!spawn_attr_wanted(j, ATTR_SECCOMP))
        return 0;
    return spawn_attr_judge(j, ATTR_SECCOMP,
                            RAW5(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}
