/* The minimal keeper: no loop, no memory, no configuration; only the pids of the state. */
#include "supervisor/run/keeper.h"
#include "supervisor/base/log.h"
#include "supervisor/core/logshm.h"
#include "supervisor/io/sigs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef SUPD_FAULTS
#include <stdlib.h>
/* they are what is tested, where the keeper is not */
#define CRASHES (getenv("SUPD_FAULT_KEEPER") ? 5u : UINT32_MAX)
#else
#define CRASHES 5u
#endif
#define WITHIN DUR_S(10)
#define STOP_WAIT DUR_S(10) /* after TERM; then KILL */
#define LOG_WAIT DUR_S(2)   /* for supd-log to write what it has */

bool keeper_needed(const struct state *s)
{
    const struct state_crash *c = state_crash(s);
    if (state_kept(s)->cause != STATE_CRASHED || c->n < CRASHES)
        return false;
    return mono_sub(mono_now(), c->at[(c->n - CRASHES) % STATE_CRASHES]).ns < WITHIN.ns;
}

static int pid_of(const struct state *s, uint32_t slot)
{
    const struct state_rec *rec = state_get(s, slot);
    if (!state_used(s, slot) || !state_good(s, slot))
        return 0;
    if (rec->phase == STATE_SPAWNING)
        return state_cell((struct state *)(uintptr_t)s, slot)->pid;
    return rec->life.pid;
}

/* Each process, or its group; returns how many there are. */
static unsigned signal_all(const struct state *s, int sig, bool group)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < state_nslots(s); i++) {
        int pid = pid_of(s, i);
        if (pid <= 1)
            continue;
        n++;
        if (sig)
            kill(group ? -pid : pid, sig);
    }
    return n;
}

static void forget(struct state *s, int pid)
{
    for (uint32_t i = 0; i < state_nslots(s); i++) {
        if (pid_of(s, i) != pid)
            continue;
        struct state_rec rec = *state_get(s, i);
        rec.phase = STATE_IDLE;
        rec.life.pid = 0;
        rec.life.exits++;
        state_put(s, i, &rec);
        log_warn("keeper: pid %d ended; it is not started again", pid);
    }
}

static void reap(struct state *s)
{
    int pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        state_totals(s)->reaped++;
        forget(s, pid);
    }
}

/* The next signal, or 0 when that took too long. */
static int next_signal(mono_t until, siginfo_t *si)
{
    sigset_t all;
    sigfillset(&all);
    if (!until.ns)
        return sigwaitinfo(&all, si);
    int64_t left = mono_sub(until, mono_now()).ns;
    if (left <= 0)
        return 0;
    struct timespec t = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    int sig = sigtimedwait(&all, si, &t);
    return sig > 0 ? sig : 0;
}

static bool is_end(int sig)
{
    return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
}

/* Until it is told to end. */
static void keep(struct state *s)
{
    siginfo_t si;
    int sig;
    while (state_kept(s)->mood != 2 && !is_end(sig = next_signal(MONO_NEVER, &si))) {
        if (sig == SIGCHLD)
            reap(s);
        else if (sig > 0 && sig != SIGPIPE && !(sig == SIGHUP && si.si_code == SI_KERNEL))
            signal_all(s, sig, false);
    }
}

/* Reaps until no process is left, at most so long. */
static void wait_for_all(struct state *s, dur_t limit)
{
    siginfo_t si;
    mono_t until = mono_add(mono_now(), limit);
    reap(s);
    while (signal_all(s, 0, false) && !mono_reached(until, mono_now())) {
        if (is_end(next_signal(until, &si)))
            return; /* a second one does not wait */
        reap(s);
    }
}

static void end_all(struct state *s)
{
    log_warn("keeper: stopping the programs");
    signal_all(s, SIGTERM, true);
    signal_all(s, SIGCONT, true);
    wait_for_all(s, STOP_WAIT);
    signal_all(s, SIGKILL, true);
    wait_for_all(s, DUR_S(2));
}

/* supd-log ends when its channel does, and writes all it has before that. */
static void end_log(const struct logshm_head *h)
{
    log_setup(2, LVL_WARN, false);
    if (h->pid <= 0)
        return;
    if (h->chan > 0)
        close(h->chan);
    mono_t until = mono_add(mono_now(), LOG_WAIT);
    siginfo_t si;
    while (waitpid(h->pid, NULL, WNOHANG) == 0 && next_signal(until, &si))
        ;
}

/* The head of the log memory, and supd's own log, if supd-log is there. */
static void open_log(const struct state *s, struct logshm_head *out)
{
    struct logshm_stream own;
    int fd = state_kept(s)->log_memory;
    if (fd <= 0 || pread(fd, out, sizeof(*out), 0) != (ssize_t)sizeof(*out) ||
        pread(fd, &own, sizeof(own), (off_t)out->streams) != (ssize_t)sizeof(own)) {
        out->pid = 0;
        return;
    }
    if (out->pid > 0 && own.state != LOGSHM_FREE)
        log_setup(own.wfd, LVL_INFO, out->log_json);
}

int keeper_run(struct state *s, const char *why)
{
    struct logshm_head logs = {.pid = 0};
    if (state_kept(s)->socket > 0)
        close(state_kept(s)->socket);
    open_log(s, &logs);
    log_crit(
        "%s: supd only keeps what runs: %u processes. Nothing is started again and supctl gets no "
        "answer; TERM ends all of it",
        why, signal_all(s, 0, false));
    reap(s);
    keep(s);
    end_all(s);
    end_log(&logs);
    if (getpid() == 1)
        kill(-1, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return 0;
}
