/* What the child leaves behind: found and signalled, not waited for. */
#ifndef INIT_LEFT_H
#define INIT_LEFT_H

#include <stdbool.h>

enum { LEFT_MAX = 256 };

struct left {
    int pgid;           /* the child's group */
    bool is_init;       /* PID 1: everything in our namespace but us is left */
    bool is_reaper;     /* orphans come to us */
    int told[LEFT_MAX]; /* who has had the present signal */
    unsigned ntold;
    int signo;
};

/* Sends signo to everything that is left and has not had it yet; call it again when somebody died:
 * its children may have come to us. As PID 1 that is all of the namespace; else the
 * group, and our descendants, which are looked up in /proc. */
void left_signal(struct left *l, int signo);
/* False if surely nothing is left of the group; for those who do not reap. */
bool left_group_lives(const struct left *l);

#endif
