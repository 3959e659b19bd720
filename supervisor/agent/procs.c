/* What the agent knows of processes. */
#include "supervisor/agent/procs.h"
#include "supervisor/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
    struct agent_process p; /* first: agent_procs_next goes from one to the entry around it */
    char *name, *program;
    UT_hash_handle hh;
};

/* a process of the configuration, by its full name */
struct known {
    char *name;
    const char *program;
    UT_hash_handle hh;
};

struct procs {
    struct entry *by_name; /* uthash keeps the order of insertion */
    struct known *known;
    procs_fn *fn;
    void *obj;
};

static struct entry *find(const struct procs *t, const char *name)
{
    struct entry *e;
    HASH_FIND_STR(t->by_name, name, e);
    return e;
}

static void set_program(struct entry *e, const char *program)
{
    free(e->program);
    e->program = mem_strdup(program);
    e->p.program = e->program;
}

static const char *program_of(const struct procs *t, const char *full)
{
    struct known *k;
    HASH_FIND_STR(t->known, full, k);
    return k ? k->program : "";
}

static void forget_known(struct procs *t)
{
    struct known *k, *next;
    HASH_ITER(hh, t->known, k, next)
    {
        HASH_DEL(t->known, k);
        free(k->name);
        free(k);
    }
}

static void learn(struct procs *t, const struct agent_proc *p)
{
    struct str full = STR_INIT;
    struct known *k = mem_zalloc(sizeof(*k)), *old;
    if (strcmp(p->group, p->name) != 0)
        str_printf(&full, "%s:", p->group);
    str_puts(&full, p->name);
    k->name = str_take(&full);
    k->program = p->program;
    HASH_REPLACE_STR(t->known, name, k, old); /* of equal names the last one counts */
    if (old) {
        free(old->name);
        free(old);
    }
}

static struct entry *add(struct procs *t, const char *name)
{
    struct entry *e = mem_zalloc(sizeof(*e));
    e->name = mem_strdup(name);
    e->p.name = e->name;
    set_program(e, program_of(t, name));
    HASH_ADD_KEYPTR(hh, t->by_name, e->name, strlen(e->name), e);
    return e;
}

static void drop(struct procs *t, struct entry *e)
{
    HASH_DEL(t->by_name, e);
    free(e->name);
    free(e->program);
    free(e);
}

static void take_number(const struct wire_pair *pairs, size_t n, const char *key, uint64_t *out)
{
    const char *text = wire_value(pairs, n, key);
    if (text)
        *out = strtoull(text, NULL, 10);
}

static void take_counters(struct agent_process *p, const struct wire_pair *pairs, size_t n)
{
    take_number(pairs, n, "starts", &p->starts);
    take_number(pairs, n, "restarts", &p->restarts);
    take_number(pairs, n, "exits", &p->exits);
    take_number(pairs, n, "fatals", &p->fatals);
    take_number(pairs, n, "unexpected", &p->unexpected);
    take_number(pairs, n, "restarts_unexpected", &p->restarts_unexpected);
}

/* Events tell the pid of a process that has ended, too. */
static bool has_process(const char *state)
{
    return strcmp(state, "STARTING") == 0 || strcmp(state, "RUNNING") == 0 ||
           strcmp(state, "STOPPING") == 0;
}

static void take_state(struct agent_process *p, const struct wire_pair *pairs, size_t n,
                       const char *key)
{
    const char *state = wire_value(pairs, n, key), *pid = wire_value(pairs, n, "pid");
    if (state)
        snprintf(p->state, sizeof(p->state), "%s", state);
    if (pid)
        p->pid = has_process(p->state) ? (int)strtol(pid, NULL, 10) : 0;
}

