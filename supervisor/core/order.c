/* The judgement about what a program waits for. */
#include "supervisor/core/order.h"

#include <inttypes.h>
#include <string.h>

static bool met(enum order_when when, const struct order_fact *f)
{
    const struct proc_life *l = f->life;
    if (f->leaving)
        return false;
    if (proc_is_done(f->policy, l))
        return true;
    if (when == ORDER_STARTED)
        return l->pid && (l->state == PROC_STARTING || l->state == PROC_RUNNING);
    return when == ORDER_READY && l->state == PROC_RUNNING && !f->lost;
}

/* It goes up, or will, without anybody's help. */
static bool is_coming(const struct order_fact *f)
{
    const struct proc_life *l = f->life;
    if (f->leaving)
        return f->again;
    if (f->stuck || !l->want)
        return false;
    return proc_is_running(l) || l->restart || l->due.ns;
}

/* No failure so far: after= waits for the first attempt only. */
static bool is_fresh(const struct order_fact *f)
{
    const struct proc_life *l = f->life;
    bool starting = l->state == PROC_STARTING && !l->tries && !proc_is_overdue(f->policy, l);
    return f->leaving || starting || (l->state == PROC_STOPPING && l->restart);
}

enum order_verdict order_judge(enum order_when when, bool hard, const struct order_fact *f)
{
    if (met(when, f))
        return ORDER_MET;
    if (!hard)
        return is_coming(f) && is_fresh(f) ? ORDER_WAIT : ORDER_MET;
    return is_coming(f) ? ORDER_WAIT : ORDER_NEVER;
}

/* ---- words ---- */

static const char *const words[] = {
    [ORDER_STARTED] = "started", [ORDER_READY] = "ready", [ORDER_DONE] = "done"};
#define NWORDS (sizeof(words) / sizeof(words[0]))

const char *order_when_name(enum order_when w)
{
    return (size_t)w < NWORDS ? words[w] : "?";
}

int order_when_by_name(const char *name)
{
    for (size_t i = 0; i < NWORDS; i++)
        if (strcmp(words[i], name) == 0)
            return (int)i;
    return -1;
}

static void say_starting(const struct order_fact *f, struct str *out)
{
    const struct proc_policy *p = f->policy;
    if (f->held)
        str_puts(out, ", waiting itself");
    else if (proc_is_overdue(p, f->life))
        str_printf(out, ", was not %s in time", p->once ? "done" : "ready");
    else if (f->life->pid && p->once)
        str_puts(out, ", not done yet");
    else if (f->life->pid && p->told)
        str_puts(out, ", not ready yet");
    if (f->life->tries)
        str_printf(out, ", retry %" PRIu32 " of %d", f->life->tries, p->startretries);
}

static void say_ended(const struct order_fact *f, struct str *out)
{
    if (proc_is_done(f->policy, f->life)) {
        str_puts(out, ", done");
        return;
    }
    if (!f->life->has_exit)
        return;
    str_puts(out, ", ");
    proc_status_text(out, f->life->exit_status);
}

void order_say(const struct order_fact *f, struct str *out)
{
    const struct proc_life *l = f->life;
    str_puts(out, proc_state_name((enum proc_state)l->state));
    if (f->leaving)
        str_puts(out, f->again ? ", about to restart" : ", about to stop");
    else if (l->state == PROC_STARTING)
        say_starting(f, out);
    else if (l->state == PROC_RUNNING)
        str_puts(out, f->lost ? ", not ready now" : "");
    else if (l->state == PROC_BACKOFF)
        str_printf(out, ", %" PRIu32 " of %d", l->tries, f->policy->startretries);
    else if (l->state == PROC_EXITED || l->state == PROC_FATAL)
        say_ended(f, out);
    else if (l->state == PROC_STOPPED && l->why == PROC_WHY_NONE)
        str_puts(out, ", not started");
}
