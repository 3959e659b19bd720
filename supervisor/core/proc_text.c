/* The words of the process machine: names, and why a process is in its state. */
#include "supervisor/core/proc.h"

#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

const char *proc_state_name(enum proc_state s)
{
    static const struct {
        enum proc_state state;
        const char *name;
    } rows[] = {
        {PROC_STOPPED, "STOPPED"}, {PROC_STARTING, "STARTING"}, {PROC_RUNNING, "RUNNING"},
        {PROC_BACKOFF, "BACKOFF"}, {PROC_STOPPING, "STOPPING"}, {PROC_EXITED, "EXITED"},
        {PROC_FATAL, "FATAL"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].state == s)
            return rows[i].name;
    return "UNKNOWN";
}

const char *proc_why_text(enum proc_why w)
{
    static const char *const texts[] = {
        [PROC_WHY_NONE] = "not started yet",
        [PROC_WHY_BOOT] = "autostart",
        [PROC_WHY_OPERATOR] = "by hand",
        [PROC_WHY_SHUTDOWN] = "shutdown",
        [PROC_WHY_UP] = "stayed up",
        [PROC_WHY_QUICK] = "exited too quickly",
        [PROC_WHY_CANNOT] = "could not be started",
        [PROC_WHY_EXIT] = "exited",
        [PROC_WHY_RETRY] = "retry",
        [PROC_WHY_AUTORESTART] = "autorestart",
        [PROC_WHY_RETRIES] = "too many start retries",
        [PROC_WHY_WINDOW] = "too many restarts within retry_window",
        [PROC_WHY_STOPPED] = "stopped as told",
        [PROC_WHY_KILL_FAILED] = "could not be signalled",
        [PROC_WHY_UPDATE] = "by update",
        [PROC_WHY_MEMORY] = "memory",
        [PROC_WHY_READY] = "ready",
        [PROC_WHY_DONE] = "done",
        [PROC_WHY_FAILED] = "failed",
        [PROC_WHY_UNREADY] = "ended before it was ready",
        [PROC_WHY_BLOCKED] = "what it depends on is not there",
        [PROC_WHY_TIMEOUT] = "not in time",
        [PROC_WHY_WATCHDOG] = "missed its watchdog",
    };
    return (unsigned)w < sizeof(texts) / sizeof(texts[0]) ? texts[w] : "?";
}

const char *proc_event_name(enum proc_event ev)
{
    static const char *const names[PROC_NEVENTS] = {
        [PROC_EV_START] = "start",
        [PROC_EV_STOP] = "stop",
        [PROC_EV_RESTART] = "restart",
        [PROC_EV_SHUTDOWN] = "shutdown",
        [PROC_EV_HASTEN] = "hasten",
        [PROC_EV_SPAWNED] = "spawned",
        [PROC_EV_DELAYED] = "delayed",
        [PROC_EV_CANNOT] = "cannot",
        [PROC_EV_EXITED] = "exited",
        [PROC_EV_GROUP_EMPTY] = "group-empty",
        [PROC_EV_KILL_FAILED] = "kill-failed",
        [PROC_EV_TIMER] = "timer",
        [PROC_EV_READY] = "ready",
        [PROC_EV_UNFIT] = "unfit",
        [PROC_EV_HUNG] = "hung",
        [PROC_EV_EXTEND] = "extend",
        [PROC_EV_POLICY] = "policy",
        [PROC_EV_COMMAND] = "command",
    };
    return (unsigned)ev < PROC_NEVENTS ? names[ev] : "?";
}

int proc_exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* what its end was for, where the kernel's status does not tell */
static const char *status_reason(int status)
{
    return status & PROC_STATUS_OOM                   ? " (out of memory)"
           : status & PROC_STATUS_HIGH                ? " (above memory_high)"
           : status & PROC_STATUS_MAX                 ? " (above memory_max)"
           : status & PROC_STATUS_WATCHDOG            ? " (missed its watchdog)"
           : WIFSIGNALED(status) && WCOREDUMP(status) ? " (core dumped)"
                                                      : "";
}

const char *proc_status_words(int status, char buf[PROC_STATUS_WORDS])
{
    char name[24];
    if (WIFEXITED(status))
        snprintf(buf, PROC_STATUS_WORDS, "exit status %d%s", WEXITSTATUS(status),
                 status_reason(status));
    else if (WIFSIGNALED(status))
        snprintf(buf, PROC_STATUS_WORDS, "terminated by %s%s",
                 text_signal_name(WTERMSIG(status), name, sizeof(name)), status_reason(status));
    else
        snprintf(buf, PROC_STATUS_WORDS, "unknown termination cause 0x%04x", (unsigned)status);
    return buf;
}

