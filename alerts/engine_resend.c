/* What is told again and again to a notifier that forgets (alertmanager): what fires, and for some
 * minutes what has ended, since its clock may be behind ours and take an end for one to come. One
 * request, past the outbox, never while a row for that notifier is on its way. */
#include "alerts/engine_impl.h"

#include <inttypes.h>
#include <string.h>

#define RESEND_MAX 1000
#define ENDED_FOR DUR_S(300)

/* ---- ends ---- */

static void drop_ended(struct channel *c, size_t i)
{
    notice_copy_free(&c->ended.v[i].c);
    c->ended.n--;
    memmove(&c->ended.v[i], &c->ended.v[i + 1], (c->ended.n - i) * sizeof(c->ended.v[0]));
}

/* Those whose time is over, and those that fire again. */
static void tidy_ended(struct engine *e, struct channel *c)
{
    for (size_t i = 0; i < c->ended.n;) {
        const struct ended *x = &c->ended.v[i];
        struct alert *a = engine_find(e, x->c->n.key);
        if (wall_reached(x->until, engine_now(e)) || (a && life_told(&a->life, c->id)))
            drop_ended(c, i);
        else
            i++;
    }
}

static void sooner(struct channel *c, wall_t at)
{
    c->next_resend = wall_min(c->next_resend, at);
}

void resend_ended(struct engine *e, struct channel *c, const struct notice *n)
{
    struct str s = STR_INIT;
    if (!c->item || !c->tell->resend.ns || c->ended.n >= RESEND_MAX)
        return;
    notice_write(n, &s);
    struct notice_copy *copy = notice_read(str_text(&s), s.len, NULL);
    str_fini(&s);
    if (!copy)
        return;
    VEC_PUSH(&c->ended, (struct ended){copy, wall_add(engine_now(e), ENDED_FOR)});
    sooner(c, wall_add(engine_now(e), (dur_t){c->tell->resend.ns / 4}));
}

void resend_free(struct channel *c)
{
    while (c->ended.n)
        drop_ended(c, c->ended.n - 1);
    VEC_FINI(&c->ended);
}

/* ---- what fires ---- */

static bool has_open(const struct alert *a, const struct channel *c)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        const struct life_channel *l = &a->life.ch[i];
        if (l->id == c->id)
            return l->open && l->on_way == CH_NOTHING && life_firing(&a->life);
    }
    return false;
}

/* As it was told: a severity that is not told yet would be another alert there. */
static struct notice_copy *again(struct engine *e, struct alert *a)
{
    struct notice_copy *n = tell_make(e, a, TELL_UPDATE, WHY_REMINDER);
    n->n.id = arena_printf(n->a, "%016" PRIx64 "-again-%s", e->ids.instance, a->key);
    n->n.severity = severity_name((enum severity)a->life.told_severity);
    n->n.was = "";
    return n;
}

static void on_resent(void *obj, const struct tell_verdict *v)
{
    struct channel *c = obj;
    c->resend = NULL;
    if (v->result != TELL_DELIVERED) {
        send_failed(c->e, c, v->text);
        /* it may have been started just now, and know nothing yet */
        sooner(c, wall_add(engine_now(c->e), (dur_t){c->tell->resend.ns / 4}));
    }
    engine_later(c->e);
}

static void resend(struct engine *e, struct channel *c)
{
    VEC(const struct notice *) list = VEC_INIT;
    VEC(struct notice_copy *) copies = VEC_INIT;
    tidy_ended(e, c);
    VEC_EACH (&e->order, i) {
        if (copies.n < RESEND_MAX && has_open(e->order.v[i], c))
            VEC_PUSH(&copies, again(e, e->order.v[i]));
    }
    VEC_EACH (&copies, i)
        VEC_PUSH(&list, &copies.v[i]->n);
    VEC_EACH (&c->ended, i)
        VEC_PUSH(&list, &c->ended.v[i].c->n);
    c->next_resend = list.n ? wall_add(engine_now(e), c->tell->resend) : WALL_NEVER;
    if (list.n)
        c->resend = send_start(&(struct send_request){.env = e->env,
                                                      .item = c->item,
                                                      .notices = list.v,
                                                      .n = c->tell->batches ? list.n : 1,
                                                      .done = on_resent,
                                                      .obj = c});
    VEC_EACH (&copies, i)
        notice_copy_free(&copies.v[i]);
    VEC_FINI(&copies);
    VEC_FINI(&list);
}

/* ---- when ---- */

static bool has_jobs(const struct engine *e, const struct channel *c)
{
    for (const struct job *j = e->jobs; j; j = j->next) {
        if (j->channel == c->id)
            return true;
    }
    return false;
}

void resend_due(struct engine *e)
{
    struct channel *c, *next;
    wall_t now = engine_now(e);
    HASH_ITER(hh, e->channels, c, next)
    {
        if (!wall_reached(c->next_resend, now) || !c->item)
            continue;
        if (c->resend || has_jobs(e, c))
            c->next_resend = wall_add(now, DUR_S(1));
        else
            resend(e, c);
    }
}

void resend_told(struct engine *e, struct channel *c)
{
    if (c->item && c->tell->resend.ns && !c->next_resend.ns)
        c->next_resend = wall_add(engine_now(e), c->tell->resend);
}

wall_t resend_deadline(const struct engine *e)
{
    const struct channel *c, *next;
    wall_t at = WALL_NEVER;
    HASH_ITER(hh, e->channels, c, next)
    at = wall_min(at, c->next_resend);
    return at;
}
