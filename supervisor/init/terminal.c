/* The terminal that we share with the child. All signals are blocked, so a process in the
 * background may do this. */
#include "supervisor/init/terminal.h"

#include <unistd.h>

void init_terminal_open(struct init_terminal *t)
{
    t->ours = tcgetattr(0, &t->settings) == 0 && tcgetpgrp(0) == getpgrp();
}

void init_terminal_give(const struct init_terminal *t, int pgid)
{
    if (t->ours && pgid > 0 && tcgetpgrp(0) == getpgrp())
        tcsetpgrp(0, pgid);
}

void init_terminal_take(const struct init_terminal *t, bool restore)
{
    if (!t->ours)
        return;
    tcsetpgrp(0, getpgrp());
    if (restore)
        tcsetattr(0, TCSANOW, &t->settings);
}
