/* A small PID 1 for tests in which supd is somebody's child: `init STATUS-FILE PROGRAM ARGS...`
 * starts the program, reaps whatever comes to it, writes the program's exit status to the file, and
 * then stays until its stdin ends, so that a test can look at what was left running. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_status(const char *path, int status)
{
    char text[16];
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    int n = snprintf(text, sizeof(text), "%d\n", code);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, (size_t)n) != n)
        fprintf(stderr, "init: cannot write %s: %m\n", path);
    close(fd);
}

static pid_t start(char **argv, const sigset_t *mask)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    close(null);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    fprintf(stderr, "init: cannot run %s: %m\n", argv[0]);
    _exit(127);
}

static void reap(pid_t child, const char *path)
{
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == child)
            write_status(path, status);
}

int main(int argc, char **argv)
{
    sigset_t chld, old;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &old);
    int sfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t child = argc > 2 ? start(argv + 2, &old) : -1;
    if (child < 0 || sfd < 0)
        return 126;
    struct pollfd fds[] = {{.fd = 0, .events = POLLIN}, {.fd = sfd, .events = POLLIN}};
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        struct signalfd_siginfo info;
        while (read(sfd, &info, sizeof(info)) > 0)
            reap(child, argv[1]);
        if (fds[0].revents)
            break;
    }
    return 0;
}
