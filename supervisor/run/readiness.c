/* What the sources of readiness call, and when they are called. */
#include "supervisor/base/log.h"
#include "supervisor/run/notify.h"
#include "supervisor/run/order_impl.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/ready_sources.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 256u

/* A source a row; startsecs needs none. */
static const struct ready_source *const sources[] = {&ready_notify, &ready_fd,      &ready_pidfile,
                                                     &ready_probe,  &ready_command, &ready_log};

const struct ready_source *ready_source_of(enum ready_kind kind)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (sources[i]->kind == kind)
            return sources[i];
    return NULL;
}

struct readiness *readiness_of(const struct proc *p)
{
    struct order_node *n = order_node_of(p);
    return n && n->ready.source ? &n->ready : NULL;
}

static void forget_text(struct readiness *r)
{
    free(r->text);
    r->text = NULL;
}

static void stop(struct readiness *r)
{
    r->lost = false;
    forget_text(r);
    if (!r->begun)
        return;
    r->begun = false;
    if (r->source->stop)
        r->source->stop(r);
}

void readiness_follow(struct proc *p, struct readiness *r, const struct gen_order *o)
{
    const struct ready_source *source = ready_source_of((enum ready_kind)o->ready);
    if (source != r->source)
        stop(r);
    r->source = source;
    r->conf = o;
    if (r->begun && proc_life(p)->pid)
        readiness_start(p, proc_life(p)->pid, true);
}

void readiness_forget(struct readiness *r)
{
    stop(r);
}

int readiness_prepare(struct proc *p, struct spawn_request *rq)
{
    struct readiness *r = readiness_of(p);
    int errnum = notify_prepare(p, rq);
    if (errnum || !r || !r->source->prepare)
        return errnum;
    stop(r); /* of an attempt that came to nothing */
    r->begun = true;
    return r->source->prepare(r, rq);
}

void readiness_start(struct proc *p, int pid, bool resumed)
{
    struct readiness *r = readiness_of(p);
    notify_start(p, resumed);
    if (!r)
        return;
    r->begun = true;
    if (r->source->start)
        r->source->start(r, pid, resumed);
}

void readiness_ended(struct proc *p)
{
    struct readiness *r = readiness_of(p);
    if (r && r->begun && r->source->ended)
        r->source->ended(r);
}

void readiness_stop(struct proc *p)
{
    struct readiness *r = readiness_of(p);
    if (r)
        stop(r);
    ready_command_end(p);
    notify_stop(p);
}

/* ---- for sources ---- */

void readiness_up(struct readiness *r)
{
    struct proc *p = r->proc;
    bool was_lost = r->lost;
    r->lost = false;
    if (was_lost) {
        order_moved(p);
        proc_tell(p, &(struct proc_change){
                         .from = PROC_RUNNING, .to = PROC_RUNNING, .why = PROC_WHY_READY});
    }
    proc_feed(p, (struct proc_in){.event = PROC_EV_READY});
}

void readiness_down(struct readiness *r)
{
    if (r->lost || proc_life(r->proc)->state != PROC_RUNNING)
        return;
    r->lost = true;
    order_moved(r->proc);
}

void readiness_say(struct readiness *r, const char *text)
{
    forget_text(r);
    if (text && *text)
        r->text = strndup(text, TEXT_MAX);
}

void readiness_failed(struct readiness *r, const char *why)
{
    log_warn("%s: will not be ready: %s", proc_name(r->proc), why);
    proc_feed(r->proc, (struct proc_in){.event = PROC_EV_UNFIT});
}