void proc_status_text(struct str *out, int status)
{
    char words[PROC_STATUS_WORDS];
    str_puts(out, proc_status_words(status, words));
}

/* ---- explain: a sentence or two per state ---- */

struct words {
    const struct proc_policy *p;
    const struct proc_life *l;
    mono_t now;
    struct str *out;
};

static void put_dur(struct str *out, dur_t d)
{
    char buf[DUR_TEXT];
    str_puts(out, dur_human(d, buf, sizeof(buf)));
}

/* a configured duration, exactly */
static void put_value(struct str *out, dur_t d)
{
    char buf[DUR_TEXT];
    str_puts(out, dur_format(d, buf, sizeof(buf)));
}

static void put_since(const struct words *w, mono_t t)
{
    put_dur(w->out, mono_sub(w->now, t));
}

static void put_until(const struct words *w, mono_t t)
{
    if (mono_reached(t, w->now)) {
        str_puts(w->out, "now");
        return;
    }
    str_puts(w->out, "in ");
    put_dur(w->out, mono_sub(t, w->now));
}

static void put_times(struct str *out, uint64_t n)
{
    str_printf(out, n == 1 ? "once" : "%" PRIu64 " times", n);
}

/* " (exit status 3)" */
static void put_last_exit(const struct words *w)
{
    if (!w->l->has_exit)
        return;
    str_puts(w->out, " (");
    proc_status_text(w->out, w->l->exit_status);
    str_puts(w->out, ")");
}

static void put_signal(struct str *out, int sig)
{
    char name[24];
    str_puts(out, text_signal_name(sig, name, sizeof(name)));
}

static bool is_killed(const struct words *w)
{
    return w->l->kills && w->l->stop_step >= w->p->nstops;
}

/* "SIGTERM sent, SIGKILL in 7.0s" */
static void put_schedule(const struct words *w, mono_t due)
{
    const struct proc_life *l = w->l;
    unsigned sent = l->stop_step < w->p->nstops ? l->stop_step : w->p->nstops;
    put_signal(w->out, l->kills ? SIGKILL : sent ? w->p->stops[sent - 1].sig : SIGABRT);
    str_puts(w->out, " sent");
    if (l->kills > 1)
        str_printf(w->out, " %u times", (unsigned)l->kills);
    str_puts(w->out, ", ");
    if (is_killed(w) && l->sweep)
        str_puts(w->out, "left alone");
    else
        put_signal(w->out, sent < w->p->nstops ? w->p->stops[sent].sig : SIGKILL);
    str_puts(w->out, is_killed(w) && !l->sweep ? " again " : " ");
    put_until(w, due);
}

static void put_sweep(const struct words *w)
{
    if (!w->l->sweep)
        return;
    str_printf(w->out, " Its main process is dead, but others of its process group %d are not: ",
               (int)w->l->pgid);
    put_schedule(w, w->l->sweep_due);
    str_puts(w->out, w->l->restart ? "; it is started again once they are gone." : ".");
}

static void say_stopped(const struct words *w)
{
    if (w->l->why == PROC_WHY_NONE) {
        str_puts(w->out, "not started yet; it starts when told to.");
        return;
    }
    str_puts(w->out, w->l->why == PROC_WHY_SHUTDOWN ? "stopped by the shutdown "
                     : w->l->why == PROC_WHY_UPDATE ? "stopped by an update of the configuration "
                                                    : "stopped as it was told ");
    put_since(w, w->l->changed);
    str_puts(w->out, " ago");
    if (w->l->why == PROC_WHY_STOPPED)
        put_last_exit(w);
    str_puts(w->out, w->l->sweep ? "." : "; it stays so until it is started.");
}

/* "; it has failed if that takes longer than 30s (in 12s)" */
static void put_timeout(const struct words *w)
{
    if (w->l->due.ns) {
        str_puts(w->out, "; it has failed if that takes longer than ");
        put_value(w->out, w->p->ready_timeout);
        str_puts(w->out, " (");
        put_until(w, w->l->due);
        str_puts(w->out, ")");
    }
    str_puts(w->out, ".");
}

static void say_awaited(const struct words *w)
{
    const char *what = w->p->once ? "done" : "ready";
    str_puts(w->out, "started ");
    put_since(w, w->l->started);
    str_printf(w->out, " ago (pid %d); ", (int)w->l->pid);
    if (proc_is_overdue(w->p, w->l)) {
        str_printf(w->out, "it was not %s in time and is stopped: ", what);
        put_schedule(w, w->l->due);
        str_puts(w->out, ".");
        return;
    }
    str_puts(w->out, w->p->once ? "done when it exits with success" : "not ready yet");
    put_timeout(w);
}

