/* The simulated process table, and kill() on it. */
#include "tests/fake/fake.h"

#include "supervisor/base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLE 1024
#define PID_FIRST 100
#define PID_LAST 400 /* a number comes again soon, sometimes at once */
#define NAMES 256

struct task {
    int pid, pgid; /* pid 0: free */
    int name;      /* index into names; -1: not a leader */
    int of;        /* not a leader: its leader's name */
    bool zombie;
    bool leads;    /* its leader lives: its death is not ours to reap */
    int status;    /* of the zombie, or when it ends by itself */
    uint64_t died; /* order of death */
    mono_t ends;
    struct fake_fate fate;
    struct spawn_cell *cell;
};

struct named {
    char text[64];
    struct fake_counts counts;
};

struct rng fake_rng;
static struct task tasks[TABLE];
static struct named names[NAMES];
static uint64_t deaths;
static int next_pid; /* 0: any */
static struct fake_counts counts;
static char broken[512];
static fake_fate_fn *fate_fn;
static void *fate_obj;
static fake_seen_fn *seen_fn;
static void *seen_obj;

void fake_reset(uint64_t seed, unsigned jumps)
{
    extern unsigned fake_loop_jumps;
    rng_seed(&fake_rng, seed);
    memset(tasks, 0, sizeof(tasks));
    memset(names, 0, sizeof(names));
    counts = (struct fake_counts){0};
    deaths = 0;
    next_pid = 0;
    fake_clock_reset();
    broken[0] = '\0';
    fate_fn = NULL;
    seen_fn = NULL;
    fake_loop_jumps = jumps;
    fake_sigs_reset();
}

void fake_on_spawn(fake_fate_fn *fn, void *obj)
{
    fate_fn = fn;
    fate_obj = obj;
}

void fake_on_seen(fake_seen_fn *fn, void *obj)
{
    seen_fn = fn;
    seen_obj = obj;
}

static void seen(const char *what, const struct task *t)
{
    if (seen_fn && t->name >= 0)
        seen_fn(seen_obj, what, names[t->name].text);
}

void fake_fate_of(const struct spawn_request *rq, struct fake_fate *out)
{
    *out = (struct fake_fate){0};
    if (fate_fn)
        fate_fn(fate_obj, rq, out);
}

void fake_break(const char *fmt, ...)
{
    va_list ap;
    if (broken[0])
        return;
    va_start(ap, fmt);
    vsnprintf(broken, sizeof(broken), fmt, ap);
    va_end(ap);
}

const char *fake_broken(void)
{
    return broken[0] ? broken : NULL;
}

void fake_count_turn(bool jumped)
{
    counts.turns++;
    counts.jumps += jumped;
}

static int name_index(const char *name)
{
    int i = 0;
    while (i < NAMES - 1 && names[i].text[0] && strcmp(names[i].text, name) != 0)
        i++;
    snprintf(names[i].text, sizeof(names[i].text), "%s", name);
    return i;
}

struct fake_counts fake_counts_of(const char *name)
{
    return names[name_index(name)].counts;
}

struct fake_counts fake_counts(void)
{
    return counts;
}

#define EACH_TASK(t) for (struct task *t = tasks; t < tasks + TABLE; t++)

static struct task *find(int pid)
{
    EACH_TASK(t)
    if (t->pid == pid)
        return t;
    return NULL;
}

unsigned fake_leaders(const char *name)
{
    unsigned n = 0;
    int i = name_index(name);
    EACH_TASK(t)
    n += t->pid && !t->zombie && t->name == i;
    return n;
}

unsigned fake_orphans(const char *name)
{
    unsigned n = 0;
    int i = name_index(name);
    EACH_TASK(t)
    n += t->pid && !t->zombie && t->name < 0 && t->of == i && !t->leads;
    return n;
}

unsigned fake_living(void)
{
    unsigned n = 0;
    EACH_TASK(t)
    n += t->pid && !t->zombie;
    return n;
}

unsigned fake_zombies(void)
{
    unsigned n = 0;
    EACH_TASK(t)
    n += t->pid && t->zombie;
    return n;
}

static bool number_in_use(int pid)
{
    EACH_TASK(t)
    if (t->pid && (t->pid == pid || t->pgid == pid))
        return true;
    return false;
}

static struct task *new_task(void)
{
    struct task *t = find(0);
    if (!t || fake_living() + fake_zombies() > (PID_LAST - PID_FIRST) / 2) {
        fake_break("the simulated process table is full");
        return tasks;
    }
    int pid = next_pid;
    next_pid = 0;
    while (!pid || number_in_use(pid))
        pid = PID_FIRST + (int)rng_below(&fake_rng, PID_LAST - PID_FIRST);
    *t = (struct task){.pid = pid, .pgid = pid, .name = -1};
    return t;
}

static mono_t in(dur_t d)
{
    return d.ns > 0 ? mono_add(fake_clock(), d) : MONO_NEVER;
}

