/* signal */
#include "supervisor/supervisorctl/cmd.h"

enum sctl_end sctl_do_signal(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    struct arena *a = arena_new();
    struct sctl_words_of words = sctl_split_words(a, arg);
    if (words.n < 2) {
        end = sctl_usage(c, "signal", SCTL_FAILED,
                         "Error: signal requires a signal name and a process name");
    } else {
        struct sctl_each signals = {.kind = &sctl_signals,
                                    .all = "signalAllProcesses",
                                    .group = "signalProcessGroup",
                                    .one = "signalProcess",
                                    .extra = words.v[0],
                                    .no_group = SCTL_FAILED};
        struct sctl_words_of names = {words.v + 1, words.n - 1};
        end = sctl_do_each(c, &signals, &names, a);
    }
    arena_free(&a);
    return end;
}
