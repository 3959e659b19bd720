/* A worker of the soak: `runner BOARD PROGRAM LIFE_MS RATE BYTES` lives for about LIFE_MS, writes
 * RATE lines a second of BYTES each to stdout, and ends by an exit status or a signal of its own.
 * Each run has a row in the file BOARD, in which it says how far it came, so that a run that is
 * killed at any moment has said all but at most its last line. RATE 0 writes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Row 0 is the head: its lines are the number of rows in use, itself included. */
struct row {
    int32_t program, pid;
    int64_t lines; /* written for certain; the next one may be, too */
    int32_t ended; /* 0: not by itself; 1 + exit status; 256 + signal */
    int32_t twice; /* another run of the program lived when this one began */
    int64_t unused;
};

enum { MAX_BYTES = 4096 }; /* a pipe takes so much at once or not at all */

static struct row *row;
static uint32_t luck;

static uint32_t roll(uint32_t sides)
{
    luck = luck * 1664525u + 1013904223u;
    return (luck >> 8) % sides;
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until this run has ended nobody else gets the lock, whatever ends it. */
static int is_alone(const char *board, int program)
{
    char path[512];
    snprintf(path, sizeof(path), "%s.%d", board, program);
    int fd = open(path, O_RDWR | O_CREAT, 0644);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Returns the number of the run, or -1. */
static int64_t begin(const char *board, int program)
{
    struct stat st;
    int fd = open(board, O_RDWR);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    struct row *rows = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (rows == MAP_FAILED)
        return -1;
    int64_t run = __atomic_fetch_add(&rows[0].lines, 1, __ATOMIC_SEQ_CST);
    if (run >= st.st_size / (int64_t)sizeof(struct row))
        return -1;
    row = &rows[run];
    row->program = program;
    row->twice = !is_alone(board, program);
    row->pid = getpid();
    luck = (uint32_t)run * 2654435761u;
    return run;
}

static int write_line(int program, int64_t run, int64_t n, size_t bytes)
{
    static char line[MAX_BYTES];
    int head = snprintf(line, sizeof(line), "%d %lld %lld ", program, (long long)run, (long long)n);
    memset(line + head, 'a' + (int)(n % 26), bytes - 1 - (size_t)head);
    line[bytes - 1] = '\n';
    ssize_t done;
    while ((done = write(1, line, bytes)) < 0 && errno == EINTR)
        continue;
    return done == (ssize_t)bytes ? 0 : -1;
}

/* Writes what is due at each moment until the end of its life. */
static int live(int program, int64_t run, int64_t life, int64_t rate, size_t bytes)
{
    int64_t begun = now_ms(), age;
    while ((age = now_ms() - begun) < life) {
        int64_t due = rate * age / 1000;
        while (row->lines < due) {
            if (write_line(program, run, row->lines + 1, bytes) < 0)
                return -1;
            __atomic_store_n(&row->lines, row->lines + 1, __ATOMIC_SEQ_CST);
        }
        int64_t step = rate ? 1000 / rate : life;
        poll(NULL, 0, (int)(step < 10 ? 10 : step < life - age ? step : life - age));
    }
    return 0;
}

static void leave(void)
{
    static const int ways[] = {0, 0, 0, 3, 4, 256 + SIGABRT, 256 + SIGUSR1};
    static const struct rlimit no_core;
    int way = ways[roll(sizeof(ways) / sizeof(ways[0]))];
    setrlimit(RLIMIT_CORE, &no_core);
    row->ended = way < 256 ? way + 1 : way;
    if (way >= 256)
        raise(way - 256);
    _exit(way);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    int program = (int)strtol(argv[2], NULL, 10);
    int64_t life = strtol(argv[3], NULL, 10), rate = strtol(argv[4], NULL, 10);
    size_t bytes = (size_t)strtol(argv[5], NULL, 10);
    int64_t run = begin(argv[1], program);
    if (run < 0 || bytes < 64 || bytes > MAX_BYTES)
        return 2;
    life = life / 2 + roll((uint32_t)life + 1);
    if (live(program, run, life, rate, bytes) < 0)
        return 2;
    leave();
}
