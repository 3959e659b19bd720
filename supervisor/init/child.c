/* The one child of plain init. */
#include "supervisor/init/child.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void dispose(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler};
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

void init_enter(struct init_entry *out)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &out->mask);
    out->ignored = 0;
    for (int sig = 1; sig < INIT_SIGNALS; sig++) {
        struct sigaction sa;
        if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN) {
            out->ignored |= 1ULL << (sig - 1);
            dispose(sig, SIG_DFL); /* or a blocked one would be lost before we see it */
        }
    }
}

static void give_entry(const struct init_plan *plan, const struct init_entry *entry)
{
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; plan->keeps_entry && sig < INIT_SIGNALS; sig++) {
        if (entry->ignored & 1ULL << (sig - 1))
            dispose(sig, SIG_IGN);
    }
    sigprocmask(SIG_SETMASK, plan->keeps_entry ? &entry->mask : &none, NULL);
}

static void take_place(const struct init_plan *plan)
{
    if (plan->session == INIT_PGROUP) {
        setpgid(0, 0);
        tcsetpgrp(0, getpid()); /* no terminal, or another session's: it refuses, so be it */
    } else if (plan->session == INIT_SETSID) {
        if (setsid() < 0)
            init_say(plan, INIT_DEBUG, "no session of its own: %s", strerror(errno));
        if (ioctl(0, TIOCSCTTY, 0) < 0)
            init_say(plan, INIT_DEBUG, "no controlling terminal: %s", strerror(errno));
    }
}

static int status_of(const struct init_plan *plan, int errnum)
{
    if (errnum == ENOENT)
        return plan->status_missing;
    return errnum == EACCES ? plan->status_denied : plan->status_other;
}

static void become(const struct init_plan *plan, const struct init_entry *entry)
{
    take_place(plan);
    give_entry(plan, entry);
    execvp(plan->argv[0], plan->argv);
    int errnum = errno;
    init_say(plan, INIT_FATAL, "%s: %s", plan->argv[0], strerror(errnum));
    _exit(status_of(plan, errnum));
}

int init_child_start(const struct init_plan *plan, const struct init_entry *entry)
{
    int pid = fork();
    if (pid == 0)
        become(plan, entry);
    if (pid > 0 && plan->session == INIT_PGROUP)
        setpgid(pid, pid); /* whoever of us is first: a signal may be waiting */
    return pid;
}
