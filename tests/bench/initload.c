/* What an init is measured with:
 *   initload answer FILE          writes the time of each SIGUSR1 that it gets into FILE
 *   initload ask PID FILE COUNT   sends SIGUSR1 to PID, so often, and prints the nanoseconds until
 *                                 the time in FILE is another one; PID sleeps each time before
 *   initload orphans COUNT FILE   leaves so many orphans, and writes into FILE the nanoseconds
 * until all of them are reaped */
#include "board.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EACH = 100 };                     /* orphans of one parent */
#define LIMIT (INT64_C(20) * 1000000000) /* ns: more than anything here takes */

static volatile struct board_row *open_row(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(fd, sizeof(struct board_row)) < 0)
        return NULL;
    void *p = mmap(NULL, sizeof(struct board_row), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? NULL : p;
}

static int answer(const char *path)
{
    volatile struct board_row *row = open_row(path);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (!row)
        return 1;
    row->pid = getpid(); /* from now on it answers */
    while (sigwaitinfo(&set, NULL) == SIGUSR1)
        row->ns = board_now();
    return 1;
}

/* Long enough that the init sleeps again. One that its command has just pushed aside would take the
 * next signal without having to be woken, and whether it is pushed aside is the scheduler's mood.
 */
static void let_it_sleep(void)
{
    static const struct timespec calm = {.tv_nsec = 500000};
    nanosleep(&calm, NULL);
}

static int ask(int pid, const char *path, long count)
{
    volatile struct board_row *row = open_row(path);
    if (!row)
        return 1;
    while (count-- > 0) {
        let_it_sleep();
        int64_t old = row->ns, start = board_now();
        if (kill(pid, SIGUSR1) < 0)
            return 1;
        while (row->ns == old)
            if (board_now() - start > LIMIT)
                return 1;
        printf("%lld\n", (long long)(row->ns - start));
    }
    return 0;
}

/* A parent that leaves without waiting. */
static void leave(long count)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (long i = 0; i < count; i++) {
            pid_t child = fork();
            if (child <= 0)
                _exit(child < 0);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static int orphans(long count, const char *path)
{
    volatile struct board_row *row = open_row(path);
    if (!row)
        return 1;
    int64_t start = board_now();
    for (long left = count; left > 0; left -= EACH)
        leave(left < EACH ? left : EACH);
    while (kill(-1, 0) == 0 || errno != ESRCH) /* nobody but init and us, not even a zombie */
        if (board_now() - start > LIMIT)
            return 1;
    row->ns = board_now() - start;
    row->pid = getpid();
    pause();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "answer") == 0)
        return answer(argv[2]);
    if (argc == 5 && strcmp(argv[1], "ask") == 0)
        return ask(atoi(argv[2]), argv[3], atol(argv[4]));
    if (argc == 4 && strcmp(argv[1], "orphans") == 0)
        return orphans(atol(argv[2]), argv[3]);
    return 2;
}
