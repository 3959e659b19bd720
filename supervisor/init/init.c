/* The loop of plain init: wait for a signal, pass it on or reap. */
#include "supervisor/init/init.h"

#include "supervisor/init/child.h"
#include "supervisor/init/left.h"
#include "supervisor/init/persona.h"
#include "supervisor/init/relay.h"
#include "supervisor/init/terminal.h"
#include "supervisor/init/trim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REAP_BATCH = 256, /* then signals have their turn */
    KILL_MS = 1000,   /* what KILL has not ended by then cannot be ended */
    LOOK_MS = 20,     /* how often the group is looked at where we do not reap it */
};

struct init {
    struct init_plan plan;
    struct init_entry entry;
    struct relay relay;
    struct left left;
    struct init_terminal terminal;
    int child;  /* its pid, 0 once it is gone */
    int status; /* our exit status, once it is gone */
    mono_t deadline;
    bool more; /* there may be more to reap */
    bool done;
    bool refused; /* the kernel refused to pass a signal on, and we said so */
};

static void send_refused(struct init *in, int sig)
{
    if (in->refused || errno == ESRCH)
        return;
    in->refused = true;
    init_say(&in->plan, INIT_WARNING, "cannot pass signal %d on to process %d: %s", sig, in->child,
             strerror(errno));
}

static void send(struct init *in, int sig, const siginfo_t *si, bool to_child)
{
    int e;
    if (to_child)
        e = sigqueue(in->child, sig, si->si_value);
    else if (!in->plan.to_group)
        e = kill(in->child, sig);
    else if ((e = kill(-in->child, sig)) < 0 && errno == ESRCH)
        e = kill(in->child, sig); /* its group is not made yet */
    if (e < 0)
        send_refused(in, sig);
    else
        init_say(&in->plan, INIT_DEBUG, "signal %d passed on", sig);
}

static void begin_kill(struct init *in)
{
    in->deadline = mono_add(mono_now(), DUR_MS(KILL_MS));
    left_signal(&in->left, SIGKILL);
}

/* Stops us until CONT. The child's own stop, which made us or went with us, is no news then. */
static void stop_us(struct init *in)
{
    siginfo_t si;
    kill(getpid(), SIGSTOP);
    if (in->plan.follows_stops)
        waitid(P_PID, (id_t)in->child, &si, WSTOPPED | WNOHANG);
}

static void relay(struct init *in, const siginfo_t *si)
{
    struct relay_signal sig = {.signo = si->si_signo, .queued = si->si_code == SI_QUEUE};
    struct relay_action a = relay_decide(&in->plan, &in->relay, sig);
    if (sig.signo == SIGCONT)
        init_terminal_give(&in->terminal, in->child);
    if (a.send && in->child)
        send(in, a.send, si, a.to_child);
    if (a.stop_us)
        stop_us(in);
    if (a.hasten && in->left.signo != SIGKILL)
        begin_kill(in);
}

static void child_gone(struct init *in, const siginfo_t *si)
{
    bool killed = si->si_code != CLD_EXITED;
    in->child = 0;
    in->status = init_plan_status(&in->plan, killed ? 128 + si->si_status : si->si_status);
    init_say(&in->plan, INIT_DEBUG, "the command %s %d",
             killed ? "died of signal" : "exited with status", si->si_status);
    init_terminal_take(&in->terminal, killed);
}

static void child_stopped(struct init *in)
{
    init_terminal_take(&in->terminal, false);
    stop_us(in);
}

static void look(struct init *in, const siginfo_t *si)
{
    if (si->si_code == CLD_STOPPED) {
        if (si->si_pid == in->child)
            child_stopped(in);
    } else if (si->si_pid == in->child) {
        child_gone(in, si);
    } else if (in->plan.tells_reaped) {
        init_say(&in->plan, INIT_WARNING, "Reaped zombie process with pid=%d", si->si_pid);
    }
}

/* Returns false when nobody is left to reap. */
static bool reap(struct init *in)
{
    int flags = WEXITED | WNOHANG | (in->plan.follows_stops ? WSTOPPED : 0);
    in->more = true;
    for (int i = 0; i < REAP_BATCH; i++) {
        siginfo_t si = {.si_pid = 0};
        int e;
        while ((e = waitid(P_ALL, 0, &si, flags)) < 0 && errno == EINTR)
            continue;
        if (e < 0 || si.si_pid == 0) {
            in->more = false;
            return e == 0;
        }
        look(in, &si);
    }
    return true;
}

/* PID 1 and a subreaper are told of every death by SIGCHLD; others look. */
static dur_t patience(const struct init *in)
{
    dur_t rest = mono_sub(in->deadline, mono_now());
    if (rest.ns < 0)
        return DUR_MS(0);
    return in->left.is_reaper || rest.ns < DUR_MS(LOOK_MS).ns ? rest : DUR_MS(LOOK_MS);
}

static void begin_term(struct init *in)
{
    in->relay.clearing = true;
    in->deadline = mono_add(mono_now(), in->plan.grace);
    left_signal(&in->left, SIGTERM);
}

