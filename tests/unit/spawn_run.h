/* What the tests of the spawn port share: one request run to its end, its output and its fate. */
#ifndef UNIT_SPAWN_RUN_H
#define UNIT_SPAWN_RUN_H

#include "supervisor/base/fd.h"
#include "supervisor/io/sigs.h"
#include "supervisor/io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define UNUSED __attribute__((unused))
#define ARGV(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})
#define NO_ENV ((char *[]){NULL})
/* argv, and its first word as the only candidate */
#define REQUEST(...)                                                                               \
    ((struct spawn_request){.argv = ARGV(__VA_ARGS__),                                             \
                            .candidates = (char *[]){ARGV(__VA_ARGS__)[0], NULL},                  \
                            .envp = NO_ENV,                                                        \
                            .fds = {-1, -1, -1},                                                   \
                            .uid = -1,                                                             \
                            .gid = -1,                                                             \
                            .umask = -1})

struct fate {
    struct spawn_cell *cell;
    int status;
    char out[65536];
    struct err why; /* if a step failed */
};

/* Cells as supd has them: in memory that a forked child shares, too. */
UNUSED static struct spawn_cell *new_cells(size_t n)
{
    void *p = mmap(NULL, n * sizeof(struct spawn_cell), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

UNUSED static void pause_ms(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* What hangs does so for ever: whatever ends by then did not wait for it, however busy the machine.
 */
#define IN_TIME DUR_S(40)

/* Starts it, over SPAWN_BUSY, in time. */
UNUSED static enum spawn_result start(const struct spawn_request *rq, struct spawn_cell *cell)
{
    mono_t end = mono_add(mono_now(), IN_TIME);
    enum spawn_result r;
    int errnum = 0;
    while ((r = spawn_start(rq, cell, &errnum)) == SPAWN_BUSY && !mono_reached(end, mono_now()))
        spawn_wait(DUR_MS(1));
    errno = errnum;
    return r;
}

/* Waits for this child; its status, or -1 when it does not end in time. */
UNUSED static int reap_one(int pid)
{
    mono_t end = mono_add(mono_now(), IN_TIME);
    int status = -1;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (mono_reached(end, mono_now())) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return -1;
        }
        pause_ms(1);
    }
    spawn_in_flight();
    return status;
}

/* Reads what there is, without blocking. */
UNUSED static size_t drain(int fd, char *out, size_t n, size_t max)
{
    ssize_t r;
    while (n < max - 1 && (r = read(fd, out + n, max - 1 - n)) > 0)
        n += (size_t)r;
    out[n] = '\0';
    return n;
}

/* Runs a request with its output in a pipe. */
UNUSED static void run(struct spawn_request rq, struct fate *f)
{
    int p[2];
    size_t n = 0;
    struct fate *clean = f;
    memset(clean, 0, sizeof(*clean));
    f->cell = new_cells(1);
    f->status = -1;
    if (pipe2(p, O_CLOEXEC) < 0)
        return;
    fd_nonblock(p[0], true);
    if (rq.fds[1] < 0)
        rq.fds[1] = p[1];
    if (start(&rq, f->cell) == SPAWN_STARTED) {
        mono_t end = mono_add(mono_now(), IN_TIME);
        while (waitpid(f->cell->pid, &f->status, WNOHANG) == 0 && !mono_reached(end, mono_now())) {
            struct pollfd pfd = {.fd = p[0], .events = POLLIN};
            poll(&pfd, 1, 1);
            n = drain(p[0], f->out, n, sizeof(f->out));
        }
        drain(p[0], f->out, n, sizeof(f->out));
        spawn_in_flight();
    }
    if (f->cell->step)
        spawn_explain(&rq, f->cell, &f->why);
    close(p[0]);
    close(p[1]);
}

/* Runs fn in a process of its own, which may change what it likes; its exit code. */
UNUSED static int apart(int (*fn)(void))
{
    int pid = fork();
    if (pid == 0) {
        alarm(30);
        _exit(fn());
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In a process apart: 0 so far, else the line where it went wrong, for the exit code. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

UNUSED static int spawn_setup(void **state)
{
    (void)state;
    struct err e = {0};
    static struct sigs_entry entry;
    static bool blocked;
    if (!blocked)
        sigs_block(&entry);
    blocked = true;
    if (spawn_init(&e) == 0)
        return 0;
    fprintf(stderr, "%s\n", e.msg);
    return -1;
}

UNUSED static int spawn_teardown(void **state)
{
    (void)state;
    spawn_fini();
    return 0;
}

#endif
