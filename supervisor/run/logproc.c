/* The process supd-log: started by fork and exec with every read end that exists, and again when it
 * died. */
#include "supervisor/run/logs_impl.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/proc.h"
#include "supervisor/io/reap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST DUR_MS(100)
#define STEADY DUR_S(10)   /* having lived so long, the next death is the first one again */
#define LEAVE DUR_MS(1500) /* so long the supd-log of before may go on */
#define FAILURES 5u        /* so many deaths in a row, and our own log no longer waits for it */

extern char **environ;

/* ---- the child: async-signal-safe calls only ---- */

/* Closes everything at exec but what is opened up again below. */
static void close_all_at_exec(int highest)
{
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd <= highest; fd++)
        fd_cloexec(fd, true);
}

static void open_streams(const struct logs *g)
{
    struct logshm_head *h = g->mem.h;
    for (uint32_t i = 0; i < h->used; i++)
        if (logshm_stream(h, i)->epoch == h->epoch)
            fd_cloexec(logshm_stream(h, i)->fd, false);
}

static void become(const struct logs *g, int chan, char *const *argv, int highest)
{
    const struct logshm_head *h = g->mem.h;
    setsid();
    close_all_at_exec(highest);
    open_streams(g);
    for (int i = 0; i < (int)LOGSHM_TAPS; i++)
        if (h->tap_fds[i] > 0)
            fd_cloexec(h->tap_fds[i], false);
    fd_cloexec(g->mem.fd, false);
    fd_cloexec(logs_write_fd(g->main), false);
    fd_cloexec(chan, false);
    if (g->has_fsize)
        setrlimit(RLIMIT_FSIZE, &g->fsize);
    execve(g->program, argv, environ);
    _exit(errno == ENOENT ? 127 : 126);
}

/* ---- the parent ---- */

/* Marks the streams that the next start inherits; returns the highest descriptor among them. */
static int mark_streams(struct logs *g)
{
    struct logshm_head *h = g->mem.h;
    int highest = logs_write_fd(g->main) > g->mem.fd ? logs_write_fd(g->main) : g->mem.fd;
    h->epoch++;
    for (int i = 0; i < (int)LOGSHM_TAPS; i++)
        highest = h->tap_fds[i] > highest ? h->tap_fds[i] : highest;
    for (uint32_t i = 0; i < h->used; i++) {
        struct logshm_stream *r = logshm_stream(h, i);
        if (r->state == LOGSHM_FREE)
            continue;
        r->epoch = h->epoch;
        highest = r->fd > highest ? r->fd : highest;
    }
    return highest;
}

/* The kernel writes the pid down: whoever takes our place at any moment knows it. */
static int fork_into(int32_t *pid)
{
#if defined(__SANITIZE_ADDRESS__)
    int made = fork(); /* it has to hold its own locks */
    if (made > 0)
        *pid = made;
    return made;
#else
    return (int)syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, pid, 0, 0);
#endif
}

static int launch(struct logs *g, struct err *e)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return err_errno(e, errno, "cannot start supd-log: no socket pair");
    char fds[4][16];
    const int numbers[4] = {g->mem.fd, ends[1], logs_write_fd(g->main), (int)(g->mem.h->epoch + 1)};
    for (int i = 0; i < 4; i++)
        snprintf(fds[i], sizeof(fds[i]), "%d", numbers[i]);
    char name[] = "supd-log";
    char *argv[] = {name, fds[0], fds[1], fds[2], fds[3], NULL};
    int highest = mark_streams(g);
    highest = ends[1] + 16 > highest ? ends[1] + 16 : highest;
    int pid = fork_into(&g->mem.h->pid);
    if (pid == 0)
        become(g, ends[1], argv, highest);
    int saved = errno;
    fd_close(&ends[1]);
    if (pid < 0) {
        fd_close(&ends[0]);
        return err_errno(e, saved, "cannot start supd-log: fork");
    }
    g->started = mono_now();
    logchan_open(g, ends[0]);
    return 0;
}

