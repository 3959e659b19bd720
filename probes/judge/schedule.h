/* The timing of one probe and what its results mean: when attempts start, how a first failure is
 * confirmed, and when the probe counts as failed or well. Pure.
 *
 *            first success                    fall failures in a row
 *   WAITING ---------------> OK ------------------------------------> FAILED
 *      |  ^                  ^  <------------------------------------   |
 *      |  |                       rise successes in a row               |
 *      |  +---- its program starts (from every state) -----------------+|
 *      +---- fall failures in a row, after the start period ------------^
 *
 * An attempt starts at each tick (phase + n * interval on the monotonic clock), `confirm` after the
 * start of one that failed while the failure is neither confirmed nor gone, and when it is asked
 * for. Two attempts never overlap: a tick that comes while one runs is passed over and counted.
 * What was under way while the machine slept, or while this process was not run, says nothing: its
 * result is discarded. */
#ifndef PROBES_JUDGE_SCHEDULE_H
#define PROBES_JUDGE_SCHEDULE_H

#include "probes/judge/verdict.h"

struct sched_conf {
    int64_t interval, timeout, confirm, start_period; /* ns */
    int64_t phase;                                    /* of the ticks: 0 <= phase < interval */
    unsigned fall, rise;
};

enum sched_state { SCHED_WAITING, SCHED_OK, SCHED_FAILED };
/* "WAITING", "OK", "FAILED" */
const char *sched_state_text(enum sched_state s);

/* The clocks, read together. asleep: CLOCK_BOOTTIME - CLOCK_MONOTONIC, which grows while the
 * machine is suspended. */
struct sched_now {
    mono_t now;
    wall_t wall;
    dur_t asleep;
};

enum sched_event {
    SCHED_TIMER,   /* the deadline, or any other time */
    SCHED_RESULT,  /* of the attempt that runs; sched_step's last argument */
    SCHED_RUN_NOW, /* asked for: by hand, or by the failure of a probe below this one */
    SCHED_PROGRAM, /* its program has been started anew */
};

/* What to do, bits. */
enum {
    SCHED_START = 1,      /* start an attempt, to be answered by `due` */
    SCHED_CANCEL = 2,     /* end the running attempt without a result; before SCHED_START */
    SCHED_CHANGED = 4,    /* state has changed; what it was is in `was` */
    SCHED_SOFT = 8,       /* fails or oks has changed */
    SCHED_DISCARDED = 16, /* the result or the cancelled attempt counts as UNKNOWN */
};

struct sched {
    enum sched_state state, was;
    wall_t since;        /* of the state */
    unsigned fails, oks; /* in a row; at most one of them is not 0 */
    mono_t grace_until;  /* the start period; 0: it is over */
    bool running;
    bool ticked;    /* the running attempt was started by a tick */
    mono_t started; /* the last attempt */
    mono_t due;     /* of the running attempt */
    dur_t asleep;   /* at its start */
    mono_t next;    /* the next attempt, when none runs */
    dur_t late;     /* how late the last attempt that a deadline started was started */
    uint64_t runs, overruns, discarded;
};

/* What outlives the agent. */
struct sched_saved {
    uint8_t state; /* enum sched_state */
    int64_t since; /* ns since 1970 */
    uint32_t fails, oks;
    uint64_t runs;
};

/* The phase that belongs to a name: the same for ever, spread evenly over names. Probes with whole
 * intervals start on a grid: those of very many come together in one waking of the agent. */
#define SCHED_GRID (INT64_C(10) * 1000000)
#define SCHED_GRID_FROM (INT64_C(1) * 1000000000) /* shorter intervals have none */
int64_t sched_phase(const char *name, int64_t interval);
/* A probe that has never run. Its first attempt comes soon: at its phase within FIRST_SPREAD, or
 * the interval if that is shorter; then the ticks count. */
#define SCHED_FIRST_SPREAD (INT64_C(10) * 1000000000)
void sched_init(struct sched *s, const struct sched_conf *c, const struct sched_now *t);
/* Goes on with what was saved, in one that has no result yet: its state, counters and runs; a state
 * other than WAITING has its start period behind it. age: how long nobody looked at the target,
 * negative if that is not known. What is older than SCHED_STALE intervals, and SCHED_STALE_LEAST,
 * says nothing any more. False: nothing has changed. */
#define SCHED_STALE 5
#define SCHED_STALE_LEAST (INT64_C(120) * 1000000000)
bool sched_restore(struct sched *s, const struct sched_conf *c, const struct sched_saved *saved,
                   dur_t age);
void sched_save(const struct sched *s, struct sched_saved *out);

/* One step; returns bits. result: of SCHED_RESULT, else ignored. Call again at sched_deadline. A
 * driver that has not answered SCHED_ANSWER_NS after `due` is given up (SCHED_CANCEL). */
#define SCHED_ANSWER_NS (INT64_C(5) * 1000000000)
/* A result that comes so long after `due` shows that this process did not run meanwhile. */
#define SCHED_FROZEN_NS (INT64_C(250) * 1000000)
unsigned sched_step(struct sched *s, const struct sched_conf *c, enum sched_event ev,
                    const struct sched_now *t, enum verdict_status result);
/* The running attempt is made anew by whoever drives it (a reload took away what it reads): it has
 * the whole timeout again. Nothing if none runs. */
void sched_again(struct sched *s, const struct sched_conf *c, const struct sched_now *t);
/* When sched_step wants SCHED_TIMER. */
mono_t sched_deadline(const struct sched *s);

#endif
