/* What programs say of themselves, and the descriptors that they say it on: a record for each slot
 * of the state, in a memfd of its own that exists only while a program needs it, and outlives supd
 * as the state does. */
#ifndef RUN_NOTES_H
#define RUN_NOTES_H

#include "supervisor/base/err.h"
#include "supervisor/core/sdnotify.h"
#include "supervisor/io/spawn.h"

#include <stdbool.h>
#include <stdint.h>

struct notes;
struct sup;

enum {                     /* note.flags */
       NOTE_RELOADING = 1, /* it reads its configuration again */
       NOTE_STOPPING = 2,  /* it is about to end by itself */
       NOTE_ABORTED = 4,   /* it missed its watchdog and was sent SIGABRT */
       NOTE_TRIGGERED = 8, /* the same, and it said itself that it is not well */
       NOTE_UNKEPT = 16,   /* it was told that descriptors are not kept */
};

/* One instance. Written in place; each word is whole by itself. */
struct note {
    int32_t socket; /* behind its NOTIFY_SOCKET; 0: none */
    int32_t pipe;   /* what it writes its newline to, our end; 0: none */
    int32_t main;   /* MAINPID; 0: it said nothing, or itself */
    uint32_t flags;
    int64_t period_ns; /* of its watchdog; 0: it has none */
    mono_t alive;      /* since when that runs; with NOTE_ABORTED: when it was aborted; 0: it does
                          not run */
    char status[SDN_STATUS_MAX];
    struct spawn_cell cell; /* of the command that finds out whether it is ready */
};

/* The record of a slot. NULL: it was never used; or, with make, there is no memory (errno). */
struct note *notes_at(struct sup *s, uint32_t slot, bool make);
/* The slot is free: nothing is known of it. */
void notes_clear(struct sup *s, uint32_t slot);
/* 0 if notes_go_on could go on from this descriptor (0: there is none), else -1 and the reason. */
int notes_check(int fd, struct err *e);
/* Those that another supd left. 0, or -1 and the reason. */
int notes_go_on(struct sup *s, struct err *e);
void notes_free(struct notes **n);
/* Calls fn for each descriptor that has to survive an exec; safe in a signal handler. n may be
 * NULL. */
void notes_each_fd(const struct notes *n, uint32_t nslots, void (*fn)(int fd));

#endif