/* Else nobody would read why nothing is written. */
static void log_without_it(struct logs *g, int status)
{
    char words[PROC_STATUS_WORDS];
    g->moved |= log_fd() == logs_write_fd(g->main);
    if (g->moved)
        log_move(STDERR_FILENO);
    log_error("supd-log does not stay up (%s, %u times in a row): what programs write waits in "
              "their pipes, which hold 64 KiB; until it works supd's own log is here",
              proc_status_words(status, words), g->failures);
}

static void log_through_it(struct logs *g)
{
    g->failures = 0;
    if (g->moved && log_fd() == STDERR_FILENO)
        log_move(logs_write_fd(g->main));
    g->moved = false;
    log_info("supd-log stays up now");
}

static void retry_later(struct logs *g)
{
    loop_timer_at(&g->restart, mono_add(mono_now(), g->backoff));
    g->backoff = dur_doubled(g->backoff, BACKOFF_FIRST, g->backoff_max);
}

static void on_restart(struct logs *g)
{
    struct err e;
    if (g->leaving) {
        log_warn("supd-log (pid %d) of before takes too long to end, killing it", logs_pid(g));
        kill(logs_pid(g), SIGKILL);
        return;
    }
    if (g->mem.h->pid && !g->finishing)
        log_through_it(g);
    if (g->mem.h->pid || g->finishing)
        return;
    if (launch(g, &e) == 0) {
        if (g->failures >= FAILURES)
            loop_timer_at(&g->restart, mono_add(mono_now(), STEADY));
        return;
    }
    retry_later(g);
    log_error("%s; retried", e.msg);
}

int logs_start(struct logs *g, struct err *e)
{
    g->began = true;
    if (launch(g, e) == 0)
        return 0;
    retry_later(g);
    return -1;
}

void logproc_go_on(struct logs *g, bool same)
{
    enum reap_child child = reap_look(logs_pid(g));
    g->began = true;
    g->started = mono_now();
    if (child == REAP_GONE)
        g->mem.h->pid = 0;
    if (child == REAP_ALIVE && same && g->mem.h->chan > 0) {
        logchan_go_on(g);
        return;
    }
    fd_close(&g->mem.h->chan); /* it takes this for supd's end, writes what it has, and ends */
    g->leaving = logs_pid(g) > 0;
    loop_timer_at(&g->restart, g->leaving ? mono_add(mono_now(), LEAVE) : mono_now());
}

static void say_death(int pid, int status, bool expected)
{
    const char *hint = WIFEXITED(status) && WEXITSTATUS(status) >= 126 && WEXITSTATUS(status) <= 127
                           ? " (it cannot be executed)"
                           : "";
    if (expected)
        log_debug("supd-log (pid %d) ended", pid);
    else if (WIFSIGNALED(status))
        log_warn("supd-log (pid %d) was killed by signal %d; starting it again, nothing is lost",
                 pid, WTERMSIG(status));
    else
        log_warn("supd-log (pid %d) ended with exit status %d%s; starting it again", pid,
                 WEXITSTATUS(status), hint);
}

bool logs_reaped(struct logs *g, int pid, int status)
{
    if (pid <= 0 || pid != g->mem.h->pid)
        return false;
    bool left = g->leaving;
    g->mem.h->pid = 0;
    g->leaving = false;
    logchan_close(g);
    loop_timer_stop(&g->restart);
    if (mono_sub(mono_now(), g->started).ns > STEADY.ns) {
        g->backoff = (dur_t){0};
        g->failures = 0;
    }
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    g->failures += !killed && !g->finishing && !left;
    if (g->finishing || g->failures < FAILURES)
        say_death(pid, status, g->finishing || left);
    else if (LOG_LIMIT(60) || g->failures == FAILURES)
        log_without_it(g, status);
    if (!g->finishing)
        retry_later(g);
    return true;
}

int logs_pid(const struct logs *g)
{
    return g->mem.h ? g->mem.h->pid : 0;
}

void logproc_init(struct logs *g)
{
    LOOP_TIMER(&g->restart, g->loop, on_restart, g);
}

void logproc_fini(struct logs *g)
{
    loop_timer_stop(&g->restart);
}
