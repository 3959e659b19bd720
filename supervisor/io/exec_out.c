/* Short commands: started with a plain fork, waited for through a pidfd.
 *
 *   start -> RUNNING -exit-> answered
 *               | deadline
 *               v
 *            TERMED (its group has TERM) -grace-> KILLED -exit-> answered
 *                                                   | grace
 *                                                   v
 *                                                 LOST, answered; reaped when it ends after all
 *
 * Nothing here waits for a disk: a command that lies on a mount that is dead hangs in its own
 * child, which may not even die when it is killed. There are at most EXEC_LOST_MAX such children.
 *
 * Its outputs are one pipe, read until the command has ended; what its children may still write
 * then, nobody waits for. */
#include "supervisor/io/exec_child.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL DUR_MS(20) /* where there are no pidfds */

enum state { RUNNING, TERMED, KILLED, LOST };

struct exec {
    struct loop *loop;
    struct exec_limits limits;
    unsigned lost;
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
    int report;     /* the errno of an exec that failed comes here */
    struct loop_io exit_io, out_io;
    struct loop_timer timer; /* deadline, graces */
    struct loop_timer poll;
    struct loop_defer defer;
    mono_t deadline;
    struct exec_result r;
    char name[256], why[384], output[EXEC_OUTPUT_MAX + 1];
};

/* ---- an end ---- */

static void end(struct exec_run *r)
{
    loop_io_close(&r->exit_io, &r->pidfd);
    loop_io_close(&r->out_io, &r->out);
    fd_close(&r->report);
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
    r->done = NULL;
    if (r->state != LOST || r->pid == 0)
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

/* The exec that failed, or 0. */
static int exec_error(const struct exec_run *r)
{
    int error;
    return read(r->report, &error, sizeof(error)) == sizeof(error) ? error : 0;
}

static void take_status(struct exec_run *r, const siginfo_t *si)
{
    int error = exec_error(r);
    r->r.began = !error;
    if (error)
        fail(r, "cannot run %.120s: %s", r->name, strerrordesc_np(error));
    else if (r->state != RUNNING)
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
    r->x->lost -= r->state == LOST;
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

/* It is still reaped, should it end; nobody waits for that. */
static void give_up(struct exec_run *r)
{
    r->state = LOST;
    r->x->lost++;
    loop_io_close(&r->out_io, &r->out);
    fail(r, "it took too long and does not end, though it was killed: it may wait for a disk");
    loop_defer(r->x->loop, &r->defer);
}

static void on_timer(struct exec_run *r)
{
    if (r->state == LOST || r->pid <= 0)
        return;
    if (r->state == KILLED) {
        give_up(r);
        return;
    }
    r->state++;
    kill(-r->pid, r->state == TERMED ? SIGTERM : SIGKILL);
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

/* The files that the command may be: itself, or one in each folder of PATH. */
static void make_paths(env_t *paths, const char *name, char **out_texts)
{
    const char *path = getenv("PATH");
    struct str texts = STR_INIT;
    if (strchr(name, '/'))
        path = NULL;
    else if (!path || !*path)
        path = "/usr/local/bin:/usr/bin:/bin";
    VEC(size_t) at = VEC_INIT;
    for (const char *p = path ? path : ""; path; p += strcspn(p, ":") + 1) {
        int n = (int)strcspn(p, ":");
        VEC_PUSH(&at, texts.len);
        str_printf(&texts, "%.*s/%s", n ? n : 1, n ? p : ".", name);
        str_putc(&texts, '\0');
        if (!p[n])
            break;
    }
    if (!path) {
        VEC_PUSH(&at, texts.len);
        str_printf(&texts, "%s", name);
    }
    *out_texts = str_take(&texts);
    VEC_EACH (&at, i)
        VEC_PUSH(paths, *out_texts + at.v[i]);
    VEC_PUSH(paths, NULL);
    VEC_FINI(&at);
}

/* The input as a file that is already written: no pipe that somebody would have to fill. */
static int input_fd(const void *p, size_t n)
{
    int fd = fd_memory("notice", false);
    if (fd >= 0 && (fd_write_all(fd, p, n) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        fd_close(&fd);
    return fd;
}

static int spawn(struct exec_run *r, const struct exec_request *rq, int in, int out, int report)
{
    env_t env = VEC_INIT, paths = VEC_INIT;
    char *lines, *texts;
    make_env(&env, rq->env, &lines);
    make_paths(&paths, rq->argv[0], &texts);
    r->pid = exec_child(&(struct exec_plan){.argv = rq->argv,
                                            .envp = env.v,
                                            .paths = paths.v,
                                            .in = in,
                                            .out = out,
                                            .report = report,
                                            .limits = &r->x->limits});
    int error = r->pid < 0 ? errno : 0;
    VEC_FINI(&env);
    VEC_FINI(&paths);
    free(lines);
    free(texts);
    return error;
}

static void start(struct exec_run *r, const struct exec_request *rq)
{
    int in = input_fd(rq->input, rq->input_len), out[2] = {-1, -1}, report[2] = {-1, -1};
    int error = 0;
    snprintf(r->name, sizeof(r->name), "%s", rq->argv[0]);
    if (in < 0 || pipe2(out, O_CLOEXEC) < 0 || fd_nonblock(out[0], true) < 0 ||
        pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
        error = errno;
    else
        error = spawn(r, rq, in, out[1], report[1]);
    fd_close(&in);
    fd_close(&out[1]);
    fd_close(&report[1]);
    r->out = out[0];
    r->report = report[0];
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
    r->pidfd = r->out = r->report = -1;
    LIST_INSERT_HEAD(&x->runs, r, next);
    LOOP_IO(&r->exit_io, x->loop, on_exit_seen, r);
    LOOP_IO(&r->out_io, x->loop, on_output, r);
    LOOP_TIMER(&r->timer, x->loop, on_timer, r);
    LOOP_TIMER(&r->poll, x->loop, on_exit_seen, r);
    LOOP_DEFER(&r->defer, answer, r);
    if (x->lost < EXEC_LOST_MAX)
        start(r, rq);
    else
        fail(r, "cannot run %.120s: %u commands were killed and do not end", rq->argv[0], x->lost);
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
    if (r->pid <= 0)
        return;
    kill(-r->pid, SIGKILL);
    loop_timer_at(&r->timer, mono_add(loop_now(r->x->loop), EXEC_GRACE));
}

int exec_can(const char *name, bool *out_missing, struct err *e)
{
    env_t paths = VEC_INIT;
    char *texts;
    int error = ENOENT;
    make_paths(&paths, name, &texts);
    for (char **p = paths.v; *p && error; p++) {
        int why = access(*p, X_OK) == 0 ? 0 : errno;
        bool hidden = !strchr(name, '/') && why == EACCES && access(*p, F_OK) < 0;
        error = why == ENOENT || why == ENOTDIR || hidden ? error : why;
    }
    VEC_FINI(&paths);
    free(texts);
    *out_missing = error == ENOENT;
    if (error == EACCES)
        return err_set(e, "cannot run %.120s: the agent's user may not ([agent] user=)", name);
    return error ? err_errno(e, error, "cannot run %.120s", name) : 0;
}

struct exec *exec_new(struct loop *l, const struct exec_limits *limits)
{
    struct exec *x = mem_zalloc(sizeof(*x));
    x->loop = l;
    if (limits)
        x->limits = *limits;
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
