/* A simulated machine under the ports: its clock, its processes, its signals. The twins of loop.h,
 * spawn.h, reap.h, sigs.h and of kill() act on it; a test says how programs behave and reads what
 * became of them. There is one machine in a test program; fake_reset makes a new one. */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include "supervisor/base/mono.h"
#include "supervisor/base/rng.h"
#include "supervisor/io/spawn.h"

#include <stdbool.h>
#include <stdint.h>

/* What a start leads to, and how the instance behaves. */
struct fake_fate {
    enum {
        FATE_STARTS,
        FATE_BUSY,    /* no spawn slot is free */
        FATE_REFUSED, /* the kernel has no resources */
        FATE_FAILED,  /* no child at all */
        FATE_STEP,    /* a child whose step fails after `lives` */
    } start;
    int errnum;    /* of the failing step; 0: ENOENT */
    dur_t lives;   /* ends by itself after this; 0: never */
    int status;    /* its wait status then */
    dur_t obeys;   /* ends so long after TERM, INT or QUIT; below 0: ignores them */
    unsigned kids; /* processes that it leaves in its group */
    dur_t kid_lives, kid_obeys;
    bool immortal;    /* KILL has no effect */
    bool untouchable; /* kill() gives EPERM */
};
/* Decides about a start. */
typedef void fake_fate_fn(void *obj, const struct spawn_request *rq, struct fake_fate *out);

/* Told of each start, signal (but CONT and 0) and death of a leader: "start", "SIGTERM", "death".
 */
typedef void fake_seen_fn(void *obj, const char *what, const char *name);

struct fake_counts {
    uint64_t spawned, died, reaped; /* leaders and orphans together */
    uint64_t orphans;               /* of these reaped */
    uint64_t signals, kills;
    uint64_t looks; /* kill() with 0 */
    uint64_t turns, jumps;
};

/* A new machine. jumps: of a hundred waits so many end late, by up to 3 s. */
void fake_reset(uint64_t seed, unsigned jumps);
void fake_on_spawn(fake_fate_fn *fn, void *obj);
void fake_on_seen(fake_seen_fn *fn, void *obj);
/* From outside: a signal to the supervisor; the wall clock is set. */
void fake_signal(int signo);
void fake_set_wall(dur_t by);
/* From now on every living process obeys; what could not be signalled ends by itself in a second.
 */
void fake_heal(void);
/* The number of the next process. */
void fake_next_pid(int pid);
/* What dead leaders with this argv[0] left ends, and somebody else reaps it. */
void fake_vanish(const char *name);
/* The pid of the living leader with this argv[0], 0: none. */
int fake_pid(const char *name);

/* Living leaders that were started with this argv[0]; the living that dead ones left. */
unsigned fake_leaders(const char *name);
unsigned fake_orphans(const char *name);
/* Starts, deaths and reaps of leaders with this argv[0]. */
struct fake_counts fake_counts_of(const char *name);
unsigned fake_living(void);
unsigned fake_zombies(void);
struct fake_counts fake_counts(void);

/* The first rule that was broken, or NULL; fake_break notes one and stops the loop. */
const char *fake_broken(void);
void fake_break(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- between the fakes ---- */

extern struct rng fake_rng;
/* the clock; it only goes forward */
mono_t fake_clock(void);
void fake_clock_to(mono_t t);
void fake_clock_reset(void);
/* when the next process ends by itself, or never; ends those that are due */
mono_t fake_kernel_next(void);
void fake_kernel_run(void);
/* are there signals for the supervisor; hands them over */
bool fake_sigs_pending(void);
void fake_sigs_deliver(void);
void fake_sigs_reset(void);
void fake_count_turn(bool jumped);
/* a zombie, oldest first, or 0; takes it from the table */
int fake_zombie(int *out_status);
void fake_reaped(int pid);
/* for spawn_start */
int fake_fork(const struct spawn_request *rq, const struct fake_fate *fate,
              struct spawn_cell *cell);
void fake_fate_of(const struct spawn_request *rq, struct fake_fate *out);

#endif