static void give_up(struct init *in)
{
    init_say(&in->plan, INIT_WARNING, "something does not end by SIGKILL; leaving without it");
    in->done = true;
}

/* The child is gone: ends what it left, step by step. any: there is something to reap. */
static void clear(struct init *in, bool any)
{
    if (!any && (in->left.is_reaper || !left_group_lives(&in->left)))
        in->done = true;
    else if (!in->relay.clearing)
        begin_term(in);
    else if (mono_reached(in->deadline, mono_now()) && in->left.signo == SIGKILL)
        give_up(in);
    else if (mono_reached(in->deadline, mono_now()))
        begin_kill(in);
    else
        left_signal(&in->left, in->left.signo); /* whose parent died came to us just now */
}

static void settle(struct init *in)
{
    bool any = reap(in);
    if (in->child || in->more)
        return;
    if (in->plan.clears) {
        clear(in, any);
        return;
    }
    if (in->plan.parting_term)
        kill(-in->left.pgid, SIGTERM);
    in->done = true;
}

/* Takes the next signal. While there may be more to reap, and after each SIGCHLD, one of the others
 * has its turn: 5,000 orphans a second must not hide a TERM. */
static int next_signal(const struct init *in, bool others, siginfo_t *out)
{
    static const struct timespec at_once;
    sigset_t set;
    sigfillset(&set);
    if (others) {
        sigdelset(&set, SIGCHLD);
        return sigtimedwait(&set, out, &at_once);
    }
    if (!in->relay.clearing)
        return sigwaitinfo(&set, out);
    dur_t d = patience(in);
    struct timespec ts = {.tv_sec = d.ns / 1000000000, .tv_nsec = d.ns % 1000000000};
    return sigtimedwait(&set, out, &ts);
}

static void turn(struct init *in)
{
    siginfo_t si;
    int sig = next_signal(in, false, &si);
    if (sig == SIGCHLD)
        init_say(&in->plan, INIT_TRACE, "Received SIGCHLD");
    else if (sig > 0)
        relay(in, &si);
    if (sig > 0 && sig != SIGCHLD)
        return;
    do {
        settle(in);
        if (!in->done && next_signal(in, true, &si) > 0)
            relay(in, &si);
    } while (in->more && !in->done);
}

static void become_reaper(struct init *in)
{
    int bit = 0;
    in->left.is_init = getpid() == 1;
    if (in->plan.subreaper && !in->left.is_init && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        init_say(&in->plan, INIT_WARNING, "cannot become a subreaper: %s", strerror(errno));
    prctl(PR_GET_CHILD_SUBREAPER, &bit);
    in->left.is_reaper = in->left.is_init || bit;
    if (!in->left.is_reaper && in->plan.warns_no_reaper)
        init_say(&in->plan, INIT_WARNING,
                 "neither PID 1 nor a subreaper: zombies of others are not reaped");
}

static int mind_parent(struct init *in)
{
    int parent = getppid();
    if (!in->plan.parent_death)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, in->plan.parent_death) < 0) {
        init_say(&in->plan, INIT_FATAL, "cannot ask for a signal when the parent dies: %s",
                 strerror(errno));
        return -1;
    }
    if (getppid() != parent)
        kill(getpid(), in->plan.parent_death); /* it died just before */
    return 0;
}

/* A session's leader that gives its terminal up gets HUP and CONT for it. */
static void part_with_terminal(struct init *in)
{
    if (in->plan.session == INIT_SETSID && ioctl(0, TIOCNOTTY) == 0 && getsid(0) == getpid())
        in->relay.once = 1ULL << (SIGHUP - 1) | 1ULL << (SIGCONT - 1);
}

static int start(struct init *in)
{
    become_reaper(in);
    if (mind_parent(in) < 0)
        return -1;
    if (in->plan.session == INIT_PGROUP)
        init_terminal_open(&in->terminal);
    in->plan.follows_stops = in->plan.follows_stops && in->terminal.ours && !in->left.is_init;
    in->plan.stops_with = in->plan.stops_with && !in->left.is_init;
    part_with_terminal(in);
    in->child = in->left.pgid = init_child_start(&in->plan, &in->entry);
    if (in->child < 0) {
        init_say(&in->plan, INIT_FATAL, "cannot start %s: %s", in->plan.argv[0], strerror(errno));
        return -1;
    }
    init_say(&in->plan, INIT_INFO, "started %s as process %d", in->plan.argv[0], in->child);
    if (in->plan.root_directory && chdir("/") < 0)
        init_say(&in->plan, INIT_DEBUG, "cannot chdir to /: %s", strerror(errno));
    return 0;
}

int init_main(int argc, char **argv)
{
    static struct init in;
    const struct init_persona *persona = init_persona_of(&argc, argv);
    init_plan_default(&in.plan, persona);
    int status = persona->read(argc, argv, &in.plan);
    if (status >= 0)
        return status;
    init_enter(&in.entry);
    if (start(&in) < 0)
        return 1;
    init_trim();
    while (!in.done)
        turn(&in);
    return in.status;
}
