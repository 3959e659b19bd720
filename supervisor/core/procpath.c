/* The shortest way through the states of a process. */
#include "supervisor/core/procpath.h"

#include <string.h>

static const enum proc_state states[] = {PROC_STOPPED,  PROC_STARTING, PROC_RUNNING, PROC_BACKOFF,
                                         PROC_STOPPING, PROC_EXITED,   PROC_FATAL,   PROC_UNKNOWN};
#define N (sizeof(states) / sizeof(states[0]))

/* Of two ways of one length the one whose steps stand first is taken. */
static const struct {
    enum proc_state from, to;
} steps[] = {
    {PROC_STOPPED, PROC_STARTING},  {PROC_EXITED, PROC_STARTING},  {PROC_BACKOFF, PROC_STARTING},
    {PROC_FATAL, PROC_STARTING},    {PROC_STARTING, PROC_RUNNING}, {PROC_STARTING, PROC_BACKOFF},
    {PROC_STARTING, PROC_STOPPING}, {PROC_RUNNING, PROC_EXITED},   {PROC_RUNNING, PROC_STOPPING},
    {PROC_STOPPING, PROC_STOPPED},  {PROC_BACKOFF, PROC_FATAL},    {PROC_BACKOFF, PROC_STOPPED},
    {PROC_STOPPING, PROC_UNKNOWN},  {PROC_RUNNING, PROC_UNKNOWN},  {PROC_STARTING, PROC_UNKNOWN},
    {PROC_UNKNOWN, PROC_STOPPED},
};

static size_t index_of(enum proc_state s)
{
    size_t i = 0;
    while (i + 1 < N && states[i] != s)
        i++;
    return i;
}

/* before[i]: the state, plus 1, from which the i-th was reached first. */
static void search(size_t from, size_t to, size_t before[N])
{
    size_t queue[N + 1] = {from}, head = 0, tail = 1;
    memset(before, 0, N * sizeof(*before));
    while (head < tail && !before[to]) {
        size_t at = queue[head++];
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            size_t next = index_of(steps[i].to);
            if (steps[i].from != states[at] || before[next])
                continue;
            before[next] = at + 1;
            if (next != from)
                queue[tail++] = next;
        }
    }
}

unsigned proc_path(enum proc_state from, enum proc_state to, bool again,
                   enum proc_state out[PROC_PATH_MAX])
{
    size_t before[N], first = index_of(from), last = index_of(to), at = last;
    unsigned n = 0;
    if (from == to && !again)
        return 0;
    search(first, last, before);
    if (!before[last]) {
        out[0] = to; /* it cannot be, but is */
        return 1;
    }
    do
        out[n++] = states[at];
    while ((at = before[at] - 1) != first && n < PROC_PATH_MAX);
    for (unsigned i = 0; i < n / 2; i++) {
        enum proc_state swap = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = swap;
    }
    return n;
}
