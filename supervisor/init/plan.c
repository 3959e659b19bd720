/* The plan of a plain init, and its messages. */
#include "supervisor/init/plan.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void init_plan_default(struct init_plan *plan, const struct init_persona *persona)
{
    *plan = (struct init_plan){.persona = *persona,
                               .told = INIT_WARNING,
                               .status_missing = 127,
                               .status_denied = 126,
                               .status_other = 1};
    for (int sig = 1; sig < INIT_SIGNALS; sig++)
        plan->becomes[sig] = (uint8_t)sig;
    plan->becomes[SIGCHLD] = plan->becomes[SIGKILL] = plan->becomes[SIGSTOP] = 0;
}

void init_plan_stop_hard(struct init_plan *plan, uint64_t except)
{
    static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        if (!(except & 1ULL << (stops[i] - 1)))
            plan->becomes[stops[i]] = SIGSTOP;
    }
}

int init_plan_status(const struct init_plan *plan, int status)
{
    unsigned s = (unsigned)status & 0xff;
    return plan->success[s / 8] & (1u << s % 8) ? 0 : status;
}

static const char *level_name(enum init_level level)
{
    static const char names[][6] = {"FATAL", "WARN ", "INFO ", "DEBUG", "TRACE"};
    return names[level];
}

/* A write to a pipe without a reader, or past the limit of file sizes, sends us a signal, which we
 * would pass on to the command, or which would end it before it is run. */
static void write_quietly(const char *line, size_t size)
{
    static const struct timespec at_once;
    sigset_t set, waiting;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    sigpending(&waiting);
    bool sent = sigismember(&waiting, SIGPIPE) || sigismember(&waiting, SIGXFSZ);
    if (write(2, line, size) < 0 && (errno == EPIPE || errno == EFBIG) && !sent)
        sigtimedwait(&set, NULL, &at_once);
}

/* A full pipe takes nothing, and must not hold a process that others wait for; one that polls
 * writable takes up to PIPE_BUF at once. */
static void put(const char *line, size_t size)
{
    struct pollfd fd = {.fd = 2, .events = POLLOUT};
    if (poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT))
        write_quietly(line, size);
}

void init_say(const struct init_plan *plan, enum init_level level, const char *fmt, ...)
{
    const struct init_persona *p = &plan->persona;
    char line[512];
    va_list ap;
    if (level > plan->told)
        return;
    int n = snprintf(line, sizeof(line), "%s%s%s", p->open, p->tells_level ? level_name(level) : "",
                     p->close);
    va_start(ap, fmt);
    n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof(line) - 2)
        n = (int)sizeof(line) - 2;
    line[n++] = '\n';
    put(line, (size_t)n);
}