static void say_starting(const struct words *w)
{
    if (w->l->pid && (w->p->told || w->p->once)) {
        say_awaited(w);
    } else if (w->l->pid) {
        str_puts(w->out, "started ");
        put_since(w, w->l->started);
        str_printf(w->out, " ago (pid %d); RUNNING ", (int)w->l->pid);
        put_until(w, w->l->due);
        str_puts(w->out, " if it is still up then.");
    } else if (w->l->spawning) {
        str_puts(w->out, "its process is being created.");
    } else {
        str_puts(w->out, "the system refused to create a process ");
        put_times(w->out, w->l->delays);
        str_puts(w->out, " for want of memory, processes or descriptors; next try ");
        put_until(w, w->l->due);
        str_puts(w->out, ". This spends no retries.");
    }
}

/* "0", "0, 2 or 3"; where there are many, that they are in exitcodes */
static void put_expected(const struct words *w)
{
    int codes[4], n = 0;
    for (int code = 0; code < 256; code++) {
        if (!(w->p->exitcodes[code / 32] >> code % 32 & 1))
            continue;
        if (n < 4)
            codes[n] = code;
        n++;
    }
    if (n == 0 || n > 4)
        str_puts(w->out, "in exitcodes");
    for (int i = 0; n <= 4 && i < n; i++)
        str_printf(w->out, "%s%d", i == 0 ? "" : i == n - 1 ? " or " : ", ", codes[i]);
}

/* "it is started again unless ..." */
static void put_restart_rule(const struct words *w)
{
    if (w->p->autorestart == PROC_RESTART_NEVER) {
        str_puts(w->out, "is not restarted (autorestart=false)");
    } else if (w->p->autorestart == PROC_RESTART_ALWAYS) {
        str_puts(w->out, "is started again (autorestart=true)");
    } else {
        str_puts(w->out, "is started again unless its exit status is ");
        put_expected(w);
        str_puts(w->out, " (autorestart=unexpected)");
    }
}

static void say_running(const struct words *w)
{
    str_puts(w->out, "up for ");
    put_since(w, w->l->started);
    str_printf(w->out, " (pid %d). When it exits, it ", (int)w->l->pid);
    put_restart_rule(w);
    str_putc(w->out, '.');
}

static int64_t give_up_at(const struct proc_policy *p)
{
    return (int64_t)p->startretries + 1;
}

/* "failed 3 times to stay up 1s (exit status 3)" */
static void put_failures(const struct words *w)
{
    if (w->l->why == PROC_WHY_CANNOT) {
        str_puts(w->out, "could not be started; failed ");
        put_times(w->out, w->l->tries);
        return;
    }
    if (w->p->once || w->p->told) {
        str_puts(w->out, "failed ");
        put_times(w->out, w->l->tries);
        str_printf(w->out, w->p->once ? " to be done" : " to become ready");
        if (w->l->why == PROC_WHY_TIMEOUT) {
            str_puts(w->out, " within ");
            put_value(w->out, w->p->ready_timeout);
        }
        put_last_exit(w);
        return;
    }
    bool stable = w->l->why == PROC_WHY_EXIT || w->l->why == PROC_WHY_WATCHDOG;
    str_puts(w->out, "failed ");
    put_times(w->out, w->l->tries);
    str_puts(w->out, " to stay up ");
    put_value(w->out, stable ? w->p->backoff_reset : w->p->startsecs);
    put_last_exit(w);
}

static void say_backoff(const struct words *w)
{
    put_failures(w);
    bool windowed = w->p->retry_window.ns > 0;
    bool fewer = w->l->tries > (int64_t)w->p->startretries; /* than when it failed */
    if (windowed)
        str_puts(w->out, "; next try ");
    else if (fewer)
        str_puts(w->out, "; the last retry ");
    else
        str_printf(w->out, "; retry %" PRIu32 " of %d ", w->l->tries, w->p->startretries);
    if (w->l->due.ns)
        put_until(w, w->l->due);
    else
        str_puts(w->out, "is due");
    if (!windowed) {
        str_puts(w->out, fewer ? ", then FATAL." : ", FATAL after the last.");
        return;
    }
    str_printf(w->out, "; FATAL at failure %" PRId64 " within ", give_up_at(w->p));
    put_value(w->out, w->p->retry_window);
    str_printf(w->out, ", this was number %u.", (unsigned)w->l->nwindow);
}

/* "its stop_command runs, SIGTERM follows in 7.0s at the latest" */
static void put_command(const struct words *w)
{
    str_puts(w->out, "its stop_command runs, ");
    put_signal(w->out, w->p->stops[0].sig);
    str_puts(w->out, " follows ");
    put_until(w, w->l->due);
    str_puts(w->out, " at the latest");
}

