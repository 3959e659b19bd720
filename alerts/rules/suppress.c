/* Suppression: a walk over what a node depends on. */
#include "alerts/rules/suppress.h"

uint32_t suppress_node(struct suppress *s, bool probed)
{
    VEC_PUSH(&s->nodes, (struct suppress_node){.probed = probed});
    return (uint32_t)(s->nodes.n - 1);
}

void suppress_edge(struct suppress *s, uint32_t child, uint32_t parent)
{
    VEC_PUSH(&s->nodes.v[child].parents, parent);
    s->nodes.v[parent].is_parent = true;
}

void suppress_found(struct suppress *s, uint32_t node, bool failed, wall_t now)
{
    s->nodes.v[node].failed = failed;
    s->nodes.v[node].seen = now;
}

/* ---- walking up: each node once ---- */

static void push_parents(struct suppress *s, uint32_t node)
{
    const struct suppress_node *n = &s->nodes.v[node];
    VEC_EACH (&n->parents, i) {
        struct suppress_node *up = &s->nodes.v[n->parents.v[i]];
        if (up->mark != s->walk) {
            up->mark = s->walk;
            VEC_PUSH(&s->stack, n->parents.v[i]);
        }
    }
}

static void begin(struct suppress *s, uint32_t node)
{
    s->walk++;
    s->stack.n = 0;
    s->nodes.v[node].mark = s->walk;
    push_parents(s, node);
}

/* the next one above, or SUPPRESS_NONE */
static uint32_t next(struct suppress *s)
{
    if (!s->stack.n)
        return SUPPRESS_NONE;
    uint32_t node = s->stack.v[--s->stack.n];
    push_parents(s, node);
    return node;
}

/* the lowest number, so that the answer does not depend on the order of the walk */
static uint32_t failed_above(struct suppress *s, uint32_t node)
{
    uint32_t best = SUPPRESS_NONE;
    begin(s, node);
    for (uint32_t up = next(s); up != SUPPRESS_NONE; up = next(s)) {
        if (s->nodes.v[up].failed && up < best)
            best = up;
    }
    return best;
}

/* Up from one failed node to the next, to the one with none above it; in a cycle of failed nodes to
 * any of them. */
static uint32_t root_of(struct suppress *s, uint32_t node)
{
    for (size_t steps = 0; steps < s->nodes.n; steps++) {
        uint32_t up = failed_above(s, node);
        if (up == SUPPRESS_NONE)
            break;
        node = up;
    }
    return node;
}

/* ---- parents whose state is older than the child's failure ---- */

static bool find_stale(struct suppress *s, uint32_t node, wall_t failed, wall_t now,
                       struct suppress_verdict *out)
{
    bool stale = false;
    begin(s, node);
    for (uint32_t up = next(s); up != SUPPRESS_NONE; up = next(s)) {
        struct suppress_node *n = &s->nodes.v[up];
        if (!n->probed || n->seen.ns >= failed.ns)
            continue;
        stale = true;
        if (n->asked.ns < failed.ns) {
            n->asked = now;
            VEC_PUSH(&out->probe, up);
        }
    }
    return stale;
}

void suppress_ask(struct suppress *s, uint32_t node, wall_t failed, wall_t now,
                  struct suppress_verdict *out)
{
    out->probe.n = 0;
    out->until = WALL_NEVER;
    out->root = SUPPRESS_NONE;
    out->answer = SUPPRESS_CLEAR;
    wall_t bound = wall_add(failed, SUPPRESS_WAIT);
    uint32_t up = failed_above(s, node);
    if (up != SUPPRESS_NONE) {
        out->answer = SUPPRESS_BEHIND;
        out->root = root_of(s, up);
    } else if (now.ns < bound.ns && find_stale(s, node, failed, now, out)) {
        out->answer = SUPPRESS_WAITS;
        out->until = bound;
    }
}

void suppress_verdict_fini(struct suppress_verdict *v)
{
    VEC_FINI(&v->probe);
}

void suppress_fini(struct suppress *s)
{
    VEC_EACH (&s->nodes, i)
        VEC_FINI(&s->nodes.v[i].parents);
    VEC_FINI(&s->nodes);
    VEC_FINI(&s->stack);
}
