/* What a command's child does between the fork and its exec: system calls only, since threads of
 * ours may have held any lock when it was made. */
#include "supervisor/io/exec_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REPORT_FD = 3 };

static void default_signals(void)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &dfl, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_others(void)
{
    if (close_range(REPORT_FD + 1, ~0u, 0) == 0)
        return;
    for (int fd = REPORT_FD + 1; fd < 65536; fd++)
        close(fd);
}

/* Like the shell: what is not there is looked for further on, what may not be run is remembered. */
static int try_all(const struct exec_plan *p)
{
    int error = ENOENT;
    for (char *const *path = p->paths; *path; path++) {
        execve(*path, p->argv, p->envp);
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return errno;
        if (errno == EACCES)
            error = EACCES;
    }
    return error;
}

static _Noreturn void child(const struct exec_plan *p)
{
    int error = 0;
    setpgid(0, 0);
    default_signals();
    if (dup2(p->in, 0) < 0 || dup2(p->out, 1) < 0 || dup2(p->out, 2) < 0 ||
        (p->report != REPORT_FD && dup3(p->report, REPORT_FD, O_CLOEXEC) < 0))
        error = errno;
    close_others();
    if (p->limits && p->limits->has_fsize)
        setrlimit(RLIMIT_FSIZE, &p->limits->fsize);
    if (p->limits && p->limits->has_nofile)
        setrlimit(RLIMIT_NOFILE, &p->limits->nofile);
    if (!error)
        error = try_all(p);
    ssize_t n = write(REPORT_FD, &error, sizeof(error));
    (void)n;
    _exit(127);
}

pid_t exec_child(const struct exec_plan *p)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
    pid_t pid = fork();
    if (pid == 0)
        child(p);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid > 0)
        setpgid(pid, pid); /* whoever comes first: a signal to the group has to find it */
    errno = error;
    return pid;
}
