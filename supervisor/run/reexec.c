/* The exec of another image in our place, and the handler of faults that does the same. */
#include "supervisor/run/reexec.h"
#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define CATCHES_FAULTS false /* it has handlers of its own */
#else
#define CATCHES_FAULTS true
#endif

#define STACK_SIZE 32768

extern char **environ;

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define NFAULTS (sizeof(faults) / sizeof(faults[0]))

/* All that the handler needs, made before. */
static struct {
    struct sup *sup;
    char **argv, **envp;
    char mark[40]; /* the entry of envp that says where the state is */
    pid_t pid;
    int tid;   /* of the thread whose fault is being handled */
    int depth; /* faults of that thread */
} ready;

static char stack[STACK_SIZE] __attribute__((aligned(16)));

/* ---- the start ---- */

static void note_binary(struct sup *s)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    const char *named = (const char *)getauxval(AT_EXECFN); /* without /proc */
    const char *own = n > 0 ? path : named;
    if (own)
        state_note_text(s->state, STATE_BINARY, own);
    int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    if (fd < 0 && own)
        fd = open(own, O_PATH | O_CLOEXEC);
    state_kept(s->state)->self = fd > 0 ? fd : 0;
}

static int no_room(struct err *e)
{
    return err_set(e, "arguments and environment leave no room in the state");
}

int reexec_note(struct sup *s, struct err *e)
{
    struct state_kept *k = state_kept(s->state);
    k->pid = s->pid;
    k->child_nofile = s->child_nofile;
    k->child_fsize = s->child_fsize;
    k->fsize_lifted = s->fsize_lifted;
    k->as_supervisord = s->opt.as_supervisord;
    prctl(PR_GET_NAME, k->comm);
    note_binary(s);
    if (state_note_text(s->state, STATE_CONFIG, s->opt.config) < 0 ||
        state_note_text(s->state, STATE_FOLDER, s->opt.folder) < 0 ||
        state_note_text(s->state, STATE_SELF_DIR, s->self_dir) < 0)
        return no_room(e);
    return 0;
}

int reexec_note_mark(struct sup *s, struct err *e)
{
    return state_note_text(s->state, STATE_MARK, s->mark) < 0 ? no_room(e) : 0;
}

int reexec_wanted(void)
{
    const size_t n = sizeof(REEXEC_ENV);
    for (char **v = environ; *v; v++) {
        int64_t fd;
        if (strncmp(*v, REEXEC_ENV "=", n) != 0)
            continue;
        int r = text_int(*v + n, 3, INT32_MAX, &fd, NULL);
        for (char **to = v; (*to = to[1]); to++)
            ;
        return r == 0 ? (int)fd : -1;
    }
    return -1;
}

/* ---- the exec ---- */

static void keep(int fd)
{
    fd_cloexec(fd, false);
}

static void keep_not(int fd)
{
    fd_cloexec(fd, true);
}

void reexec_keep_fds(const struct sup *s, bool on)
{
    state_each_fd(s->state, on ? keep : keep_not);
    notes_each_fd(s->notes, state_nslots(s->state), on ? keep : keep_not);
    fcgi_each_fd(s->fcgi, on ? keep : keep_not);
    listeners_each_fd(s, on ? keep : keep_not);
    if (s->logs)
        logs_each_fd(s->logs, on ? keep : keep_not);
}

static void become(int binary)
{
    const struct sup *s = ready.sup;
    reexec_keep_fds(s, true);
    syscall(SYS_execveat, binary, "", ready.argv, ready.envp, AT_EMPTY_PATH);
    execve("/proc/self/exe", ready.argv, ready.envp);
}

int reexec(struct sup *s, int binary, struct err *e)
{
    struct state_kept *k = state_kept(s->state);
    int own = k->self, upgrades = (int)k->upgrades;
    if (!ready.sup)
        return err_set(e, "this supd keeps its state in memory that nobody can take over");
    k->self = binary;
    k->upgrades++;
    k->cause = STATE_UPGRADED;
    log_release();
    reexec_keep_fds(s, true);
    syscall(SYS_execveat, binary, "", ready.argv, ready.envp, AT_EMPTY_PATH);
    int saved = errno;
    k->self = own;
    k->upgrades = (uint32_t)upgrades;
    reexec_keep_fds(s, false);
    return err_errno(e, saved, "exec");
}

/* ---- faults ---- */

static void note_fault(int signo, const siginfo_t *si)
{
    struct state_kept *k = state_kept(ready.sup->state);
    struct state_crash *c = state_crash(ready.sup->state);
    c->signo = signo;
    c->code = si->si_code;
    c->pid = si->si_code <= 0 ? si->si_pid : 0;
    c->address = si->si_code > 0 ? (uintptr_t)si->si_addr : 0;
    c->at[c->n % STATE_CRASHES] = mono_now();
    c->n++;
    k->crashes++;
    k->cause = STATE_CRASHED;
}

static bool is_first(void)
{
    int none = 0, tid = (int)syscall(SYS_gettid);
    while (!__atomic_compare_exchange_n(&ready.tid, &none, tid, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE) &&
           none != tid)
        pause(); /* the exec of the other thread ends this one */
    return ready.depth++ == 0;
}

/* A child that still shares our memory runs this, too: it just ends. A fault in here goes straight
 * to the exec, one more is the end. */
static void on_fault(int signo, siginfo_t *si, void *context)
{
    (void)context;
    if ((pid_t)syscall(SYS_getpid) != ready.pid)
        _exit(127);
    if (is_first()) {
        note_fault(signo, si);
        log_release();
    } else if (ready.depth > 2) {
        _exit(128 + signo);
    }
    become(state_kept(ready.sup->state)->self);
    _exit(128 + signo);
}

static void unhandle(int signo)
{
    struct sigaction sa = {.sa_handler = SIG_DFL};
    sigemptyset(&sa.sa_mask);
    sigaction(signo, &sa, NULL);
}

static void handle(int signo)
{
    struct sigaction sa = {.sa_sigaction = on_fault,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < NFAULTS; i++)
        sigdelset(&sa.sa_mask, faults[i]);
    sigaction(signo, &sa, NULL);
}

void reexec_arm(struct sup *s)
{
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
    if (state_fd(s->state) < 0 || ready.sup)
        return;
    snprintf(ready.mark, sizeof(ready.mark), REEXEC_ENV "=%d", state_fd(s->state));
    ready.argv = state_argv(s->state);
    ready.envp = state_environ(s->state, ready.mark);
    if (!ready.argv || !ready.envp) {
        log_warn("no memory to prepare for a fault: it would be the end");
        free(ready.argv);
        free(ready.envp);
        return;
    }
    ready.pid = s->pid;
    ready.sup = s;
    fault_begin();
    if (!CATCHES_FAULTS || sigaltstack(&own, NULL) < 0)
        return;
    for (size_t i = 0; i < NFAULTS; i++)
        handle(faults[i]);
}

void reexec_disarm(void)
{
    if (!ready.sup)
        return;
    for (size_t i = 0; i < NFAULTS && CATCHES_FAULTS; i++)
        unhandle(faults[i]);
    ready.sup = NULL;
    free(ready.argv);
    free(ready.envp);
    ready.argv = ready.envp = NULL;
}
