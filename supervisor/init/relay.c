/* What becomes of a signal that plain init received. */
#include "supervisor/init/relay.h"

#include <signal.h>

static bool is_terminal_stop(int sig)
{
    return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static bool ends_us(int sig)
{
    return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
}

static bool taken_once(struct relay *r, int sig)
{
    uint64_t bit = 1ULL << (sig - 1);
    bool taken = (r->once & bit) != 0;
    r->once &= ~bit;
    return taken;
}

struct relay_action relay_decide(const struct init_plan *plan, struct relay *r,
                                 struct relay_signal sig)
{
    struct relay_action nothing = {.send = 0};
    if (sig.signo < 1 || sig.signo >= INIT_SIGNALS || taken_once(r, sig.signo))
        return nothing;
    if (r->clearing)
        return (struct relay_action){.hasten = ends_us(sig.signo)};
    return (struct relay_action){
        .send = plan->becomes[sig.signo],
        .to_child = sig.queued,
        .stop_us = plan->stops_with && is_terminal_stop(sig.signo),
    };
}
