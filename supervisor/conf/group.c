/* Groups: the [group:x] sections, and one for each program that is in none. */
#include "supervisor/conf/gen.h"
#include "supervisor/conf/section.h"

#include <stdlib.h>
#include <string.h>

static struct group *add_group(struct conf *c, const struct ini_section *s, const char *name,
                               uint8_t kind)
{
    struct group *g = arena_alloc(c->a, sizeof(*g));
    g->name = name;
    g->kind = kind;
    g->section = s;
    g->at = pos_section(s);
    VEC_PUSH(&c->groups, g);
    return g;
}

static void add_program(struct conf *c, struct group *g, const struct ini_section *s)
{
    struct fcgi_opts *fcgi = load_fcgi(c, g, s);
    struct prog *prog = load_program(c, s, g->name);
    if (!prog)
        return;
    prog->fcgi = fcgi;
    VEC_PUSH(&g->progs, prog);
    VEC_EACH (&prog->procs, i)
        VEC_PUSH(&g->procs, prog->procs.v[i]);
}

static const struct ini_section *member(struct conf *c, const struct group *g, const char *name,
                                        struct pos at)
{
    const struct ini_section *p = ini_find(&c->ini, arena_printf(c->a, "program:%s", name));
    const struct ini_section *f = ini_find(&c->ini, arena_printf(c->a, "fcgi-program:%s", name));
    if (p && f)
        conf_fail(c, at, "[%s] name %s is ambiguous (exists as program and fcgi-program)",
                  g->section->name, name);
    else if (!p && !f)
        conf_fail(c, at,
                  "[%s] names unknown program or fcgi-program %s (there is no "
                  "[program:%s] section)",
                  g->section->name, name, name);
    return p && f ? NULL : p ? p : f;
}

/* Sections that a group named: they have no group of their own. */
typedef VEC(const struct ini_section *) section_vec;

static void load_group(struct conf *c, const struct ini_section *s, section_vec *taken)
{
    struct sect x;
    struct err e;
    const char *name;
    if (val_name(c->a, s->name + strlen("group:"), &name, &e) < 0) {
        conf_fail(c, pos_section(s), "[%s]: %s", s->name, e.msg);
        return;
    }
    struct group *g = add_group(c, s, name, GEN_PROGRAM);
    sect_init(&x, c, s, &rows_group);
    sect_convert(&x, &g->o, &c->here, 0, 0);
    g->priority = g->o.priority;
    for (size_t i = 0; i < g->o.programs.n; i++) {
        const struct ini_section *m =
            member(c, g, g->o.programs.v[i], sect_pos(&x, sect_index(&rows_group, "programs")));
        if (!m)
            continue;
        VEC_PUSH(taken, m);
        add_program(c, g, m);
    }
}

/* The group's own priority comes from the program's key, which may then use fewer names. */
static void own_priority(struct conf *c, struct group *g, const char *def)
{
    struct sect x;
    struct group_opts o = {0};
    size_t row = sect_index(&rows_group, "priority");
    sect_init(&x, c, g->section, &rows_group);
    if (!x.keys[row]) {
        g->priority = strtoll(def, NULL, 10);
        return;
    }
    if (msgs_error_at(&c->m, x.keys[row]->at)) /* once is enough */
        return;
    sect_row(&x, row, &o, &c->here);
    g->priority = o.priority;
}

static const char *name_part(const struct ini_section *s)
{
    return strchr(s->name, ':') + 1;
}

static void load_single(struct conf *c, const struct ini_section *s, uint8_t kind)
{
    const char *name = name_part(s);
    struct err e;
    if (kind != GEN_EVENTLISTENER && val_name(c->a, name, &name, &e) < 0) {
        conf_fail(c, pos_section(s), "[%s]: %s", s->name, e.msg);
        return;
    }
    struct group *g = add_group(c, s, name, kind);
    if (kind == GEN_EVENTLISTENER)
        load_listener(c, g);
    add_program(c, g, s);
    own_priority(c, g, kind == GEN_EVENTLISTENER ? "-1" : "999");
}

static int section_cmp(const void *a, const void *b)
{
    const struct ini_section *x = *(const struct ini_section *const *)a;
    const struct ini_section *y = *(const struct ini_section *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

static bool is_taken(const section_vec *taken, const struct ini_section *s)
{
    return taken->n && bsearch(&s, taken->v, taken->n, sizeof(taken->v[0]), section_cmp);
}

static void load_kind(struct conf *c, const char *prefix, uint8_t kind, const section_vec *taken)
{
    size_t n = strlen(prefix);
    VEC_EACH (&c->ini.sections, i) {
        const struct ini_section *s = c->ini.sections.v[i];
        if (strncmp(s->name, prefix, n) == 0 && !is_taken(taken, s))
            load_single(c, s, kind);
    }
}

/* ascending (priority, name); equal ones stay in the order of their making */
static int group_cmp(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    int by_name = strcmp(x->name, y->name);
    return by_name ? by_name : (x->order > y->order) - (x->order < y->order);
}

static void sort_groups(struct conf *c)
{
    size_t n = c->groups.n;
    if (n < 2)
        return;
    for (size_t i = 0; i < n; i++)
        c->groups.v[i]->order = i;
    qsort(c->groups.v, n, sizeof(c->groups.v[0]), group_cmp);
}

static int start_cmp(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    int by_name = strcmp(x->name, y->name);
    return by_name ? by_name : group_cmp(a, b);
}

/* Of two groups with one name, the later in start order never comes to life. */
static void hide_doubles(struct conf *c)
{
    size_t n = c->groups.n;
    if (n < 2)
        return;
    struct group **v = arena_memdup(c->a, c->groups.v, n * sizeof(struct group *));
    qsort(v, n, sizeof(*v), start_cmp);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(v[i]->name, v[i - 1]->name) != 0)
            continue;
        v[i]->hidden = true;
        conf_warn(c, v[i]->at, "[%s] is left out: [%s] has the same group name '%s'",
                  v[i]->section->name, v[i - 1]->section->name, v[i]->name);
    }
}

void load_groups(struct conf *c)
{
    section_vec taken = VEC_INIT;
    VEC_EACH (&c->ini.sections, i) {
        const struct ini_section *s = c->ini.sections.v[i];
        if (strncmp(s->name, "group:", 6) == 0)
            load_group(c, s, &taken);
    }
    if (taken.n)
        qsort(taken.v, taken.n, sizeof(taken.v[0]), section_cmp);
    load_kind(c, "program:", GEN_PROGRAM, &taken);
    section_vec none = VEC_INIT;
    load_kind(c, "eventlistener:", GEN_EVENTLISTENER, &none);
    load_kind(c, "fcgi-program:", GEN_FCGI, &taken);
    VEC_FINI(&taken);
    sort_groups(c);
    hide_doubles(c);
}
