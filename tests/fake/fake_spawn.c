/* The twin of io/spawn.h on the simulated machine. */
#include "tests/fake/fake.h"

#include <errno.h>

int spawn_init(struct err *e)
{
    (void)e;
    return 0;
}

unsigned spawn_own_fds(void)
{
    return 0;
}

void spawn_fini(void) {}

const char *spawn_method(void)
{
    return "simulated";
}

enum spawn_result spawn_start(const struct spawn_request *rq, struct spawn_cell *cell,
                              int *out_errnum)
{
    static const enum spawn_result rows[] = {
        [FATE_STARTS] = SPAWN_STARTED, [FATE_BUSY] = SPAWN_BUSY,    [FATE_REFUSED] = SPAWN_REFUSED,
        [FATE_FAILED] = SPAWN_FAILED,  [FATE_STEP] = SPAWN_STARTED,
    };
    struct fake_fate fate;
    fake_fate_of(rq, &fate);
    *cell = (struct spawn_cell){0};
    *out_errnum = fate.start == FATE_REFUSED ? EAGAIN : EPERM;
    if (rows[fate.start] == SPAWN_STARTED)
        cell->pid = fake_fork(rq, &fate, cell);
    return rows[fate.start];
}

bool spawn_wait(dur_t limit)
{
    fake_clock_to(mono_add(fake_clock(), limit));
    return true;
}

unsigned spawn_in_flight(void)
{
    return 0;
}

void spawn_explain(const struct spawn_request *rq, const struct spawn_cell *cell, struct err *out)
{
    err_errno(out, cell->errnum, "cannot execute %s", rq->argv[0]);
}

void spawn_refused(const struct spawn_cell *cell, struct str *out)
{
    str_puts(out, cell->refused ? "nice" : "");
}

bool spawn_in_cgroup(void)
{
    return false;
}
