/* restart: stop, then start; the exit code is what either of them set last. */
#include "supervisor/supervisorctl/cmd.h"

enum sctl_end sctl_do_restart(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    if (!*arg)
        return sctl_usage(c, "restart", SCTL_FAILED, "Error: restart requires a process name");
    end = sctl_do_stop(c, arg);
    return end == SCTL_DONE ? sctl_do_start(c, arg) : end;
}
