/* start */
#include "supervisor/supervisorctl/cmd.h"

static const struct sctl_each starts = {.kind = &sctl_starts,
                                        .all = "startAllProcesses",
                                        .group = "startProcessGroup",
                                        .one = "startProcess",
                                        .no_group = SCTL_ARGS};

enum sctl_end sctl_do_start(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    if (!*arg)
        return sctl_usage(c, "start", SCTL_ARGS, "Error: start requires a process name");
    struct arena *a = arena_new();
    struct sctl_words_of names = sctl_split_words(a, arg);
    end = sctl_do_each(c, &starts, &names, a);
    arena_free(&a);
    return end;
}
