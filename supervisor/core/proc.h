/* The life of one supervised process as a pure machine: step(policy, life, event) changes the life
 * and says what to do. No clock, no descriptor, no log; supervisor-compat sections 10 and 11.
 *
 *                    START                    startsecs over
 *   STOPPED ------------------> STARTING ----------------------> RUNNING
 *      ^                        ^  |  ^                            |  |
 *      |               delay    |  |  | died, could not start      |  | died
 *      | STOP          over     |  v  |                            |  v
 *      +---------------------- BACKOFF ---> FATAL        STOP      | EXITED --> STARTING
 *      |                          retries used up                  |      autorestart
 *      +-------------------------------------------- STOPPING <----+
 *                                 died
 *
 * With a stop_command STOPPING begins with that, and does not end before it has ended.
 * With `told` READY stands for startsecs, with `once` the exit with success, and EXITED follows at
 * once. One that takes longer than ready_timeout is sent the stop sequence while it is STARTING.
 *
 * Beside the state stand `want` (should it be up?) and `sweep` (the leader is dead, others of its
 * process group are not; with orphans=kill they are ended before the next start). A STOP meanwhile
 * is STOPPING until they are gone. */
#ifndef CORE_PROC_H
#define CORE_PROC_H

#include "supervisor/base/mono.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum proc_state {
    PROC_STOPPED = 0,
    PROC_STARTING = 10,
    PROC_RUNNING = 20,
    PROC_BACKOFF = 30,
    PROC_STOPPING = 40,
    PROC_EXITED = 100,
    PROC_FATAL = 200,
    PROC_UNKNOWN = 1000,
};

enum proc_restart { PROC_RESTART_NEVER, PROC_RESTART_ALWAYS, PROC_RESTART_UNEXPECTED };
enum proc_on_fatal { PROC_FATAL_NOTHING, PROC_FATAL_EXIT, PROC_FATAL_RETRY };

#define PROC_STOPS_MAX 16 /* the most that stopsignals= takes */
#define PROC_WINDOW_MAX 128
#define PROC_WINDOW_RETRIES (PROC_WINDOW_MAX - 1) /* the most startretries that it can count */

struct proc_stop_step {
    int sig;
    dur_t wait; /* then the next step; after the last one KILL, repeated every stopwait */
};

/* What the configuration says. Immutable; must outlive the call only. */
struct proc_policy {
    dur_t startsecs;
    int startretries;
    enum proc_restart autorestart;
    const uint32_t *exitcodes; /* 8 words: bit n set: exit code n is expected */
    struct proc_stop_step stops[PROC_STOPS_MAX];
    unsigned nstops;    /* >= 1 */
    dur_t stopwait;     /* stopwaitsecs; <= 0: KILL at once */
    dur_t stop_command; /* so long may its stop_command take, which comes before stops; 0: none */
    bool stopasgroup, killasgroup, orphans_kill;
    dur_t backoff;     /* linear: the n-th wait is n times this */
    int factor_milli;  /* 0: linear; else the n-th wait is backoff * (factor/1000)^(n-1) */
    int jitter_milli;  /* each wait is scaled by 1 +- jitter/1000, from the event's random number */
    dur_t backoff_max; /* 0: no cap */
    dur_t backoff_reset; /* 0: retries are forgotten on RUNNING; else only after this long up, and
                            an exit before that goes through BACKOFF */
    dur_t retry_window;  /* 0: unset; else the startretries+1st failure or automatic restart within
                            it is FATAL; exact up to PROC_WINDOW_RETRIES */
    enum proc_on_fatal on_fatal;
    dur_t fatal_retry;
    bool told;           /* READY makes it RUNNING, and not startsecs */
    bool once;           /* it is to end: RUNNING is passed through when it exits with success */
    dur_t ready_timeout; /* told, once: STARTING for longer than this is a failure; 0: never */
};

/* Why a process is where it is; PROC_WHY_* name the last thing that moved it. */
enum proc_why {
    PROC_WHY_NONE,
    PROC_WHY_BOOT,     /* autostart */
    PROC_WHY_OPERATOR, /* start, stop, restart by hand */
    PROC_WHY_SHUTDOWN,
    PROC_WHY_UP,     /* stayed up for startsecs */
    PROC_WHY_QUICK,  /* exited before startsecs */
    PROC_WHY_CANNOT, /* a step of the start failed (see spawn error) */
    PROC_WHY_EXIT,   /* exited or was killed while RUNNING */
    PROC_WHY_RETRY,  /* the delay of BACKOFF, or of on_fatal=retry, is over */
    PROC_WHY_AUTORESTART,
    PROC_WHY_RETRIES,     /* startretries used up */
    PROC_WHY_WINDOW,      /* too many restarts within retry_window */
    PROC_WHY_STOPPED,     /* ended because it was told to */
    PROC_WHY_KILL_FAILED, /* kill() gave an unexpected error: UNKNOWN */
    PROC_WHY_UPDATE,      /* start or stop, since the configuration changed */
    PROC_WHY_MEMORY,      /* it uses more memory than it may: stopped and started again */
    PROC_WHY_READY,       /* its readiness was told */
    PROC_WHY_DONE,        /* exited with success, and was to */
    PROC_WHY_FAILED,      /* exited, and not with the success that it was to */
    PROC_WHY_UNREADY,     /* ended before it was ready */
    PROC_WHY_BLOCKED,     /* of no life: its start waits for what does not come by itself */
    PROC_WHY_TIMEOUT,     /* was stopped, since it took too long to be ready or done */
    PROC_WHY_WATCHDOG,    /* missed its watchdog */
};

