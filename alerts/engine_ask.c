/* Requests: acknowledgements and silences. */
#include "alerts/engine_impl.h"
#include "alerts/rules/template.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Steps those of a name that fire (or, to take it back, are acknowledged). */
static size_t step_named(struct engine *e, const char *name, const struct life_event *ev)
{
    size_t n = 0;
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        bool fits = ev->kind == LIFE_ACK ? life_firing(&a->life) : a->life.acked;
        if (strcmp(a->name, name) != 0 || !fits)
            continue;
        alert_step(e, a, ev);
        alert_settle(e, a);
        n++;
    }
    return n;
}

static bool is_named(const struct engine *e, const char *name)
{
    VEC_EACH (&e->order, i) {
        if (strcmp(e->order.v[i]->name, name) == 0)
            return true;
    }
    return false;
}

static int ready(const struct engine *e, struct err *er)
{
    return e->ready ? 0 : err_set(er, "the agent has not begun yet; try again");
}

/* What somebody typed, as one line of UTF-8; the caller frees it. */
static char *one_line(const char *text)
{
    struct str s = STR_INIT;
    template_line("{{text}}", &(struct template_facts){.text = text}, SUMMARY_CHARS, &s);
    return str_take(&s);
}

/* Before the step, whose notice says it. */
static void set_reason(struct engine *e, const struct engine_ack_request *rq)
{
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (strcmp(a->name, rq->name) != 0 || !life_firing(&a->life))
            continue;
        free(a->acked_reason);
        a->acked_reason = rq->reason && *rq->reason ? one_line(rq->reason) : NULL;
    }
}

int engine_ack(struct engine *e, const struct engine_ack_request *rq, struct err *er)
{
    wall_t end = engine_taken(e, rq->until);
    const char *by = rq->by && *rq->by ? rq->by : "somebody";
    if (ready(e, er) < 0)
        return -1;
    if (!is_named(e, rq->name))
        return err_set(er, "there is no alert %s", rq->name);
    if (rq->until.ns && wall_reached(end, engine_now(e)))
        return err_set(er, "the acknowledgement would end in the past");
    set_reason(e, rq);
    if (!step_named(e, rq->name, &(struct life_event){.kind = LIFE_ACK, .by = by, .until = end}))
        return err_set(er, "alert %s does not fire", rq->name);
    char *why = one_line(rq->reason), *who = one_line(by);
    log_info("alert %s: acknowledged by %s%s%s", rq->name, who, *why ? ": " : "", why);
    free(why);
    free(who);
    return 0;
}

int engine_unack(struct engine *e, const char *name, struct err *er)
{
    if (ready(e, er) < 0)
        return -1;
    if (!is_named(e, name))
        return err_set(er, "there is no alert %s", name);
    if (!step_named(e, name, &(struct life_event){.kind = LIFE_UNACK}))
        return err_set(er, "alert %s is not acknowledged", name);
    log_info("alert %s: not acknowledged any more", name);
    return 0;
}

uint64_t engine_silence(struct engine *e, const struct silence_request *rq, struct err *er)
{
    struct silence_request r = *rq;
    wall_t now = engine_now(e);
    if (ready(e, er) < 0)
        return 0;
    r.start = rq->start.ns ? engine_taken(e, rq->start) : now;
    r.end = engine_taken(e, rq->end);
    uint64_t id = silences_add(&e->silences, &r, now, er);
    if (!id)
        return 0;
    log_info("alerts: silence %" PRIu64 " by %s: %s", id, r.author, r.reason);
    store_silence(e, id);
    e->silences_due = now;
    eval_all_soon(e);
    return id;
}

int engine_unsilence(struct engine *e, uint64_t id, struct err *er)
{
    if (ready(e, er) < 0)
        return -1;
    if (!silences_end(&e->silences, id, engine_now(e)))
        return err_set(er, "there is no silence %" PRIu64 " that could end", id);
    log_info("alerts: silence %" PRIu64 " is ended", id);
    store_silence(e, id);
    e->silences_due = engine_now(e);
    eval_all_soon(e);
    return 0;
}