void procs_record(struct procs *t, const struct wire_pair *pairs, size_t n)
{
    const char *name = wire_value(pairs, n, "name"), *start = wire_value(pairs, n, "start");
    if (!name)
        return;
    struct entry *e = find(t, name);
    if (!e)
        e = add(t, name);
    take_state(&e->p, pairs, n, "state");
    take_counters(&e->p, pairs, n);
    const char *expected = wire_value(pairs, n, "expected");
    e->p.last_expected = !expected || strcmp(expected, "1") == 0;
    e->p.start = start ? strtoll(start, NULL, 10) : 0;
    const char *uptime = wire_value(pairs, n, "uptime_ms");
    if (uptime)
        e->p.began.ns = wall_now().ns - strtoll(uptime, NULL, 10) * 1000000;
}

/* ---- events ---- */

static void on_state(struct agent_process *p, const struct wire_pair *pairs, size_t n,
                     struct procs_change *c)
{
    take_state(p, pairs, n, "to");
    c->what = PROCS_STATE;
}

static void on_spawned(struct agent_process *p, const struct wire_pair *pairs, size_t n,
                       struct procs_change *c)
{
    uint64_t pid = 0;
    take_number(pairs, n, "pid", &pid);
    p->pid = (int)pid;
    p->began = wall_now();
    p->start = p->began.ns / 1000000000;
    c->what = PROCS_SPAWNED;
}

static void on_exit_event(struct agent_process *p, const struct wire_pair *pairs, size_t n,
                          struct procs_change *c)
{
    const char *expected = wire_value(pairs, n, "expected");
    p->pid = 0;
    c->what = PROCS_EXIT;
    c->expected = expected && strcmp(expected, "1") == 0;
    p->last_expected = c->expected;
}

static const struct {
    const char *type;
    void (*fn)(struct agent_process *p, const struct wire_pair *pairs, size_t n,
               struct procs_change *c);
} rows[] = {
    {"state", on_state},
    {"spawned", on_spawned},
    {"exit", on_exit_event},
};

void procs_event(struct procs *t, const struct wire_pair *pairs, size_t n)
{
    const char *type = wire_value(pairs, n, "type"), *name = wire_value(pairs, n, "name");
    for (size_t i = 0; type && name && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].type, type) != 0)
            continue;
        struct entry *e = find(t, name);
        if (!e) {
            e = add(t, name);
            e->p.fresh = true;
        }
        struct procs_change c = {.p = &e->p};
        rows[i].fn(&e->p, pairs, n, &c);
        take_counters(&e->p, pairs, n);
        t->fn(t->obj, &c);
        return;
    }
}

/* ---- the table ---- */

static bool is_down(const struct agent_process *p)
{
    return p->pid == 0 && strcmp(p->state, "STARTING") != 0 && strcmp(p->state, "BACKOFF") != 0;
}

void procs_follow(struct procs *t, const struct agentgen *g)
{
    struct entry *e, *next;
    forget_known(t);
    for (size_t i = 0; g && i < g->nprocs; i++)
        learn(t, &g->procs[i]);
    HASH_ITER(hh, t->by_name, e, next)
    {
        set_program(e, program_of(t, e->name));
        if (g && !*e->program && is_down(&e->p)) {
            t->fn(t->obj, &(struct procs_change){.what = PROCS_GONE, .p = &e->p});
            drop(t, e);
        }
    }
}

const struct agent_process *agent_procs_next(const struct procs *t, const struct agent_process *p)
{
    struct entry *e = p ? ((const struct entry *)p)->hh.next : t->by_name;
    return e ? &e->p : NULL;
}

const struct agent_process *procs_find(const struct procs *t, const char *name)
{
    struct entry *e = find(t, name);
    return e ? &e->p : NULL;
}

struct procs *procs_new(procs_fn *fn, void *obj)
{
    struct procs *t = mem_zalloc(sizeof(*t));
    *t = (struct procs){.fn = fn, .obj = obj};
    return t;
}

void procs_free(struct procs **tp)
{
    struct entry *e, *next;
    if (!*tp)
        return;
    HASH_ITER(hh, (*tp)->by_name, e, next)
    drop(*tp, e);
    forget_known(*tp);
    free(*tp);
    *tp = NULL;
}
