/* One after the other. */
#include "supervisor/rpc/turn.h"

#include <stddef.h>

static void next(struct turns *t)
{
    struct turn *me = TAILQ_FIRST(&t->waiting);
    if (t->now || !me)
        return;
    TAILQ_REMOVE(&t->waiting, me, link);
    me->waits = false;
    t->now = me;
    me->fn(me->obj);
}

void turns_init(struct turns *t, struct loop *l)
{
    *t = (struct turns){.loop = l};
    TAILQ_INIT(&t->waiting);
    LOOP_DEFER(&t->next, next, t);
}

void turns_fini(struct turns *t)
{
    loop_defer_cancel(t->loop, &t->next);
}

void turn_want(struct turns *t, struct turn *me, loop_fn *fn, void *obj)
{
    *me = (struct turn){.of = t, .fn = fn, .obj = obj, .waits = true};
    TAILQ_INSERT_TAIL(&t->waiting, me, link);
    loop_defer(t->loop, &t->next);
}

bool turn_has(const struct turn *me)
{
    return me->of && me->of->now == me;
}

bool turn_is_wanted(const struct turn *me)
{
    return turn_has(me) && !TAILQ_EMPTY(&me->of->waiting);
}

void turn_leave(struct turn *me)
{
    struct turns *t = me->of;
    if (!t)
        return;
    if (me->waits)
        TAILQ_REMOVE(&t->waiting, me, link);
    if (t->now == me) {
        t->now = NULL;
        loop_defer(t->loop, &t->next);
    }
    me->waits = false;
    me->of = NULL;
}
