/* Runs a command and reads what it prints. */
#include "demo/run.h"
#include "supervisor/base/mono.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(const char *const *argv, bool quiet, int *out_fd)
{
    int ends[2];
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    if (quiet)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    errno = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (errno) {
        close(ends[0]);
        return -1;
    }
    *out_fd = ends[0];
    return pid;
}

int run_piped(const char *const *argv, int *out_fd)
{
    return start(argv, false, out_fd);
}

static int left_ms(mono_t end)
{
    int64_t ns = mono_sub(end, mono_now()).ns;
    return ns > 0 ? (int)(ns / 1000000) + 1 : 0;
}

/* until the pipe ends; 0, or -1 when the time is over */
static int read_all(int fd, mono_t end, struct str *out)
{
    char buf[4096];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (;;) {
        int n = poll(&p, 1, left_ms(end));
        if (n == 0)
            return -1;
        ssize_t got = n > 0 ? read(fd, buf, sizeof(buf)) : -1;
        if (got == 0)
            return 0;
        if (got > 0)
            str_put(out, buf, (size_t)got);
        else if (errno != EINTR)
            return 0;
    }
}

int run_output(const char *const *argv, int limit_ms, struct str *out)
{
    int fd, status = 0;
    pid_t pid = start(argv, true, &fd);
    if (pid < 0)
        return -1;
    int late = read_all(fd, mono_add(mono_now(), DUR_MS(limit_ms)), out);
    close(fd);
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (late) {
        errno = ETIMEDOUT;
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
