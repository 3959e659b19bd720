/* Short commands: started with posix_spawn (which does not copy us), waited for through a pidfd.
 *
 *   start -> RUNNING -exit-> answered
 *               | deadline
 *               v
 *            TERMED (its group has TERM) -grace-> KILLED -exit-> answered
 *
 * Its outputs are one pipe, read until the command has ended; what its children may still write
 * then, nobody waits for. */
#include "supervisor/io/exec_out.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL DUR_MS(20) /* where there are no pidfds */

enum state { RUNNING, TERMED, KILLED };

struct exec {
    struct loop *loop;
    LIST_HEAD(, exec_run) runs;
};

struct exec_run {
    struct exec *x;
    LIST_ENTRY(exec_run) next;
    exec_done_fn *done; /* NULL: cancelled */
    void *obj;
    enum state state;
    pid_t pid;
    int pidfd, out; /* out: the read end of its outputs */
    struct loop_io exit_io, out_io;
    struct loop_timer timer; /* deadline, grace */
    struct loop_timer poll;
    struct loop_defer defer;
    mono_t deadline;
    struct exec_result r;
    char why[256], output[EXEC_OUTPUT_MAX + 1];
};

/* ---- an end ---- */

static void end(struct exec_run *r)
{
    loop_io_close(&r->exit_io, &r->pidfd);
    loop_io_close(&r->out_io, &r->out);
    loop_timer_stop(&r->timer);
    loop_timer_stop(&r->poll);
    loop_defer_cancel(r->x->loop, &r->defer);
    LIST_REMOVE(r, next);
    free(r);
}

static void answer(struct exec_run *r)
{
    r->output[r->r.output_len] = '\0';
    r->r.output = r->output;
    if (r->done)
        r->done(r->obj, &r->r);
    end(r);
}

static void fail(struct exec_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct exec_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof(r->why), fmt, ap);
    va_end(ap);
    r->r.error = r->why;
    r->r.status = -1;
}

/* ---- what it says ---- */

/* Takes what is there; false at the end of the pipe. Bounded, so that who writes without end does
 * not keep us. */
static bool drain(struct exec_run *r)
{
    char buf[4096];
    for (int i = 0; i < 64; i++) {
        ssize_t n = read(r->out, buf, sizeof(buf));
        if (n == 0)
            return false;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        size_t room = EXEC_OUTPUT_MAX - r->r.output_len, take = (size_t)n < room ? (size_t)n : room;
        memcpy(r->output + r->r.output_len, buf, take);
        r->r.output_len += take;
        r->r.output_cut |= take < (size_t)n;
    }
    return true;
}

static void on_output(struct exec_run *r)
{
    if (!drain(r))
        loop_io_close(&r->out_io, &r->out);
}

/* ---- its exit ---- */

static void take_status(struct exec_run *r, const siginfo_t *si)
{
    if (r->state != RUNNING)
        fail(r, "it took too long and was ended");
    else if (si->si_code == CLD_EXITED)
        r->r.status = si->si_status;
    else
        fail(r, "it was ended by signal %d", si->si_status);
}

/* While the zombie is not reaped its process group has no new owner, so that the group can be
 * killed without hitting a stranger. */
static void on_exit_seen(struct exec_run *r)
{
    siginfo_t si = {0};
    if (waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid == 0) {
        if (r->pidfd < 0)
            loop_timer_at(&r->poll, mono_add(loop_now(r->x->loop), POLL));
        return;
    }
    if (r->state != RUNNING || !r->done)
        kill(-r->pid, SIGKILL);
    if (waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG) == 0)
        take_status(r, &si);
    else
        fail(r, "its exit status is lost: %s", strerrordesc_np(errno));
    r->pid = 0;
    if (r->out >= 0)
        drain(r);
    loop_io_close(&r->exit_io, &r->pidfd);
    loop_io_close(&r->out_io, &r->out);
    loop_timer_stop(&r->timer);
    loop_defer(r->x->loop, &r->defer);
}

static void on_timer(struct exec_run *r)
{
    if (r->state == KILLED || r->pid <= 0)
        return;
    r->state++;
    kill(-r->pid, r->state == TERMED ? SIGTERM : SIGKILL);
    if (r->state == TERMED)
        loop_timer_at(&r->timer, mono_add(loop_now(r->x->loop), EXEC_GRACE));
}

/* ---- a start ---- */

typedef VEC(char *) env_t;

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n + 1) == 0;
}

