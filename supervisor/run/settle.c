/* The end-of-turn pass over what waited for a process to be down. */
#include "supervisor/run/settle.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/shutdown.h"

void settle_later(struct sup *s)
{
    if (s->mood == SUP_STOPPING || reload_applying(s) || s->stuck)
        loop_defer(s->loop, &s->settle);
}

void settle_now(struct sup *s)
{
    reload_settle(s);
    shutdown_step(s);
}
