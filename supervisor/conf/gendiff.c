/* What changes between two generations. */
#include "supervisor/conf/gendiff.h"

#include <string.h>

static bool same_text(const struct gen *a, goff x, const struct gen *b, goff y)
{
    const char *s = gen_str(a, x), *t = gen_str(b, y);
    return s && t ? strcmp(s, t) == 0 : s == t;
}

enum gen_apply gen_proc_differs(const struct gen *a, const struct gen_proc *pa, const struct gen *b,
                                const struct gen_proc *pb)
{
    if (pa->restart_digest != pb->restart_digest || !same_text(a, pa->name, b, pb->name))
        return GEN_RESTART;
    return pa->hot_digest != pb->hot_digest ? GEN_HOT : GEN_SAME;
}

static bool same_listener(const struct gen *a, const struct gen_listener *x, const struct gen *b,
                          const struct gen_listener *y)
{
    if (x->nevents != y->nevents || x->buffer_size != y->buffer_size || x->bytes != y->bytes ||
        x->any_result != y->any_result)
        return false;
    const goff *v = gen_at(a, x->events), *u = gen_at(b, y->events);
    for (uint32_t i = 0; i < x->nevents; i++) {
        if (!same_text(a, v[i], b, u[i]))
            return false;
    }
    return true;
}

static bool same_extra(const struct gen *a, const struct gen_group *ga, const struct gen *b,
                       const struct gen_group *gb)
{
    if (ga->kind == GEN_EVENTLISTENER)
        return same_listener(a, gen_at(a, ga->extra), b, gen_at(b, gb->extra));
    return true;
}

bool gen_group_differs(const struct gen *a, const struct gen_group *ga, const struct gen *b,
                       const struct gen_group *gb)
{
    if (ga->kind != gb->kind || ga->priority != gb->priority || ga->nprocs != gb->nprocs ||
        !same_text(a, ga->name, b, gb->name) || !same_extra(a, ga, b, gb))
        return true;
    for (uint32_t i = 0; i < ga->nprocs; i++) {
        if (gen_proc_differs(a, &gen_procs(a)[ga->first + i], b, &gen_procs(b)[gb->first + i]))
            return true;
    }
    return false;
}