/* Our environment and the lines of added, whose copy is *out_lines; what is added wins. */
static void make_env(env_t *env, const char *added, char **out_lines)
{
    char *lines = *out_lines = mem_strdup(added ? added : "");
    for (char *p = lines; *p;) {
        size_t n = strcspn(p, "\n");
        char *next = p + n + (p[n] == '\n');
        p[n] = '\0';
        if (n)
            VEC_PUSH(env, p);
        p = next;
    }
    size_t mine = env->n;
    for (char **e = environ; *e; e++) {
        bool hidden = false;
        for (size_t i = 0; i < mine; i++)
            hidden |= same_name(env->v[i], *e);
        if (!hidden)
            VEC_PUSH(env, *e);
    }
    VEC_PUSH(env, NULL);
}

static int spawn(pid_t *pid, char *const *argv, char *const *envp, int in, int out)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t acts;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&acts);
    posix_spawn_file_actions_adddup2(&acts, in, 0);
    posix_spawn_file_actions_adddup2(&acts, out, 1);
    posix_spawn_file_actions_adddup2(&acts, out, 2);
    posix_spawn_file_actions_addclosefrom_np(&acts, 3);
    int r = posix_spawnp(pid, argv[0], &acts, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&acts);
    posix_spawnattr_destroy(&attr);
    return r;
}

/* The input as a file that is already written: no pipe that somebody would have to fill. */
static int input_fd(const void *p, size_t n)
{
    int fd = fd_memory("notice", false);
    if (fd >= 0 && (fd_write_all(fd, p, n) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        fd_close(&fd);
    return fd;
}

static void start(struct exec_run *r, const struct exec_request *rq)
{
    int in = input_fd(rq->input, rq->input_len), pipe[2] = {-1, -1}, error;
    env_t env = VEC_INIT;
    char *lines;
    make_env(&env, rq->env, &lines);
    if (in < 0 || pipe2(pipe, O_CLOEXEC) < 0 || fd_nonblock(pipe[0], true) < 0)
        error = errno;
    else
        error = spawn(&r->pid, rq->argv, env.v, in, pipe[1]);
    fd_close(&in);
    fd_close(&pipe[1]);
    r->out = pipe[0];
    VEC_FINI(&env);
    free(lines);
    r->r.began = !error;
    if (!error)
        return;
    r->pid = 0;
    fail(r, "cannot run %.120s: %s", rq->argv[0], strerrordesc_np(error));
}

static void watch(struct exec_run *r)
{
    struct loop *l = r->x->loop;
    r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
    if (r->pidfd >= 0) {
        fd_cloexec(r->pidfd, true);
        loop_io_set(&r->exit_io, r->pidfd, LOOP_READ);
    } else {
        loop_timer_at(&r->poll, mono_add(loop_now(l), POLL));
    }
    loop_io_set(&r->out_io, r->out, LOOP_READ);
    loop_timer_at(&r->timer, r->deadline);
}

struct exec_run *exec_start(struct exec *x, const struct exec_request *rq)
{
    struct exec_run *r = mem_zalloc(sizeof(*r));
    r->x = x;
    r->done = rq->done;
    r->obj = rq->obj;
    r->deadline = rq->deadline;
    r->pidfd = r->out = -1;
    LIST_INSERT_HEAD(&x->runs, r, next);
    LOOP_IO(&r->exit_io, x->loop, on_exit_seen, r);
    LOOP_IO(&r->out_io, x->loop, on_output, r);
    LOOP_TIMER(&r->timer, x->loop, on_timer, r);
    LOOP_TIMER(&r->poll, x->loop, on_exit_seen, r);
    LOOP_DEFER(&r->defer, answer, r);
    start(r, rq);
    if (r->pid > 0)
        watch(r);
    else
        loop_defer(x->loop, &r->defer);
    return r;
}

void exec_cancel(struct exec_run **rp)
{
    struct exec_run *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    r->done = NULL; /* it is still reaped */
    r->state = KILLED;
    if (r->pid > 0)
        kill(-r->pid, SIGKILL);
}

struct exec *exec_new(struct loop *l)
{
    struct exec *x = mem_zalloc(sizeof(*x));
    x->loop = l;
    LIST_INIT(&x->runs);
    return x;
}

void exec_free(struct exec **xp)
{
    struct exec *x = *xp;
    if (!x)
        return;
    while (!LIST_EMPTY(&x->runs)) {
        struct exec_run *r = LIST_FIRST(&x->runs);
        if (r->pid > 0)
            kill(-r->pid, SIGKILL);
        end(r);
    }
    free(x);
    *xp = NULL;
}
