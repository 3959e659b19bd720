/* Another image in our place, with our pid, our children and our descriptors: by `supctl upgrade`,
 * and after a fault. The state memfd says what it needs (docs/upgrade.md). */
#ifndef RUN_REEXEC_H
#define RUN_REEXEC_H

#include "supervisor/run/sup.h"

/* In the environment of an image that goes on: the number of the state's descriptor. */
#define REEXEC_ENV "SUPD_RESUME"

/* At the start: writes down what only the start knows, and opens our own binary. 0, or -1 and the
 * reason. */
int reexec_note(struct sup *s, struct err *e);
/* The same for its mark, once that is known. */
int reexec_note_mark(struct sup *s, struct err *e);
/* From now on a fault (SEGV, BUS, ILL, FPE, ABRT, sent or our own) goes on in a new image. Does
 * nothing where there is no state to go on from, and under AddressSanitizer. */
void reexec_arm(struct sup *s);
void reexec_disarm(void);
/* Becomes the binary in this descriptor, which s keeps from then on. Returns only if that fails:
 * with the reason, and nothing changed. */
int reexec(struct sup *s, int binary, struct err *e);
/* Whether an exec keeps the descriptors that the next image needs. Safe in a signal handler. */
void reexec_keep_fds(const struct sup *s, bool on);
/* The descriptor of the state to go on from, which is taken out of the environment; -1: this is an
 * ordinary start. */
int reexec_wanted(void);

#endif
