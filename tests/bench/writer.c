/* A program that logs: `writer BOARD GATE SIZE MIB RATE [FILE]` waits until the FIFO GATE is opened
 * for writing, then writes MIB mebibytes to stdout, in lines of SIZE bytes, one write() each, RATE
 * mebibytes a second (0: as fast as they are taken), and says on row 0 of the board that it is
 * done. With FILE it writes its text over and over, cut into pieces of SIZE bytes. It stays, so
 * that no supervisor has a death to handle. */
#include "board.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS 1000000 /* between two bursts of a paced writer */
#define LINE_MAX_SIZE 65536
#define TEXT_MAX (2 << 20)

static void sleep_until(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int write_all(const char *line, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(1, line + done, size - done);
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

/* What is written: `size` bytes at a time, from the next place in a text that repeats itself. */
struct source {
    const char *text;
    size_t length; /* of the text, behind which it comes once more */
    size_t size, at;
};

static int burst(struct source *s, int64_t upto, int64_t *written)
{
    for (; *written < upto; *written += (int64_t)s->size) {
        if (write_all(s->text + s->at, s->size) < 0)
            return -1;
        s->at = (s->at + s->size) % s->length;
    }
    return 0;
}

static int run(struct source *s, int64_t total, int64_t rate)
{
    int64_t begin = board_now(), written = 0;
    if (!rate)
        return burst(s, total, &written);
    for (int64_t tick = 1; written < total; tick++) {
        int64_t due = rate * tick / (1000000000 / TICK_NS);
        if (burst(s, due < total ? due : total, &written) < 0)
            return -1;
        sleep_until(begin + tick * TICK_NS);
    }
    return 0;
}

static int report(const char *path)
{
    int fd = open(path, O_WRONLY);
    struct board_row row = {.ns = board_now(), .pid = getpid()};
    return fd < 0 || pwrite(fd, &row, sizeof(row), 0) != sizeof(row) ? -1 : close(fd);
}

/* The file's text, and its beginning once more; NULL if there is none. */
static const char *read_text(const char *path, size_t size, size_t *out_length)
{
    static char text[TEXT_MAX + LINE_MAX_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX);
    if (n < (ssize_t)size || close(fd) < 0)
        return NULL;
    memcpy(text + n, text, size);
    *out_length = (size_t)n;
    return text;
}

int main(int argc, char **argv)
{
    static char line[LINE_MAX_SIZE];
    size_t size = argc == 6 || argc == 7 ? strtoul(argv[3], NULL, 10) : 0;
    if (size < 1 || size > sizeof(line))
        return 2;
    memset(line, 'x', size - 1);
    line[size - 1] = '\n';
    struct source s = {.text = line, .length = size, .size = size};
    if (argc == 7 && !(s.text = read_text(argv[6], size, &s.length)))
        return 1;
    int gate = open(argv[2], O_RDONLY | O_CLOEXEC); /* returns once a writer opened it */
    int64_t mib = 1024 * 1024;
    if (gate < 0 || run(&s, atol(argv[4]) * mib, atol(argv[5]) * mib) < 0)
        return 1;
    if (report(argv[1]) < 0)
        return 1;
    for (;;)
        pause();
}