/* What is remembered of one process: plain data, kept in the state memfd as it is. */
struct proc_life {
    uint16_t state;    /* enum proc_state */
    uint16_t why;      /* enum proc_why of the last change */
    uint8_t want;      /* 1: should be up */
    uint8_t sweep;     /* 1: leader dead, group not known to be empty */
    uint8_t stop_step; /* next index into stops; nstops: KILL is next or was sent; STOPPING, 0:
                          the stop_command comes first */
    uint8_t kills;     /* KILLs sent in this stop or sweep, capped at 255 */
    uint8_t spawning;  /* 1: STARTING, waiting for the answer to a spawn (no pid yet) */
    uint8_t restart;   /* a start waits for STOPPING or the sweep: 1 by hand, 2 automatic, 3 for
                          its memory; 4: no start, but the end of a hung instance */
    uint8_t expected;  /* the last exit was expected */
    uint8_t has_exit;  /* exit_status is valid */
    uint8_t delays;    /* spawns in a row that the kernel refused for want of resources */
    uint8_t nwindow;   /* entries used in its proc_window */
    uint8_t polls;     /* looks at the group since the last signal to it */
    uint8_t
        again;    /* 1: an instance of this start was counted, but there was no room for its exec */
    int32_t pid;  /* 0: none */
    int32_t pgid; /* of the last instance; kept through a sweep */
    int32_t exit_status; /* wait status of the last instance */
    uint32_t tries;      /* Supervisor's backoff counter */
    uint32_t tries_up;   /* tries when RUNNING was reached; CANNOT after that goes on from it */
    uint32_t starts;     /* instances spawned; more than 2^32 would take weeks of nothing else */
    uint32_t restarts;   /* of these, how many were automatic (retries included) */
    uint32_t exits;      /* deaths reaped */
    uint32_t fatals;     /* times it gave up (not: ended by a shutdown) */
    uint32_t unexpected; /* exits that were not expected */
    uint32_t restarts_unexpected; /* automatic restarts after one, or after a failed start */
    uint32_t failures;            /* FATAL: so many, in a row or within the window, led to it */
    mono_t started;               /* of the current or last instance */
    mono_t due;       /* STARTING: RUNNING at, or next try to spawn; BACKOFF, FATAL: retry at;
                         STOPPING: next signal at */
    mono_t sweep_due; /* next signal to the leftover group; once killed: when to let it be */
    mono_t poll;      /* next look at the leftover group */
    mono_t changed;   /* when the state last changed */
    wall_t start_wall, stop_wall; /* for people; 0: never */
};

/* Times of failures and automatic restarts, in 1/16 s of mono, oldest first; life->nwindow of them
 * are in use. Apart from the life, since only programs with retry_window ever touch it. */
struct proc_window {
    uint32_t at[PROC_WINDOW_MAX];
};

enum proc_event {
    PROC_EV_START,    /* wanted up */
    PROC_EV_STOP,     /* wanted down */
    PROC_EV_RESTART,  /* stop if up, then start */
    PROC_EV_SHUTDOWN, /* like STOP, but BACKOFF becomes FATAL and nothing starts any more */
    PROC_EV_HASTEN,   /* STOPPING or sweeping: KILL now */
    PROC_EV_SPAWNED,  /* a child exists; pid is given */
    PROC_EV_DELAYED, /* the kernel refused for want of resources (EAGAIN ENOMEM EMFILE ENFILE); if a
                        child existed it was reaped */
    PROC_EV_CANNOT,  /* a step of the start failed; if a child existed it was reaped */
    PROC_EV_EXITED,  /* reaped; status and group_alive are given */
    PROC_EV_GROUP_EMPTY,
    PROC_EV_COMMAND,     /* its stop_command has ended, or could not be run */
    PROC_EV_KILL_FAILED, /* kill() failed with something else than ESRCH */
    PROC_EV_TIMER,
    PROC_EV_READY,  /* told: it is ready */
    PROC_EV_UNFIT,  /* told: it will not be ready */
    PROC_EV_HUNG,   /* it missed its watchdog: ABRT, then the stop sequence; its end is a failure */
    PROC_EV_EXTEND, /* it asks for more time to be ready, or to stop: more is given */
    PROC_EV_POLICY, /* the configuration changed: a wait under way is as long as the new one says */
    PROC_NEVENTS
};

