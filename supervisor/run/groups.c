/* Groups of processes: made from a generation's records, found by name, walked in order. */
#include "supervisor/run/groups.h"
#include "supervisor/base/log.h"
#include "supervisor/core/name.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/publish.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* From the end, since a generation's groups come in this order. */
static void insert_sorted(struct sup *s, struct group *g)
{
    struct group *at = TAILQ_LAST(&s->groups, group_list);
    while (at && at->priority > g->priority)
        at = TAILQ_PREV(at, group_list, link);
    if (at)
        TAILQ_INSERT_AFTER(&s->groups, at, g, link);
    else
        TAILQ_INSERT_HEAD(&s->groups, g, link);
}

void group_set_priority(struct sup *s, struct group *g, int32_t priority)
{
    if (g->priority == priority)
        return;
    TAILQ_REMOVE(&s->groups, g, link);
    g->priority = priority;
    insert_sorted(s, g);
}

static int by_record(const void *a, const void *b)
{
    const struct proc *p = *(struct proc *const *)a, *q = *(struct proc *const *)b;
    return (p->conf > q->conf) - (p->conf < q->conf);
}

void group_sort(struct group *g)
{
    qsort(g->procs, g->nprocs, sizeof(*g->procs), by_record);
    for (uint32_t i = 0; i < g->nprocs; i++)
        g->procs[i]->index = i;
}

static void group_free(struct group *g)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (g->procs[i])
            proc_free(&g->procs[i]);
    if (g->procs_apart)
        free(g->procs);
    free(g);
}

/* one piece of memory: the group, its name, its processes */
static struct group *group_new(const char *name, const struct gen_group *conf, struct err *e)
{
    const size_t each = sizeof(struct proc *);
    size_t text = strlen(name) + 1;
    size_t procs = (offsetof(struct group, name) + text + each - 1) / each * each;
    struct group *g = calloc(1, procs + conf->nprocs * each);
    if (!g) {
        err_errno(e, ENOMEM, "cannot add the group %s", name);
        return NULL;
    }
    g->priority = conf->priority;
    g->kind = conf->kind;
    g->procs = (struct proc **)(void *)((char *)g + procs);
    memcpy(g->name, name, text);
    return g;
}

int group_reserve(struct group *g, size_t n)
{
    struct proc **procs = calloc(n + 1, sizeof(*procs));
    if (!procs)
        return -1;
    memcpy(procs, g->procs, g->nprocs * sizeof(*procs));
    if (g->procs_apart)
        free(g->procs);
    g->procs = procs;
    g->procs_apart = true;
    return 0;
}

struct group *group_add(struct sup *s, struct live_gen *gen, const struct gen_group *conf,
                        struct err *e)
{
    struct group *g = group_new(gen_str(gen->gen, conf->name), conf, e);
    if (!g)
        return NULL;
    for (uint32_t i = 0; i < conf->nprocs; i++) {
        g->procs[i] = proc_new(s, g, gen, gen_procs(gen->gen) + conf->first + i, e);
        if (!g->procs[i]) {
            group_free(g);
            return NULL;
        }
        g->nprocs++;
    }
    if (listeners_follow(s, g, gen->gen, conf, e) < 0) {
        group_free(g);
        return NULL;
    }
    insert_sorted(s, g);
    s->ngroups++;
    order_groups_changed(s);
    publish_group(s, g->name, true);
    return g;
}

struct group *group_revive(struct sup *s, const char *name, const struct gen_group *conf,
                           uint32_t nprocs, struct err *e)
{
    struct gen_group like = *conf;
    like.nprocs = nprocs;
    struct group *g = group_new(name, &like, e);
    if (!g)
        return NULL;
    insert_sorted(s, g);
    s->ngroups++;
    order_groups_changed(s);
    return g;
}

void group_remove(struct sup *s, struct group **gp)
{
    struct group *g = *gp;
    *gp = NULL;
    TAILQ_REMOVE(&s->groups, g, link);
    if (s->found_last == g)
        s->found_last = NULL;
    s->ngroups--;
    order_groups_changed(s);
    listeners_remove(s, g);
    publish_group(s, g->name, false);
    group_free(g);
}

/* Behind the group found last first, since an update asks for one after the other: 10,000 names
 * then take 10,000 looks and not fifty million. */
struct group *group_find(struct sup *s, const char *name)
{
    struct group *start = s->found_last ? TAILQ_NEXT(s->found_last, link) : NULL;
    if (!start)
        start = TAILQ_FIRST(&s->groups);
    struct group *g = start;
    while (g && strcmp(g->name, name) != 0) {
        g = TAILQ_NEXT(g, link);
        if (!g)
            g = TAILQ_FIRST(&s->groups);
        if (g == start)
            return NULL;
    }
    if (g)
        s->found_last = g;
    return g;
}

void group_autostart(struct group *g, enum proc_why why)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (proc_opts(g->procs[i])->autostart)
            proc_start(g->procs[i], why);
}

bool group_is_down(const struct group *g)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (!proc_is_down(g->procs[i]))
            return false;
    return true;
}

static struct proc *first_of(struct group *g)
{
    while (g && !g->nprocs)
        g = TAILQ_NEXT(g, link);
    return g ? g->procs[0] : NULL;
}

struct proc *procs_first(struct sup *s)
{
    return first_of(TAILQ_FIRST(&s->groups));
}

struct proc *procs_next(struct proc *p)
{
    struct group *g = p->group;
    if (p->index + 1 < g->nprocs)
        return g->procs[p->index + 1];
    return first_of(TAILQ_NEXT(g, link));
}

static int by_name(const void *a, const void *b)
{
    const struct proc *p = *(struct proc *const *)a, *q = *(struct proc *const *)b;
    int d = strcmp(p->group->name, q->group->name);
    return d ? d : strcmp(proc_name(p), proc_name(q));
}

struct proc **procs_sorted(struct sup *s, size_t *out_n)
{
    struct proc **v = malloc((s->nprocs + 1) * sizeof(*v));
    if (!v)
        return NULL;
    size_t n = 0;
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        v[n++] = p;
    qsort(v, n, sizeof(*v), by_name);
    *out_n = n;
    return v;
}

struct selection {
    const char *name;
    bool exact; /* the name is one process's full name: nothing else is meant */
};

static bool selected(const struct selection *sel, const struct proc *p)
{
    return sel->exact ? name_exact(sel->name, p->group->name, proc_name(p))
                      : name_match(sel->name, p->group->name, proc_name(p));
}

size_t procs_select(struct sup *s, const char *name, void (*fn)(void *obj, struct proc *p),
                    void *obj)
{
    struct selection sel = {name, false};
    size_t n = 0;
    for (struct proc *p = procs_first(s); p && !sel.exact; p = procs_next(p))
        sel.exact = name_exact(name, p->group->name, proc_name(p));
    for (struct proc *p = procs_first(s), *next; p; p = next) {
        next = procs_next(p);
        if (!selected(&sel, p))
            continue;
        fn(obj, p);
        n++;
    }
    return n;
}
