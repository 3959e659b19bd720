/* Reaping: one bounded waitid loop; the exit is peeked, reported, then reaped, so that a crash in
 * between loses no status. */
#ifndef IO_REAP_H
#define IO_REAP_H

#include <stdbool.h>

/* Called before the zombie is reaped (record it), and after (act on it). status: a wait status. */
struct reap_ops {
    void (*peeked)(void *obj, int pid, int status);
    void (*reaped)(void *obj, int pid, int status);
};

/* Reaps up to max children. Returns true if there may be more (call again next turn). Stops and
 * continues are not exits and are never seen here. */
bool reap_children(const struct reap_ops *ops, void *obj, unsigned max);
/* The same for the child with this pid, without a look at the others; false: it is not dead. */
bool reap_child(const struct reap_ops *ops, void *obj, int pid);

/* How it is with a pid that may be a child of ours; nothing is reaped. */
enum reap_child { REAP_GONE, REAP_DEAD, REAP_ALIVE }; /* no child; not reaped yet; running */
enum reap_child reap_look(int pid);
/* The signal that a child of ours stands still by, 0 if it does not. Asks the kernel, and takes
 * nothing from it. */
int reap_stopped(int pid);
/* Whether any child of ours does: one question instead of one for each. */
bool reap_any_stopped(void);

#endif
