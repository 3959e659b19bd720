/* What the machine can do at best, with nothing of a supervisor around it:
 *   floor spawn WORKERS COUNT PROGRAM BOARD   starts COUNT programs and starts each again that
 *                                             ends; the work is shared by WORKERS processes
 *   floor copy FILE BYTES                     copies stdin to FILE, FILE.1, ..., each of BYTES */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    return 1;
}

static pid_t start(char *program, char *board, long row)
{
    char number[24];
    snprintf(number, sizeof(number), "%ld", row);
    char *argv[] = {program, board, number, NULL}, *envp[] = {NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execve(program, argv, envp);
        _exit(127);
    }
    return pid;
}

static long row_of(const pid_t *pids, long count, pid_t pid)
{
    long row = 0;
    while (row < count && pids[row] != pid)
        row++;
    return row;
}

/* Starts the rows first, first + step, ... and then again whatever ends. */
static int keep(long first, long step, long count, char *program, char *board)
{
    pid_t *pids = calloc((size_t)count, sizeof(*pids));
    if (!pids)
        return fail("memory");
    for (long row = first; row < count; row += step)
        if ((pids[row] = start(program, board, row)) < 0)
            return fail("vfork");
    pid_t gone;
    int status;
    while ((gone = waitpid(-1, &status, 0)) > 0) {
        long row = row_of(pids, count, gone);
        if (row == count)
            continue;
        if (!WIFSIGNALED(status))
            return fail("a program ended by itself");
        pids[row] = start(program, board, row);
    }
    return fail("waitpid");
}

static int spawn(long workers, long count, char *program, char *board)
{
    for (long i = 1; i < workers; i++)
        if (fork() == 0)
            return keep(i, workers, count, program, board);
    return keep(0, workers, count, program, board);
}

static int open_part(const char *file, int part)
{
    char path[4096];
    snprintf(path, sizeof(path), part ? "%s.%d" : "%s", file, part);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
}

static int copy(const char *file, long limit)
{
    static char buf[65536];
    long size = 0;
    int part = 0, out = open_part(file, part);
    ssize_t n;
    while ((n = read(0, buf, sizeof(buf))) > 0) {
        if (size + n > limit) {
            close(out);
            out = open_part(file, ++part);
            size = 0;
        }
        if (write(out, buf, (size_t)n) != n)
            return fail("write");
        size += n;
    }
    return n < 0 ? fail("read") : 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "spawn") == 0)
        return spawn(atol(argv[2]), atol(argv[3]), argv[4], argv[5]);
    if (argc == 4 && strcmp(argv[1], "copy") == 0)
        return copy(argv[2], atol(argv[3]));
    fprintf(stderr, "usage: floor spawn WORKERS COUNT PROGRAM BOARD | floor copy FILE BYTES\n");
    return 2;
}
