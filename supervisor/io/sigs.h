/* Signals as events: all of them blocked from the start, received through a signalfd, in order. */
#ifndef IO_SIGS_H
#define IO_SIGS_H

#include "supervisor/base/err.h"
#include "supervisor/io/loop.h"

#include <signal.h>
#include <stdint.h>

/* What we were born with, for the children of plain init and for the upgrade. */
struct sigs_entry {
    sigset_t mask;    /* blocked at entry */
    uint64_t ignored; /* bit n-1: signal n was ignored at entry */
};

struct sigs_info {
    int signo, code; /* si_code */
    int pid;         /* who sent it; SIGCHLD: a child that ended, 0 if any may have */
    unsigned uid;
    int value; /* si_int */
};

typedef void sigs_fn(void *obj, const struct sigs_info *info);

/* Saves the entry state, sets SIGCHLD to its default (an inherited SIG_IGN would reap by itself),
 * ignores SIGPIPE and SIGXFSZ, and blocks every signal but SEGV BUS ILL FPE ABRT TRAP SYS. */
void sigs_block(struct sigs_entry *out_entry);
/* Opens the signalfd and watches it; fn is called for each signal, SIGCHLD included (once a read
 * batch, first). Returns 0, or -1 and the reason. */
int sigs_open(struct loop *l, sigs_fn *fn, void *obj, struct err *e);
void sigs_close(void);
/* Undoes sigs_block in a child that execs a program of ours (async-signal-safe). */
void sigs_restore(const struct sigs_entry *entry);

#endif