struct proc_in {
    enum proc_event event;
    mono_t now;
    wall_t wall;
    enum proc_why why;             /* START: BOOT, OPERATOR or UPDATE; STOP: UPDATE or nothing;
                                      RESTART: MEMORY or nothing */
    int pid;                       /* SPAWNED */
    int status;                    /* EXITED: wait status */
    bool group_alive;              /* EXITED, CANNOT: others of its group still exist */
    bool commanding;               /* its stop_command has not ended yet; always given */
    uint32_t random;               /* for jitter */
    dur_t more;                    /* EXTEND: from now */
    struct proc_window *window;    /* this process's; always given */
    const struct proc_policy *was; /* POLICY: what applied before */
};

struct proc_change {
    uint16_t from, to, why;
    uint32_t tries;
    int32_t pid; /* of the instance that this is about, 0: none */
};

/* What the driver has to do, in this order. Then it sets its timer to proc_next(). */
struct proc_out {
    struct proc_change changes[4]; /* publish and log these */
    unsigned nchanges;
    bool spawn;        /* start an instance; answer with SPAWNED, DELAYED or CANNOT. One that was
                          cancelled after it had begun is still the one asked for: never start two */
    bool cancel_spawn; /* it is no longer wanted; if it was not begun yet, no answer comes. A child
                          that comes nevertheless (SPAWNED) is stopped */
    int signal;        /* 0: none */
    bool signal_group; /* to -pgid instead of pid */
    bool cont;         /* SIGCONT after it */
    bool check_group; /* look at kill(-pgid, 0); on ESRCH feed GROUP_EMPTY (so may ESRCH of a signal
                         to the group while sweep is set) */
    bool gave_up_sweep; /* leftovers of the group survived KILL; going on without them */
    bool exited;        /* an instance ended: publish it with its status */
    bool command;       /* run its stop_command; answer with COMMAND once that has ended */
    bool end_command;   /* kill it; COMMAND follows */
};

/* A life that has never run: STOPPED, want 0. */
void proc_init(struct proc_life *l);
/* What is down is as if it had never been started; what was counted stays. */
void proc_begin_anew(struct proc_life *l);
/* One event. Any event is allowed in any state; what makes no sense there changes nothing. */
void proc_step(const struct proc_policy *p, struct proc_life *l, const struct proc_in *in,
               struct proc_out *out);

const char *proc_state_name(enum proc_state s);
const char *proc_why_text(enum proc_why w);
const char *proc_event_name(enum proc_event ev);
/* When TIMER is due; 0: never. */
mono_t proc_next(const struct proc_life *l);
/* It is being stopped because it did not become ready or done. */
bool proc_is_overdue(const struct proc_policy *p, const struct proc_life *l);
/* A program that is to end did so, with success, and was not started since. */
bool proc_is_done(const struct proc_policy *p, const struct proc_life *l);
/* Supervisor's sets (section 10). */
bool proc_is_stopped(const struct proc_life *l);
bool proc_is_running(const struct proc_life *l);
bool proc_is_signallable(const struct proc_life *l);

/* The wait before retry n (1, 2, ...), jitter included. */
dur_t proc_backoff(const struct proc_policy *p, uint32_t n, uint32_t random);
/* In a wait status of ours, no bits of the kernel's: the kernel killed it for want of memory; we
 * stopped it above memory_high; we killed it above memory_max. */
#define PROC_STATUS_OOM 0x10000
#define PROC_STATUS_HIGH 0x20000
#define PROC_STATUS_MAX 0x40000
/* The same: we ended it, since it missed its watchdog. */
#define PROC_STATUS_WATCHDOG 0x80000
/* "exit status 3", "terminated by SIGKILL (core dumped)" for a wait status, in buf: whoever tells
 * of a death must not need memory for it. */
#define PROC_STATUS_WORDS 64
const char *proc_status_words(int status, char buf[PROC_STATUS_WORDS]);
/* Appends the same. */
void proc_status_text(struct str *out, int status);
/* The exit code as Supervisor reports it: the code, or -1 for death by a signal. */
int proc_exit_code(int status);
/* Appends one paragraph in plain words: why it is in this state, what happens next and when. */
void proc_explain(const struct proc_policy *p, const struct proc_life *l, mono_t now,
                  struct str *out);

#endif
