/* The slots in which children are made: memory and descriptors that a child shares with us until
 * its exec, so that a start costs the same however big we are and never waits for a slow exec. */
#include "supervisor/io/spawn.h"

#include "supervisor/io/rawsys.h"
#include "supervisor/io/spawn_child.h"
#include "supervisor/io/spawn_clone.h"

#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOTS_MAX = 64,
    YOUNG_MAX = 16, /* on their way at once: more only makes them slower */
    STACK_SIZE = 16384,
    SMALL_AREA = 2048, /* the arrays' first place, above the stack and in its last page */
    STACK_ROOM = STACK_SIZE - SMALL_AREA,
    GUARD_SIZE = 4096,
};
/* An exec that takes longer than this hangs: it no longer counts, others start beside it. */
#define HUNG DUR_MS(50)
#define WAIT_MAX DUR_MS(1)

enum method { CLONE3, CLONE, FORK };
static const char *const method_names[] = {[CLONE3] = "clone3", [CLONE] = "clone", [FORK] = "fork"};

struct slot {
    int32_t alive;    /* the kernel sets it to 0 at the exec or the death, and wakes us */
    int32_t unshared; /* the child's copies of the window are its own */
    bool busy;
    bool window_used; /* the window holds the request's descriptors, not /dev/null */
    mono_t since;
    int window[3];
    uint32_t above; /* the first number behind the window */
    char *stack;    /* NULL: not made yet */
    void *area;     /* argv, envp, candidates, groups; more than SMALL_AREA: mapped */
    size_t area_size;
    struct spawn_job job;
};

static struct slot slots[SLOTS_MAX]; /* few are ever touched, so it is not in the binary */

static struct {
    unsigned nslots;
    unsigned busy;
    unsigned dirty; /* slots before this have been used since the last release_stacks() */
    char *stacks;
    int null_in, null_out, null_keep;
    enum method method;
    bool no_close_range;
    bool in_cgroup;     /* the last child is in the group asked for */
    int dumpable;       /* what it was at the start */
    bool dumpable_lost; /* a child that shares our memory has changed its user */
    uint64_t ignored;   /* signals that we ignore */
    uint64_t handled;   /* signals that we handle */
} port = {.null_in = -1, .null_out = -1, .null_keep = -1, .method = FORK};

/* ---- set-up ---- */

/* Without /dev/null: stdin is at its end; what is written meets EAGAIN once the pipe is full. */
static int open_null(struct err *e)
{
    port.null_in = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (port.null_in >= 0) {
        port.null_out = port.null_in;
        return 0;
    }
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return err_errno(e, errno, "no /dev/null, and cannot make a pipe instead");
    fd_close(&in[1]);
    port.null_in = in[0];
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(e, errno, "no /dev/null, and cannot make a pipe instead");
    port.null_keep = out[0];
    port.null_out = out[1];
    return 0;
}

static void note_signals(void)
{
    port.ignored = port.handled = 0;
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        struct sigaction sa;
        if (sigaction(sig, NULL, &sa) < 0 || sa.sa_handler == SIG_DFL)
            continue;
        *(sa.sa_handler == SIG_IGN ? &port.ignored : &port.handled) |= 1ULL << (sig - 1);
    }
}

static bool denied(long r)
{
    return r == -ENOSYS || r == -EPERM;
}

/* Asks the kernel in ways that do nothing. */
static void find_method(void)
{
    port.no_close_range = denied(RAW3(SYS_close_range, UINT_MAX, UINT_MAX, 0));
    if (!RAW_ASYNC || port.no_close_range)
        port.method = FORK;
    else
        port.method = denied(RAW2(SYS_clone3, 0, 0)) ? CLONE : CLONE3;
}

static bool reserve_window(struct slot *s)
{
    for (int i = 0; i < 3; i++) {
        s->window[i] = fcntl(port.null_in, F_DUPFD_CLOEXEC, 3);
        if (s->window[i] < 0) {
            while (i > 0)
                fd_close(&s->window[--i]);
            return false;
        }
        if (s->above <= (uint32_t)s->window[i])
            s->above = (uint32_t)s->window[i] + 1;
    }
    return true;
}

/* The windows take an eighth of the descriptors at most. A usual limit is raised as far as it may
 * be where that is needed: the number is the same before that and, in a successor, after it. */
static unsigned slots_of_limit(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
        return SLOTS_MAX;
    rlim_t n = (lim.rlim_cur >= 1024 ? lim.rlim_max : lim.rlim_cur) / 24;
    return n < SLOTS_MAX ? (unsigned)n : SLOTS_MAX;
}

