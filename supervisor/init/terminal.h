/* The terminal that we share with the child: it has the foreground while it lives, and leaves the
 * settings as they were when it is killed. Nothing happens where there is no terminal. */
#ifndef INIT_TERMINAL_H
#define INIT_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct init_terminal {
    bool ours; /* we were in the foreground at the start, so we hand it on and take it back */
    struct termios settings;
};

/* Looks at descriptor 0, before the child starts. */
void init_terminal_open(struct init_terminal *t);
/* The child's group becomes the foreground one, if ours is (again). */
void init_terminal_give(const struct init_terminal *t, int pgid);
/* Our group becomes the foreground one; restore: with the settings of the start. */
void init_terminal_take(const struct init_terminal *t, bool restore);

#endif
