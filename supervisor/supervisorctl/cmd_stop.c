/* stop */
#include "supervisor/supervisorctl/cmd.h"

static const struct sctl_each stops = {.kind = &sctl_stops,
                                       .all = "stopAllProcesses",
                                       .group = "stopProcessGroup",
                                       .one = "stopProcess",
                                       .no_group = SCTL_FAILED};

enum sctl_end sctl_do_stop(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    if (!*arg)
        return sctl_usage(c, "stop", SCTL_FAILED, "Error: stop requires a process name");
    struct arena *a = arena_new();
    struct sctl_words_of names = sctl_split_words(a, arg);
    end = sctl_do_each(c, &stops, &names, a);
    arena_free(&a);
    return end;
}
