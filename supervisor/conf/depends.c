/* depends_on= and after=: every name must be a program or a group, and no program may wait for
 * itself, however far around. */
#include "supervisor/base/near.h"
#include "supervisor/conf/section.h"
#include "supervisor/core/order.h"

#include <string.h>

/* One name of a list, on its way to a struct dep. */
struct naming {
    struct conf *c;
    struct prog *prog;
    const char *option; /* where it stands */
    const char *name;
    int when; /* -1: no word behind it */
};

static struct pos option_at(const struct conf *c, const struct prog *p, const char *option)
{
    const struct ini_key *k = ini_get(&c->ini, p->section, option);
    return k ? k->at : pos_section(p->section);
}

static void fail(const struct naming *m, const char *text)
{
    conf_fail(m->c, option_at(m->c, m->prog, m->option), "%s.%s: %s", m->prog->section->name,
              m->option, text);
}

static bool is_service(const struct prog *p)
{
    return !p->order || p->order->type == PROG_SERVICE;
}

/* ---- names ---- */

static void unknown(const struct naming *m)
{
    struct near n = near_start(m->name);
    VEC_EACH (&m->c->groups, i) {
        const struct group *g = m->c->groups.v[i];
        near_try(&n, g->name);
        VEC_EACH (&g->progs, j)
            near_try(&n, g->progs.v[j]->name);
    }
    fail(m, arena_printf(m->c->a, "there is no program %s%s%s%s", m->name,
                         n.best ? "; did you mean " : "", n.best ? n.best : "", n.best ? "?" : ""));
}

/* "db:ready" into name and word; false, with an error, if that is no word */
static bool split(struct naming *m, const char *text)
{
    const char *colon = strrchr(text, ':');
    m->name = colon ? arena_strndup(m->c->a, text, (size_t)(colon - text)) : text;
    m->when = colon ? order_when_by_name(colon + 1) : -1;
    if (!colon || m->when >= 0)
        return true;
    fail(m, arena_printf(m->c->a, "'%s' is not one of started, ready, done, as in %s:ready",
                         colon + 1, m->name));
    return false;
}

static void add(const struct naming *m, const struct group *g, const struct prog *p)
{
    bool service = p && is_service(p);
    if (service && m->when == ORDER_DONE)
        fail(m, arena_printf(m->c->a,
                             "%s is a service, which is never done; give it type=oneshot "
                             "or type=setup, or write %s:ready",
                             m->name, m->name));
    VEC_PUSH(&m->prog->deps, (struct dep){.name = m->name,
                                          .group = g,
                                          .prog = p,
                                          .when = (uint8_t)(m->when < 0 ? ORDER_READY : m->when),
                                          .hard = strcmp(m->option, "depends_on") == 0});
}

/* a program of that name in every group that has it, else the group of that name */
static void resolve(const struct naming *m)
{
    bool found = false;
    VEC_EACH (&m->c->groups, i) {
        const struct group *g = m->c->groups.v[i];
        for (size_t j = 0; j < g->progs.n && !g->hidden; j++)
            if (strcmp(g->progs.v[j]->name, m->name) == 0) {
                add(m, g, g->progs.v[j]);
                found = true;
            }
    }
    for (size_t i = 0; i < m->c->groups.n && !found; i++) {
        const struct group *g = m->c->groups.v[i];
        if (g->hidden || strcmp(g->name, m->name) != 0)
            continue;
        add(m, g, NULL);
        found = true;
    }
    if (!found)
        unknown(m);
}

static void resolve_list(struct conf *c, struct prog *p, const char *option,
                         const struct str_list *l)
{
    struct naming m = {.c = c, .prog = p, .option = option};
    for (size_t i = 0; i < l->n; i++)
        if (split(&m, l->v[i]))
            resolve(&m);
}

/* ---- cycles ---- */

enum colour { UNSEEN, OPEN, DONE };

struct walk {
    struct conf *c;
    VEC(struct prog *) path; /* from the first program to the one that is looked at */
};

/* names all of the way around, at the line of its last step */
static void cycle(const struct walk *w, const struct prog *again, bool hard)
{
    struct str text = STR_INIT;
    size_t i = w->path.n - 1;
    const struct prog *last = w->path.v[i];
    while (i && w->path.v[i] != again)
        i--;
    str_puts(&text, "the programs wait for each other: ");
    for (; i < w->path.n; i++)
        str_printf(&text, "%s -> ", w->path.v[i]->name);
    str_puts(&text, again->name);
    const char *option = hard ? "depends_on" : "after";
    conf_fail(w->c, option_at(w->c, last, option), "%s.%s: %s", last->section->name, option,
              str_text(&text));
    str_fini(&text);
}

static void visit(struct walk *w, struct prog *p)
{
    p->colour = OPEN;
    VEC_PUSH(&w->path, p);
    VEC_EACH (&p->deps, i) {
        const struct dep *d = &p->deps.v[i];
        for (size_t j = 0; j < d->group->progs.n; j++) {
            struct prog *next = d->group->progs.v[j];
            if (d->prog && d->prog != next)
                continue;
            if (next->colour == OPEN)
                cycle(w, next, d->hard);
            else if (next->colour == UNSEEN)
                visit(w, next);
        }
    }
    w->path.n--;
    p->colour = DONE;
}

static void each_prog(struct walk *w, void (*fn)(struct walk *w, struct prog *p))
{
    VEC_EACH (&w->c->groups, i)
        VEC_EACH (&w->c->groups.v[i]->progs, j)
            fn(w, w->c->groups.v[i]->progs.v[j]);
}

static void find_names(struct walk *w, struct prog *p)
{
    if (!p->order)
        return;
    resolve_list(w->c, p, "depends_on", &p->order->depends_on);
    resolve_list(w->c, p, "after", &p->order->after);
}

static void find_cycles(struct walk *w, struct prog *p)
{
    if (p->colour == UNSEEN)
        visit(w, p);
}

void check_depends(struct conf *c)
{
    struct walk w = {.c = c};
    each_prog(&w, find_names);
    each_prog(&w, find_cycles);
    VEC_FINI(&w.path);
}
