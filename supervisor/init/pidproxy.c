/* pidproxy, as it comes with Supervisor. Of its own it notices the end of the command at once, not
 * at the next look five seconds later. */
#include "supervisor/init/pidproxy.h"

#include "supervisor/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] =
    "pidproxy: runs a command, and passes signals on to the process whose pid a file holds\n"
    "\n"
    "Usage: pidproxy PIDFILE COMMAND [ARG...]\n"
    "\n"
    "TERM, HUP, INT, USR1, USR2 and QUIT go to the process of PIDFILE; pidproxy ends after TERM,\n"
    "INT and QUIT, and when the command does. COMMAND is a path.\n";

static const int passed[] = {SIGTERM, SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGQUIT};

bool pidproxy_wanted(int argc, char *const *argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    return argc > 0 && strcmp(slash ? slash + 1 : argv[0], "pidproxy") == 0;
}

/* Blocks what is waited for, and takes back that somebody ignores it. */
static void take_signals(sigset_t *out_set, sigset_t *out_before)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigemptyset(out_set);
    sigaddset(out_set, SIGCHLD);
    sigaction(SIGCHLD, &usual, NULL);
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        sigaddset(out_set, passed[i]);
        sigaction(passed[i], &usual, NULL);
    }
    sigprocmask(SIG_BLOCK, out_set, out_before);
}

/* As a path: without a slash it lies in the working folder. */
static void become(char **argv, const sigset_t *mask)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s%s", strchr(argv[0], '/') ? "" : "./", argv[0]);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(path, argv);
    dprintf(2, "pidproxy: cannot execute %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* The pid in the file; -1: there is none. A number of 1 or less would mean more than one process.
 */
static int read_pid(const char *path)
{
    char text[32];
    int64_t pid;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    size_t blank = strspn(text, " \t\r\n"), len = strcspn(text + blank, " \t\r\n");
    text[blank + len] = '\0';
    return text_int(text + blank, 2, INT32_MAX, &pid, NULL) < 0 ? -1 : (int)pid;
}

/* The exit status, or -1: it goes on. */
static int pass_on(const char *pidfile, int sig)
{
    bool ends = sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
    int pid = read_pid(pidfile);
    if (pid < 0) {
        dprintf(1, "Can't read child pidfile %s!\n", pidfile);
        return -1;
    }
    if (kill(pid, sig) == 0)
        return ends ? 0 : -1;
    dprintf(2, "pidproxy: cannot pass signal %d on to process %d of %s: %s\n", sig, pid, pidfile,
            strerror(errno));
    return ends ? 1 : -1;
}

/* The exit status once the command is gone, or -1. */
static int reap(int child)
{
    int status;
    if (waitpid(child, &status, WNOHANG) != child)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? 127 : 0;
}

int pidproxy_main(int argc, char **argv)
{
    sigset_t set, before;
    if (argc < 3) {
        dprintf(1, "%s", usage_text);
        return 1;
    }
    take_signals(&set, &before);
    int child = fork();
    if (child < 0) {
        dprintf(2, "pidproxy: cannot start %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    if (child == 0)
        become(argv + 2, &before);
    int status = -1;
    while (status < 0) {
        int sig = sigwaitinfo(&set, NULL);
        if (sig > 0)
            status = sig == SIGCHLD ? reap(child) : pass_on(argv[1], sig);
    }
    return status;
}
