/* A program for tests that keeps a record of its own life: `beacon RECORD NAME [KEY=VALUE...]`.
 * Each line of the record is "NAME WHAT PID MS", MS on the monotonic clock: start, SIGTERM and
 * other signals as they come, end (it leaves by itself).
 *
 *   run=MS         ends after that time; without it, at a signal that it does not ignore
 *   exit=N         with this status (0)
 *   die=SIGNAL     dies of this signal instead
 *   ignore=SIG,... stays when these come (TERM INT QUIT; they are recorded)
 *   slow=MS        takes so long from the signal to its end
 *   member=SIG,... first starts a process in its group, NAME.member, that ignores these
 *   say=TEXT       prints a line at the start */
#include "supervisor/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static const char *record, *name;
static long run_ms = -1, slow_ms;
static int status, die_of;
static sigset_t ignored, member_ignores, seen;
static int has_member;

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void note(const char *what)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%s %s %d %ld\n", name, what, (int)getpid(), now_ms());
    int fd = open(record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line, (size_t)n) != n)
        dprintf(2, "beacon: cannot write %s: %s\n", record, strerror(errno));
    close(fd);
}

static void read_signals(const char *list, sigset_t *out)
{
    char word[16];
    sigemptyset(out);
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, ","), p);
        sigaddset(out, text_signal_number(word));
    }
}

static void read_word(const char *word)
{
    const char *value = strchr(word, '=');
    value = value ? value + 1 : "";
    switch (word[0]) {
    case 'r':
        run_ms = strtol(value, NULL, 10);
        break;
    case 'e':
        status = (int)strtol(value, NULL, 10);
        break;
    case 'd':
        die_of = text_signal_number(value);
        break;
    case 'i':
        read_signals(value, &ignored);
        break;
    case 'm':
        read_signals(value, &member_ignores);
        has_member = 1;
        break;
    case 's':
        if (word[1] == 'a')
            dprintf(1, "%s\n", value);
        else
            slow_ms = strtol(value, NULL, 10);
        break;
    }
}

static void wait_ms(long ms)
{
    if (ms > 0)
        poll(NULL, 0, (int)ms);
}

static void leave(void)
{
    note("end");
    if (die_of) {
        sigset_t all;
        sigfillset(&all);
        signal(die_of, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        raise(die_of);
    }
    _exit(status);
}

/* a signal came: recorded; true if it ends us */
static int take_signal(int fd)
{
    struct signalfd_siginfo info;
    char text[24];
    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    note(text_signal_name((int)info.ssi_signo, text, sizeof(text)));
    int ends = info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGQUIT;
    return ends && !sigismember(&ignored, (int)info.ssi_signo);
}

static void live(void)
{
    long end = run_ms < 0 ? -1 : now_ms() + run_ms;
    struct pollfd p = {.fd = signalfd(-1, &seen, SFD_CLOEXEC), .events = POLLIN};
    note("start");
    for (;;) {
        long left = end < 0 ? -1 : end - now_ms();
        if (end >= 0 && left <= 0)
            leave();
        if (poll(&p, 1, (int)left) > 0 && take_signal(p.fd)) {
            wait_ms(slow_ms);
            leave();
        }
    }
}

static void start_member(void)
{
    static char own[128];
    if (!has_member || fork() != 0)
        return;
    snprintf(own, sizeof(own), "%s.member", name);
    name = own;
    run_ms = -1;
    slow_ms = 0;
    die_of = 0;
    ignored = member_ignores;
    live();
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        dprintf(2, "usage: beacon RECORD NAME [KEY=VALUE...]\n");
        return 2;
    }
    record = argv[1];
    name = argv[2];
    sigemptyset(&ignored);
    for (int i = 3; i < argc; i++)
        read_word(argv[i]);
    read_signals("TERM,INT,QUIT,HUP,USR1,USR2,CONT", &seen);
    sigprocmask(SIG_BLOCK, &seen, NULL);
    start_member();
    live();
}
