/* Tables of groups, sorted by name. */
#include "supervisor/run/byname.h"

#include <stdlib.h>
#include <string.h>

struct byname_row {
    const char *name;
    struct group *group;
    const struct gen_group *record;
};

static int by_name(const void *a, const void *b)
{
    const struct byname_row *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int make(struct byname *t, size_t n)
{
    *t = (struct byname){.rows = calloc(n + 1, sizeof(*t->rows))};
    return t->rows ? 0 : -1;
}

int byname_running(struct byname *t, struct sup *s)
{
    struct group *g;
    if (make(t, s->ngroups) < 0)
        return -1;
    TAILQ_FOREACH (g, &s->groups, link)
        t->rows[t->n++] = (struct byname_row){.name = g->name, .group = g};
    qsort(t->rows, t->n, sizeof(*t->rows), by_name);
    return 0;
}

int byname_records(struct byname *t, const struct gen *gen)
{
    const struct gen_group *v = gen_groups(gen);
    if (make(t, gen->ngroups) < 0)
        return -1;
    for (; t->n < gen->ngroups; t->n++)
        t->rows[t->n] = (struct byname_row){.name = gen_str(gen, v[t->n].name), .record = v + t->n};
    qsort(t->rows, t->n, sizeof(*t->rows), by_name);
    return 0;
}

static const struct byname_row *find(const struct byname *t, const char *name)
{
    static const struct byname_row none;
    const struct byname_row key = {.name = name};
    const struct byname_row *row = bsearch(&key, t->rows, t->n, sizeof(*t->rows), by_name);
    return row ? row : &none;
}

struct group *byname_group(const struct byname *t, const char *name)
{
    return find(t, name)->group;
}

const struct gen_group *byname_record(const struct byname *t, const char *name)
{
    return find(t, name)->record;
}

void byname_fini(struct byname *t)
{
    free(t->rows);
    t->rows = NULL;
    t->n = 0;
}