int fake_fork(const struct spawn_request *rq, const struct fake_fate *fate, struct spawn_cell *cell)
{
    struct task *t = new_task();
    t->name = name_index(rq->argv[0]);
    t->fate = *fate;
    t->cell = cell;
    t->status = fate->status;
    t->ends = in(fate->lives);
    if (fate->start == FATE_STEP) {
        t->status = 127 << 8;
        t->ends = mono_add(fake_clock(), fate->lives);
    }
    seen("start", t);
    counts.spawned++;
    names[t->name].counts.spawned++;
    for (unsigned i = 0; i < fate->kids; i++) {
        struct task *kid = new_task();
        kid->pgid = t->pid;
        kid->of = t->name;
        kid->leads = true;
        kid->fate = *fate;
        kid->fate.obeys = fate->kid_obeys;
    }
    return t->pid;
}

static void orphan(int pgid)
{
    EACH_TASK(t)
    if (t->pid && t->pgid == pgid && t->leads) {
        t->leads = false;
        if (!t->ends.ns)
            t->ends = in(t->fate.kid_lives);
    }
}

static void end_task(struct task *t)
{
    if (t->leads) { /* its parent takes care of it */
        t->pid = 0;
        return;
    }
    t->zombie = true;
    t->died = ++deaths;
    t->ends = MONO_NEVER;
    counts.died++;
    if (t->name < 0)
        return;
    seen("death", t);
    names[t->name].counts.died++;
    if (t->fate.start == FATE_STEP && t->status == 127 << 8) {
        t->cell->step = SPAWN_EXEC;
        t->cell->errnum = t->fate.errnum ? t->fate.errnum : ENOENT;
    }
    orphan(t->pid);
}

mono_t fake_kernel_next(void)
{
    mono_t next = MONO_NEVER;
    EACH_TASK(t)
    if (t->pid && !t->zombie)
        next = mono_min(next, t->ends);
    return next;
}

void fake_kernel_run(void)
{
    bool any = false;
    EACH_TASK(t)
    if (t->pid && !t->zombie && mono_reached(t->ends, fake_clock())) {
        end_task(t);
        any = true;
    }
    if (any && fake_zombies())
        fake_signal(SIGCHLD);
}

int fake_zombie(int *out_status)
{
    struct task *oldest = NULL;
    EACH_TASK(t)
    if (t->pid && t->zombie && (!oldest || t->died < oldest->died))
        oldest = t;
    if (!oldest)
        return 0;
    *out_status = oldest->status;
    return oldest->pid;
}

void fake_reaped(int pid)
{
    struct task *t = find(pid);
    if (!t || !t->zombie) {
        fake_break("pid %d is reaped but is no zombie", pid);
        return;
    }
    counts.reaped++;
    if (t->name >= 0)
        names[t->name].counts.reaped++;
    else
        counts.orphans++;
    t->pid = 0;
}

/* ---- kill() ---- */

static void sooner(struct task *t, dur_t d, int status)
{
    mono_t at = mono_add(fake_clock(), d);
    if (t->ends.ns && t->ends.ns <= at.ns)
        return;
    t->ends = at;
    t->status = status;
}

static void hit(struct task *t, int sig)
{
    if (t->zombie || sig == 0 || sig == SIGCONT)
        return;
    char name[24];
    seen(text_signal_name(sig, name, sizeof(name)), t);
    counts.signals++;
    if (sig == SIGKILL) {
        counts.kills++;
        if (!t->fate.immortal)
            sooner(t, DUR_MS(rng_below(&fake_rng, 2)), SIGKILL);
    } else if (t->fate.obeys.ns >= 0) {
        sooner(t, t->fate.obeys, rng_below(&fake_rng, 2) ? sig : 0);
    }
}

int kill(pid_t pid, int sig)
{
    bool found = false, allowed = false;
    if (pid == 0 || pid == -1 || pid == 1)
        fake_break("kill(%d, %d) would hit strangers", pid, sig);
    counts.looks += sig == 0;
    EACH_TASK(t)
    {
        if (!t->pid || (pid > 0 ? t->pid != pid : t->pgid != -pid))
            continue;
        found = true;
        if (t->fate.untouchable && !t->zombie)
            continue;
        allowed = true;
        hit(t, sig);
    }
    if (pid > 0 && !found)
        fake_break("signal %d to pid %d, which was reaped and may be anybody's", sig, pid);
    errno = found ? EPERM : ESRCH;
    return allowed ? 0 : -1;
}

pid_t getpgid(pid_t pid)
{
    struct task *t = find(pid);
    return t ? t->pgid : -1;
}

void fake_next_pid(int pid)
{
    next_pid = pid;
}

void fake_vanish(const char *name)
{
    int i = name_index(name);
    EACH_TASK(t)
    if (t->name < 0 && t->of == i && !t->leads)
        t->pid = 0;
}

int fake_pid(const char *name)
{
    int i = name_index(name);
    EACH_TASK(t)
    if (t->pid && !t->zombie && t->name == i)
        return t->pid;
    return 0;
}

void fake_heal(void)
{
    EACH_TASK(t)
    {
        if (!t->pid || t->zombie)
            continue;
        t->fate.immortal = false;
        t->fate.obeys = DUR_MS(10);
        if (t->fate.untouchable && t->name >= 0)
            sooner(t, DUR_S(1), 0);
    }
}
