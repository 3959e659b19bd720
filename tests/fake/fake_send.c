/* The twin of alerts/send.h. */
#include "tests/fake/fake_send.h"

#include "supervisor/base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct send {
    struct loop_timer timer;
    struct fake_attempt fate;
    send_done_fn *done;
    void *obj;
};

static fake_attempt_fn *decide;
static fake_arrived_fn *arrived;
static void *world;

void fake_send_reset(fake_attempt_fn *d, fake_arrived_fn *a, void *obj)
{
    decide = d;
    arrived = a;
    world = obj;
}

static void on_answer(struct send *s)
{
    struct tell_verdict v = {.result = s->fate.result,
                             .unsure = s->fate.arrives && s->fate.result == TELL_RETRY};
    snprintf(v.text, sizeof(v.text), "%s", s->fate.text ? s->fate.text : "");
    s->done(s->obj, &v);
    free(s);
}

struct send *send_start(const struct send_request *rq)
{
    struct send *s = mem_zalloc(sizeof(*s));
    s->fate = (struct fake_attempt){.arrives = true, .takes = DUR_MS(20)};
    s->done = rq->done;
    s->obj = rq->obj;
    LOOP_TIMER(&s->timer, rq->env->loop, on_answer, s);
    if (decide)
        decide(world, rq->item, rq->notices[0], &s->fate);
    for (size_t i = 0; s->fate.arrives && i < rq->n; i++)
        arrived(world, rq->item, rq->notices[i]);
    loop_timer_at(&s->timer, mono_add(loop_now(rq->env->loop), s->fate.takes));
    return s;
}

void send_cancel(struct send **s)
{
    if (!*s)
        return;
    loop_timer_stop(&(*s)->timer);
    free(*s);
    *s = NULL;
}
