/* The board: a file with one row per program, in which each program writes when it started. */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include <stdint.h>
#include <time.h>

/* Row i lies at i * sizeof(struct board_row); one pwrite fills it, so a reader that polls for a new
 * time finds the pid of the same start. */
struct board_row {
    int64_t ns; /* CLOCK_MONOTONIC */
    int64_t pid;
};

static inline int64_t board_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
