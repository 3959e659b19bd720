/* Signals as events of the loop: blocked from the start, read from a signalfd. */
#include "supervisor/io/sigs.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BATCH = 32 };
#define LOOK DUR_MS(20) /* how often we look where signals cannot wake us */

/* A fault must reach its handler at once: these stay open. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
/* A write to a closed pipe or past a limit is an errno to us, not the end. */
static const int ignored[] = {SIGPIPE, SIGXFSZ};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct {
    struct loop_io io;
    struct loop_timer look;
    sigs_fn *fn;
    void *obj;
    int fd;
    unsigned opened; /* tells a callback's sigs_close() from our batch */
} port = {.fd = -1};

static void all_but_faults(sigset_t *out_set)
{
    sigfillset(out_set);
    for (size_t i = 0; i < COUNT(faults); i++)
        sigdelset(out_set, faults[i]);
}

static uint64_t bit(int sig)
{
    return 1ULL << (sig - 1);
}

static void dispose(int sig, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler};
    sigemptyset(&sa.sa_mask);
    sigaction(sig, &sa, NULL);
}

void sigs_block(struct sigs_entry *out_entry)
{
    sigset_t set;
    all_but_faults(&set);
    sigprocmask(SIG_SETMASK, &set, &out_entry->mask);
    out_entry->ignored = 0;
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        struct sigaction sa;
        if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
            out_entry->ignored |= bit(sig);
    }
    dispose(SIGCHLD, SIG_DFL);
    for (size_t i = 0; i < COUNT(ignored); i++)
        dispose(ignored[i], SIG_IGN);
}

void sigs_restore(const struct sigs_entry *entry)
{
    dispose(SIGCHLD, (entry->ignored & bit(SIGCHLD)) ? SIG_IGN : SIG_DFL);
    for (size_t i = 0; i < COUNT(ignored); i++)
        dispose(ignored[i], (entry->ignored & bit(ignored[i])) ? SIG_IGN : SIG_DFL);
    sigprocmask(SIG_SETMASK, &entry->mask, NULL);
}

static void deliver(const struct signalfd_siginfo *si, bool alone)
{
    struct sigs_info info = {.signo = (int)si->ssi_signo,
                             .code = si->ssi_code,
                             .pid = alone || si->ssi_signo != SIGCHLD ? (int)si->ssi_pid : 0,
                             .uid = si->ssi_uid,
                             .value = si->ssi_int};
    port.fn(port.obj, &info);
}

/* Deaths first, and all of them (of nobody in particular), so that what a signal asks for finds the
 * world as it is. */
static void deliver_batch(const struct signalfd_siginfo *si, size_t n)
{
    unsigned opened = port.opened;
    for (size_t i = 0; i < n; i++) {
        if (si[i].ssi_signo == SIGCHLD) {
            deliver(&si[i], n == 1);
            break;
        }
    }
    for (size_t i = 0; i < n && opened == port.opened; i++) {
        if (si[i].ssi_signo != SIGCHLD)
            deliver(&si[i], n == 1);
    }
}

static void readable(void *obj)
{
    (void)obj;
    struct signalfd_siginfo si[BATCH];
    ssize_t n = read(port.fd, si, sizeof(si));
    if (n > 0)
        deliver_batch(si, (size_t)n / sizeof(si[0]));
}

static struct signalfd_siginfo as_read(const siginfo_t *si)
{
    return (struct signalfd_siginfo){.ssi_signo = (uint32_t)si->si_signo,
                                     .ssi_code = si->si_code,
                                     .ssi_pid = (uint32_t)si->si_pid,
                                     .ssi_uid = si->si_uid,
                                     .ssi_int =
                                         si->si_code == SI_QUEUE ? si->si_value.sival_int : 0};
}

/* Takes what is pending, and comes again. */
static void look(void *obj)
{
    (void)obj;
    static const struct timespec at_once;
    struct signalfd_siginfo got[BATCH];
    size_t n = 0;
    siginfo_t si;
    sigset_t set;
    all_but_faults(&set);
    while (n < BATCH && sigtimedwait(&set, &si, &at_once) > 0)
        got[n++] = as_read(&si);
    loop_timer_at(&port.look, mono_add(mono_now(), LOOK));
    deliver_batch(got, n);
}

/* A signalfd is a convenience that a filter may deny, or an old kernel not have. */
static void look_again_and_again(struct loop *l, int errnum)
{
    log_warn("cannot make a signalfd: %s; looking for signals 50 times a second instead",
             strerror(errnum));
    loop_timer_init(&port.look, l, look, NULL);
    loop_timer_at(&port.look, mono_add(mono_now(), LOOK));
}

int sigs_open(struct loop *l, sigs_fn *fn, void *obj, struct err *e)
{
    sigset_t set;
    all_but_faults(&set);
    sigs_close();
    port.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    port.fn = fn;
    port.obj = obj;
    if (port.fd < 0 && (errno == EPERM || errno == ENOSYS)) {
        look_again_and_again(l, errno);
        return 0;
    }
    if (port.fd < 0)
        return err_errno(e, errno, "cannot make a signalfd");
    loop_io_init(&port.io, l, readable, NULL);
    loop_io_urgent(&port.io);
    if (loop_io_set(&port.io, port.fd, LOOP_READ) < 0) {
        int saved = errno;
        sigs_close();
        return err_errno(e, saved, "cannot watch the signalfd");
    }
    return 0;
}

void sigs_close(void)
{
    port.opened++;
    loop_timer_stop(&port.look);
    if (port.fd >= 0)
        loop_io_close(&port.io, &port.fd);
}
