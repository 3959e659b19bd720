/* clear */
#include "supervisor/supervisorctl/cmd.h"

static const struct sctl_each clears = {
    .kind = &sctl_clears, .all = "clearAllProcessLogs", .one = "clearProcessLogs"};

enum sctl_end sctl_do_clear(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    if (!*arg)
        return sctl_usage(c, "clear", SCTL_FAILED, "Error: clear requires a process name");
    struct arena *a = arena_new();
    struct sctl_words_of names = sctl_split_words(a, arg);
    end = sctl_do_each(c, &clears, &names, a);
    arena_free(&a);
    return end;
}
