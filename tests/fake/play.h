/* Small exact plays: a configuration and fates written down, cues at given milliseconds, and a
 * record of who was started, signalled and dead. */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/base/str.h"
#include "supervisor/run/groups.h"
#include "tests/fake/stage.h"

#define SEC INT64_C(1000000000)

struct play {
    struct sup s;
    struct gen_make conf;
    struct fake_fate fates[MAKE_PROCS]; /* of the processes in their order */
    struct str seen;                    /* "0 start a\n": milliseconds, what, who */
    mono_t begin;
    struct loop_timer cue[8];
    unsigned ncues;
};

extern struct play play;

/* An empty play, without a limit for the shutdown. */
void play_begin(void);
/* One more process with Supervisor's defaults, in the last group or in a new one; the record may be
 * changed. It lives for ever and ends 20 ms after TERM. */
struct gen_opts *play_add(const char *group, int32_t priority, const char *name);
struct fake_fate *play_fate(const char *name);
/* The process added last waits for a group; its order record, which may be changed. */
struct gen_order *play_dep(const char *group, enum order_when when, bool hard);
/* The same record without one more dependency. */
struct gen_order *play_order(void);
/* Boots the supervisor; then come the cues. */
void play_open(void);
/* CUE(ms, fn, obj): calls fn(obj) at a millisecond; two cues of one millisecond in any order. */
#define CUE(ms, fn, o)                                                                             \
    do {                                                                                           \
        struct loop_timer *t_ = &play.cue[play.ncues++];                                           \
        LOOP_TIMER(t_, play.s.loop, fn, o);                                                        \
        loop_timer_at(t_, mono_add(play.begin, DUR_MS(ms)));                                       \
    } while (0)
/* Plays until the supervisor ends, and compares what was seen and the exit status. */
void play_expect(const char *text, int exit_code);
/* The same in parts: play, look at play.seen and play.s, close. */
void play_run(void);
void play_close(void);

struct proc *play_proc(const char *name);
/* Cues. */
void play_term(struct sup *s);
void play_stop(struct proc *p);
void play_restart(struct proc *p);

#endif
