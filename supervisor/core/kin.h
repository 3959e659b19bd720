/* Who belongs to whom in a list of processes: from what is known of some (the leader of a program,
 * a marked orphan) to their descendants and the fellows of their sessions. Pure. */
#ifndef CORE_KIN_H
#define CORE_KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* kin.owner: a program by its number, or */
#define KIN_NOBODY UINT32_MAX     /* not known */
#define KIN_OURS (UINT32_MAX - 1) /* a part of supd (not supd itself), and what it has started */

/* How its owner is known. */
enum kin_how {
    KIN_UNKNOWN,
    KIN_KNOWN,  /* given: a leader, a part of supd, noted while its parent lived */
    KIN_GROUP,  /* it is in the leader's process group */
    KIN_CGROUP, /* it is in the program's control group */
    KIN_MARK,   /* its environment says so */
    KIN_SESSION,
    KIN_PARENT,
};

struct kin {
    int pid, ppid, pgid, sid;
    uint64_t start; /* in clock ticks since boot: with the pid it is one process for ever */
    uint32_t owner;
    uint8_t how; /* enum kin_how */
    bool zombie;
    bool ending; /* on its way to be one: its environment is gone, its children are still its own */
    bool led;    /* it is, or descends from, a leader that lives: no orphan */
    int former;  /* the nearest ancestor that is known of an orphan, 0: none */
};

/* True if it was there before the leader of this number, and is not in that one's group: what an
 * earlier run has left. Where the list has no such leader, it has to have been there before
 * `since`, who made the list: the new leader, or what that has started, may be in it. */
bool kin_is_earlier(struct kin *v, size_t n, const struct kin *k, int leader, int pgid, int since);
/* By pid, for kin_find. */
void kin_sort(struct kin *v, size_t n);
/* The entry of a pid, or NULL. */
struct kin *kin_find(struct kin *v, size_t n, int pid);
/* True if pid descends from root, or is it. */
bool kin_below(struct kin *v, size_t n, const struct kin *k, int root);
/* Gives an owner to all that descend from what has one, and to those of whom a session tells: all
 * that is known of it has one owner. own_sid: that of supd, which tells nothing. */
void kin_spread(struct kin *v, size_t n, int own_sid);
/* Fills in former for what has an owner and is not led: its parent, else what its group or session
 * is called by, else the leader of its program, given by leader(obj, owner). */
void kin_former(struct kin *v, size_t n, int self, int (*leader)(void *obj, uint32_t owner),
                void *obj);

#endif
