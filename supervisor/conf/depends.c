/* depends_on=: every name must be a program, and no program may depend on itself, however far
 * around. */
#include "supervisor/base/text.h"
#include "supervisor/conf/section.h"

#include <string.h>

enum colour { UNSEEN, OPEN, DONE };

struct walk {
    struct conf *c;
    VEC(struct prog *) progs;
    uint8_t *colour;
};

static size_t find(const struct walk *w, const char *name)
{
    size_t i = 0;
    while (i < w->progs.n && strcmp(w->progs.v[i]->name, name) != 0)
        i++;
    return i;
}

static struct pos option_at(const struct walk *w, const struct prog *p)
{
    const struct ini_key *k = ini_get(&w->c->ini, p->section, "depends_on");
    return k ? k->at : pos_section(p->section);
}

static void unknown(const struct walk *w, const struct prog *p, const char *name)
{
    const char *best = NULL;
    unsigned least = 3;
    VEC_EACH (&w->progs, i) {
        unsigned d = text_distance(name, w->progs.v[i]->name, least);
        if (d < least) {
            least = d;
            best = w->progs.v[i]->name;
        }
    }
    conf_fail(w->c, option_at(w, p), "%s.depends_on: there is no program %s%s%s%s",
              p->section->name, name, best ? "; did you mean " : "", best ? best : "",
              best ? "?" : "");
}

static void visit(struct walk *w, size_t i)
{
    const struct prog *p = w->progs.v[i];
    w->colour[i] = OPEN;
    for (size_t j = 0; j < p->o.depends_on.n; j++) {
        const char *name = p->o.depends_on.v[j];
        size_t next = find(w, name);
        if (next == w->progs.n)
            unknown(w, p, name);
        else if (w->colour[next] == OPEN)
            conf_fail(w->c, option_at(w, p), "%s.depends_on: %s depends on %s in turn",
                      p->section->name, name, p->name);
        else if (w->colour[next] == UNSEEN)
            visit(w, next);
    }
    w->colour[i] = DONE;
}

void check_depends(struct conf *c)
{
    struct walk w = {.c = c};
    bool any = false;
    VEC_EACH (&c->groups, i) {
        const struct group *g = c->groups.v[i];
        VEC_EACH (&g->progs, j) {
            any |= g->progs.v[j]->o.depends_on.n > 0;
            VEC_PUSH(&w.progs, g->progs.v[j]);
        }
    }
    w.colour = arena_alloc(c->a, w.progs.n + 1);
    for (size_t i = 0; any && i < w.progs.n; i++) {
        if (w.colour[i] == UNSEEN)
            visit(&w, i);
    }
    VEC_FINI(&w.progs);
}