static void say_stopping(const struct words *w)
{
    str_puts(w->out, w->l->why == PROC_WHY_UPDATE
                         ? "told to stop by an update of the configuration "
                     : w->l->why == PROC_WHY_SHUTDOWN ? "told to stop by the shutdown "
                     : w->l->why == PROC_WHY_WATCHDOG ? "missed its watchdog "
                     : w->l->why == PROC_WHY_MEMORY   ? "told to stop for its memory (memory_high) "
                                                      : "told to stop ");
    put_since(w, w->l->changed);
    str_puts(w->out, " ago");
    if (w->l->pid) {
        str_printf(w->out, " (pid %d): ", (int)w->l->pid);
        if (w->l->stop_step || w->l->why == PROC_WHY_WATCHDOG)
            put_schedule(w, w->l->due);
        else
            put_command(w);
    } else if (!w->l->sweep) {
        str_puts(w->out, "; its process has ended, its stop_command has not");
    }
    bool again = w->l->restart && (w->l->why != PROC_WHY_WATCHDOG || w->p->autorestart);
    if (again && !w->l->sweep)
        str_puts(w->out, "; then it is started again");
    str_puts(w->out, ".");
}

static void say_exited(const struct words *w)
{
    str_puts(w->out, w->l->why == PROC_WHY_CANNOT     ? "could not be started "
                     : w->l->why == PROC_WHY_WATCHDOG ? "missed its watchdog and was ended "
                                                      : "exited ");
    put_since(w, w->l->changed);
    str_puts(w->out, " ago");
    if (w->l->why != PROC_WHY_CANNOT)
        put_last_exit(w);
    if (w->l->restart)
        str_puts(w->out, ".");
    else if (!w->l->want)
        str_puts(w->out, "; it was told to stop and stays down until it is started.");
    else if (proc_is_done(w->p, w->l))
        str_printf(w->out,
                   "; it is done, and runs again when it is started (type=oneshot, setup).");
    else if (w->p->autorestart == PROC_RESTART_UNEXPECTED && w->l->expected)
        str_puts(w->out, "; its exit status is in exitcodes, so it is done "
                         "(autorestart=unexpected).");
    else if (w->p->autorestart == PROC_RESTART_NEVER)
        str_puts(w->out, "; it is not restarted (autorestart=false).");
    else
        str_puts(w->out, "; by the configuration of then it was not to be started again, and stays "
                         "down until it is started.");
}

static void say_fatal(const struct words *w)
{
    if (w->l->why == PROC_WHY_SHUTDOWN) {
        str_puts(w->out, "waited for a retry when the shutdown began; it is not tried again.");
        return;
    }
    str_puts(w->out, "gave up ");
    put_since(w, w->l->changed);
    str_printf(w->out, " ago: %" PRIu32 " %s", w->l->failures,
               w->l->failures == 1 ? "failure" : "failures");
    if (w->l->why == PROC_WHY_WINDOW) {
        str_puts(w->out, " or restarts within ");
        put_value(w->out, w->p->retry_window);
    } else {
        str_puts(w->out, " in a row");
        if (w->l->failures == give_up_at(w->p))
            str_printf(w->out, " (startretries=%d)", w->p->startretries);
    }
    if (w->l->has_exit) {
        str_puts(w->out, ", the last exit was ");
        proc_status_text(w->out, w->l->exit_status);
    }
    if (w->l->due.ns) {
        str_puts(w->out, "; tried again ");
        put_until(w, w->l->due);
        str_puts(w->out, " (on_fatal=retry).");
    } else {
        str_puts(w->out, w->l->restart ? "." : "; it stays down until it is started.");
    }
}

static void say_unknown(const struct words *w)
{
    str_printf(w->out, "process %d could not be signalled ", (int)w->l->pid);
    put_since(w, w->l->changed);
    str_puts(w->out, " ago, so it may still run; this ends when it exits.");
}

void proc_explain(const struct proc_policy *p, const struct proc_life *l, mono_t now,
                  struct str *out)
{
    static const struct {
        enum proc_state state;
        void (*say)(const struct words *w);
    } rows[] = {
        {PROC_STOPPED, say_stopped}, {PROC_STARTING, say_starting}, {PROC_RUNNING, say_running},
        {PROC_BACKOFF, say_backoff}, {PROC_STOPPING, say_stopping}, {PROC_EXITED, say_exited},
        {PROC_FATAL, say_fatal},     {PROC_UNKNOWN, say_unknown},
    };
    const struct words w = {p, l, now, out};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((unsigned)rows[i].state == l->state)
            rows[i].say(&w);
    put_sweep(&w);
}