/* Lowest first, so that a child in the first slots copies almost nothing. */
static void reserve_slots(void)
{
    unsigned most = slots_of_limit();
    port.stacks = mmap(NULL, (size_t)SLOTS_MAX * (GUARD_SIZE + STACK_SIZE), PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (port.stacks == MAP_FAILED)
        port.stacks = NULL;
    while (port.stacks && port.nslots < most) {
        struct slot *s = &slots[port.nslots];
        *s = (struct slot){.busy = false};
        if (!reserve_window(s))
            break;
        port.nslots++;
    }
}

int spawn_init(struct err *e)
{
    spawn_fini();
    if (open_null(e) < 0) {
        spawn_fini();
        return -1;
    }
    note_signals();
    find_method();
    port.dumpable = prctl(PR_GET_DUMPABLE);
    if (port.method != FORK)
        reserve_slots();
    return 0;
}

unsigned spawn_own_fds(void)
{
    return 3 * (port.nslots + 1);
}

const char *spawn_method(void)
{
    return method_names[port.nslots ? port.method : FORK];
}

/* ---- slots ---- */

static bool slot_ended(const struct slot *s)
{
    return !__atomic_load_n(&s->alive, __ATOMIC_ACQUIRE);
}

/* All but the first one, which serves the single restarts. */
static void release_stacks(void)
{
    const size_t each = GUARD_SIZE + STACK_SIZE;
    if (port.dirty > 1)
        madvise(port.stacks + each, (port.dirty - 1) * each, MADV_DONTNEED);
    port.dirty = 0;
}

static void release_window(struct slot *s)
{
    if (!s->window_used)
        return;
    for (int i = 0; i < 3; i++)
        dup3(port.null_in, s->window[i], O_CLOEXEC);
    s->window_used = false;
}

/* While a child with another user's rights shares our memory, the kernel's "not dumpable" keeps
 * that user from attaching to it; afterwards we want to be as before. */
static void restore_dumpable(void)
{
    if (!port.dumpable_lost || port.busy)
        return;
    port.dumpable_lost = false;
    if (port.dumpable == 1)
        prctl(PR_SET_DUMPABLE, 1);
}

/* Takes back what ended children used. Returns how many are on their way and not hung; the first
 * free slot (or NULL) and the one that is longest on its way (or NULL). */
static unsigned sweep(struct slot **out_free, struct slot **out_oldest)
{
    unsigned young = 0;
    mono_t now = mono_now();
    *out_free = *out_oldest = NULL;
    for (unsigned i = 0, left = port.busy; i < port.nslots && (left || !*out_free); i++) {
        struct slot *s = &slots[i];
        left -= s->busy;
        if (s->busy && slot_ended(s)) {
            s->busy = false;
            port.busy--;
        }
        if (!s->busy || __atomic_load_n(&s->unshared, __ATOMIC_ACQUIRE))
            release_window(s);
        if (!s->busy) {
            *out_free = *out_free ? *out_free : s;
        } else if (mono_sub(now, s->since).ns < HUNG.ns) {
            young++;
            *out_oldest = *out_oldest && (*out_oldest)->since.ns <= s->since.ns ? *out_oldest : s;
        }
    }
    restore_dumpable();
    return young;
}

static unsigned young_max(void)
{
    return port.nslots && port.nslots < YOUNG_MAX ? port.nslots : YOUNG_MAX;
}

unsigned spawn_in_flight(void)
{
    struct slot *vacant, *oldest;
    if (port.busy)
        sweep(&vacant, &oldest);
    if (!port.busy)
        release_stacks();
    return port.busy;
}

bool spawn_wait(dur_t limit)
{
    struct slot *vacant, *oldest;
    mono_t end = mono_add(mono_now(), limit.ns < WAIT_MAX.ns ? limit : WAIT_MAX);
    while (sweep(&vacant, &oldest) >= young_max()) {
        int64_t left = mono_sub(end, mono_now()).ns;
        if (left <= 0)
            return false;
        struct timespec ts = {.tv_nsec = left};
        RAW4(SYS_futex, &oldest->alive, FUTEX_WAIT, 1, &ts);
    }
    return true;
}

void spawn_fini(void)
{
    for (int i = 0; i < 10 && spawn_in_flight(); i++)
        nanosleep(&(struct timespec){.tv_nsec = WAIT_MAX.ns}, NULL);
    bool hung = port.busy;
    for (unsigned i = 0; i < port.nslots; i++) {
        struct slot *s = &slots[i];
        for (int k = 0; k < 3; k++)
            fd_close(&s->window[k]);
        if (s->area_size > SMALL_AREA && !hung)
            munmap(s->area, s->area_size);
    }
    if (port.stacks && !hung) /* else a child still stands on it */
        munmap(port.stacks, (size_t)SLOTS_MAX * (GUARD_SIZE + STACK_SIZE));
    port.stacks = NULL;
    port.nslots = port.busy = port.dirty = 0;
    port.method = FORK;
    if (port.null_out != port.null_in)
        fd_close(&port.null_out);
    port.null_out = -1;
    fd_close(&port.null_in);
    fd_close(&port.null_keep);
}

/* ---- one start ---- */

static int source_fd(const struct spawn_request *rq, int i)
{
    if (i == 2 && rq->redirect_stderr)
        i = 1;
    if (rq->fds[i] >= 0)
        return rq->fds[i];
    return i == 0 ? port.null_in : port.null_out;
}

static void fill_job(struct spawn_job *j, const struct spawn_request *rq, struct spawn_cell *cell)
{
    *j = (struct spawn_job){.argv = rq->argv,
                            .envp = rq->envp,
                            .candidates = rq->candidates,
                            .directory = rq->directory,
                            .groups = rq->groups,
                            .ngroups = rq->ngroups,
                            .uid = rq->uid,
                            .gid = rq->gid,
                            .umask = rq->umask,
                            .ignore = rq->ignore,
                            .reset = port.ignored | (port.method == CLONE3 ? 0 : port.handled),
                            .setsid = rq->setsid,
                            .has_nofile = rq->nofile,
                            .has_fsize = rq->fsize,
                            .attrs = rq->attrs,
                            .more_fd = rq->more_fd,
                            .more_as = rq->more_as,
                            .pid_at = rq->pid_at,
                            .read_only = rq->read_only,
                            .read_write = rq->read_write,
                            .filter = rq->filter,
                            .nfilter = rq->nfilter,
                            .parent = getpid(),
                            .no_close_range = port.no_close_range,
                            .cell = cell};
    if (rq->nofile) {
        j->nofile[0] = rq->nofile->rlim_cur;
        j->nofile[1] = rq->nofile->rlim_max;
    }
    if (rq->fsize) {
        j->fsize[0] = rq->fsize->rlim_cur;
        j->fsize[1] = rq->fsize->rlim_max;
    }
    for (int i = 0; i < 3; i++)
        j->fds[i] = source_fd(rq, i);
}

static size_t pointers(char *const *v)
{
    size_t n = 0;
    while (v[n])
        n++;
    return n + 1;
}

static int slot_prepare(struct slot *s, size_t area)
{
    if (!s->stack) {
        char *stack = port.stacks + (size_t)(s - slots) * (GUARD_SIZE + STACK_SIZE) + GUARD_SIZE;
        if (mprotect(stack, STACK_SIZE, PROT_READ | PROT_WRITE) < 0)
            return -errno;
        s->stack = stack;
        s->area = stack + STACK_ROOM;
        s->area_size = SMALL_AREA;
    }
    if (area <= s->area_size)
        return 0;
    size_t size = (area + 4095) & ~(size_t)4095;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    if (s->area_size > SMALL_AREA)
        munmap(s->area, s->area_size);
    s->area = p;
    s->area_size = size;
    return 0;
}

static void *put(char **at, const void *p, size_t n)
{
    void *to = *at;
    if (n)
        memcpy(to, p, n);
    *at += n;
    return to;
}

/* Copies the text and lets the environment, copied before, mean the copy. */
static void copy_text(struct spawn_job *j, char **at, const struct spawn_request *rq)
{
    char *copy = put(at, rq->text, rq->text_size);
    if (rq->pid_at)
        j->pid_at = copy + (rq->pid_at - rq->text);
    for (char **e = (char **)(uintptr_t)j->envp; *e; e++)
        if (*e >= rq->text && *e < rq->text + rq->text_size)
            *e = copy + (*e - rq->text);
}

/* The caller may reuse its arrays and its text at once; only the other strings must stay. */
static int copy_arrays(struct slot *s, const struct spawn_request *rq)
{
    struct spawn_job *j = &s->job;
    size_t argv = pointers(j->argv) * sizeof(char *);
    size_t envp = pointers(j->envp) * sizeof(char *);
    size_t candidates = pointers(j->candidates) * sizeof(char *);
    size_t groups = j->groups ? j->ngroups * sizeof(*j->groups) : 0;
    int r = slot_prepare(s, argv + envp + candidates + groups + rq->text_size);
    if (r < 0)
        return r;
    char *at = s->area;
    j->argv = put(&at, j->argv, argv);
    j->envp = put(&at, j->envp, envp);
    j->candidates = put(&at, j->candidates, candidates);
    if (j->groups)
        j->groups = put(&at, j->groups, groups);
    if (rq->text_size)
        copy_text(j, &at, rq);
    return 0;
}

/* EBADF is the window's, too, once the limit of open files was lowered below it. */
static int why_no_window(int fd)
{
    int errnum = errno;
    return errnum == EBADF && fcntl(fd, F_GETFD) >= 0 ? -EMFILE : -errnum;
}

/* The child finds its descriptors in the window, since it copies no higher ones. */
static int fill_window(struct slot *s)
{
    s->window_used = true;
    for (int i = 0; i < 3; i++) {
        if (dup3(s->job.fds[i], s->window[i], O_CLOEXEC) < 0)
            return why_no_window(s->job.fds[i]);
        s->job.fds[i] = s->window[i];
    }
    return 0;
}

static struct spawn_clone clone_of(struct slot *s)
{
    return (struct spawn_clone){.alive = &s->alive,
                                .pid = &s->job.cell->pid,
                                .stack = s->stack,
                                .room = STACK_ROOM,
                                .job = &s->job};
}

static long clone_child(struct slot *s, int cgroup)
{
    long pid = -ENOSYS;
    struct spawn_clone c = clone_of(s);
    if (port.method == CLONE3 && cgroup) {
        pid = spawn_clone3(&c, cgroup);
        port.in_cgroup = pid > 0;
        if (pid > 0 || spawn_is_shortage((int)-pid))
            return pid;
    }
    if (port.method == CLONE3) {
        pid = spawn_clone3(&c, 0);
        if (denied(pid) || pid == -EINVAL) {
            port.method = CLONE;
            s->job.reset |= port.handled;
        }
    }
    if (port.method == CLONE) {
        pid = spawn_clone2(&c);
        if (denied(pid) || pid == -EINVAL)
            port.method = FORK;
    }
    return pid;
}

static long start_async(struct slot *s, const struct spawn_request *rq, struct spawn_cell *cell)
{
    unsigned used = (unsigned)(s - slots) + 1;
    port.dirty = used > port.dirty ? used : port.dirty;
    fill_job(&s->job, rq, cell);
    s->job.first_foreign = s->above;
    s->job.unshared = &s->unshared;
    long pid = copy_arrays(s, rq);
    if (pid == 0)
        pid = fill_window(s);
    if (pid < 0) {
        release_window(s);
        return pid;
    }
    s->unshared = 0;
    s->alive = 1;
    if (rq->uid >= 0 || rq->gid >= 0)
        port.dumpable_lost = true;
    FAULT_POINT();
    pid = clone_child(s, rq->cgroup);
    FAULT_POINT();
    if (pid < 0) {
        s->alive = 0;
        release_window(s);
        return pid;
    }
    s->busy = true;
    s->since = mono_now();
    port.busy++;
    return pid;
}

static long start_fork(const struct spawn_request *rq, struct spawn_cell *cell)
{
    struct spawn_job job;
    fill_job(&job, rq, cell);
    job.reset = port.ignored | port.handled;
    long pid = spawn_fork(cell, port.method == FORK ? 0 : rq->cgroup, &port.in_cgroup);
    if (pid == 0)
        spawn_child_run(&job);
    return pid;
}

static enum spawn_result result_of(long pid, struct spawn_cell *cell, int *out_errnum)
{
    if (pid > 0)
        return SPAWN_STARTED;
    cell->pid = 0;
    *out_errnum = (int)-pid;
    return spawn_is_shortage(*out_errnum) ? SPAWN_REFUSED : SPAWN_FAILED;
}

bool spawn_in_cgroup(void)
{
    return port.in_cgroup;
}

enum spawn_result spawn_start(const struct spawn_request *rq, struct spawn_cell *cell,
                              int *out_errnum)
{
    struct slot *vacant = NULL, *oldest;
    *cell = (struct spawn_cell){.pid = 0};
    *out_errnum = 0;
    port.in_cgroup = false;
    long pid = -ENOSYS;
    if (port.nslots && sweep(&vacant, &oldest) >= young_max())
        return SPAWN_BUSY;
    /* while others share our memory, the kernel would set oom_score_adj for us, too */
    bool alone = rq->attrs && (rq->attrs->set >> ATTR_OOM & 1);
    alone |= rq->more_as; /* the windows have no place for it */
    if (vacant && port.method != FORK && !alone)
        pid = start_async(vacant, rq, cell);
    if (!vacant || port.method == FORK || alone)
        pid = start_fork(rq, cell);
    /* the child does this, too: whoever is first, a signal to the group cannot miss it. Not before
     * setsid, which a group leader may not call. */
    if (pid > 0 && !rq->setsid)
        RAW2(SYS_setpgid, pid, pid);
    return result_of(pid, cell, out_errnum);
}
