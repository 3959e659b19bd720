/* What supd-agent's probes say about programs. */
#include "supervisor/run/health.h"
#include "supervisor/base/log.h"
#include "supervisor/core/wire.h"
#include "supervisor/run/groups.h"

#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1 /* else it would end PID 1 */
#include <uthash.h>

#define DETAIL_MAX 256
/* The agent is not trusted with our memory, nor with our time. */
#define ENTRIES_MAX 4096
#define NAME_MAX_BYTES 512

struct health {
    SLIST_ENTRY(health) link;
    char state[12], detail[DETAIL_MAX];
    char probe[];
};

/* What is said about one program. */
struct health_program {
    SLIST_HEAD(, health) probes;
    const struct health *worst; /* found at each change: status asks much more often */
    UT_hash_handle hh;
    char name[];
};

static struct health_program *find_program(const struct sup *s, const char *program)
{
    struct health_program *p;
    HASH_FIND_STR(s->health, program, p);
    return p;
}

static struct health *find(const struct health_program *p, const char *probe)
{
    struct health *h;
    SLIST_FOREACH (h, &p->probes, link)
        if (strcmp(h->probe, probe) == 0)
            break;
    return h;
}

static struct health_program *add_program(struct sup *s, const char *program)
{
    size_t n = strlen(program);
    struct health_program *p = calloc(1, sizeof(*p) + n + 1);
    if (!p)
        return NULL;
    memcpy(p->name, program, n + 1);
    HASH_ADD_KEYPTR(hh, s->health, p->name, n, p);
    if (find_program(s, program) == p)
        return p;
    free(p); /* no memory for it in the table */
    return NULL;
}

static void drop_if_empty(struct sup *s, struct health_program *p)
{
    if (!SLIST_EMPTY(&p->probes))
        return;
    HASH_DEL(s->health, p);
    free(p);
}

static struct health *add(struct sup *s, struct health_program *p, const char *probe)
{
    size_t n = strlen(probe) + 1;
    struct health *h = s->nhealth < ENTRIES_MAX ? calloc(1, sizeof(*h) + n) : NULL;
    if (!h)
        return NULL;
    memcpy(h->probe, probe, n);
    SLIST_INSERT_HEAD(&p->probes, h, link);
    s->nhealth++;
    return h;
}

static void drop(struct sup *s, struct health_program *p, struct health *h)
{
    SLIST_REMOVE(&p->probes, h, health, link);
    free(h);
    s->nhealth--;
}

static int rank(const char *state)
{
    return strcmp(state, "FAILED") == 0 ? 2 : strcmp(state, "WAITING") == 0 ? 1 : 0;
}

static void find_worst(struct health_program *p)
{
    const struct health *h;
    p->worst = SLIST_FIRST(&p->probes);
    SLIST_FOREACH (h, &p->probes, link)
        if (rank(h->state) > rank(p->worst->state))
            p->worst = h;
}

static void copy(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}

static void unset(struct sup *s, const char *program, const char *probe)
{
    struct health_program *p = find_program(s, program);
    struct health *h = p ? find(p, probe) : NULL;
    if (!h)
        return;
    drop(s, p, h);
    find_worst(p);
    drop_if_empty(s, p);
}

static bool set(struct sup *s, struct health_program *p, const char *probe, const char *state,
                const char *detail)
{
    struct health *h = find(p, probe);
    if (!h)
        h = add(s, p, probe);
    if (!h)
        return false;
    copy(h->state, sizeof(h->state), state);
    copy(h->detail, sizeof(h->detail), detail);
    find_worst(p);
    return true;
}

const char *health_of(const struct sup *s, const char *program, const char *probe)
{
    const struct health_program *p = s->health ? find_program(s, program) : NULL;
    const struct health *h = p ? find(p, probe) : NULL;
    return h ? h->state : NULL;
}

bool health_set(struct sup *s, const char *program, const char *probe, const char *state,
                const char *detail)
{
    if (strlen(program) > NAME_MAX_BYTES || strlen(probe) > NAME_MAX_BYTES)
        return false;
    if (strcmp(state, "GONE") == 0) {
        unset(s, program, probe);
        return true;
    }
    struct health_program *p = find_program(s, program);
    if (!p)
        p = add_program(s, program);
    bool ok = p && set(s, p, probe, state, detail);
    if (p)
        drop_if_empty(s, p);
    return ok;
}

void health_forget(struct sup *s)
{
    struct health_program *p, *next;
    HASH_ITER(hh, s->health, p, next)
    {
        while (!SLIST_EMPTY(&p->probes))
            drop(s, p, SLIST_FIRST(&p->probes));
        drop_if_empty(s, p);
    }
}

const char *health_program_of(const struct gen *g, const struct gen_proc *conf)
{
    const char *section = gen_str(g, conf->section), *colon = strchr(section, ':');
    return colon ? colon + 1 : section;
}

void health_put(const struct sup *s, const struct gen *g, const struct gen_proc *conf,
                struct wire_out *w)
{
    const struct health_program *p = s->health ? find_program(s, health_program_of(g, conf)) : NULL;
    if (!p)
        return;
    wire_kv(w, "health", p->worst->state);
    wire_kv_fmt(w, "health_text", "probe %s: %s", p->worst->probe, p->worst->detail);
}

void health_explain(const struct sup *s, const struct gen *g, const struct gen_proc *conf,
                    struct str *out)
{
    const struct health_program *p = s->health ? find_program(s, health_program_of(g, conf)) : NULL;
    if (p && strcmp(p->worst->state, "OK") != 0)
        str_printf(out, " Its health is %s: probe %s: %s.", p->worst->state, p->worst->probe,
                   p->worst->detail);
}

static bool allowed(const struct gen *g, const char *program, const char *probe)
{
    const struct gen_supd *d = &g->supd;
    const struct gen_restarter *r = gen_at(g, d->restarters);
    for (uint32_t i = 0; i < d->nrestarters; i++) {
        if (strcmp(gen_str(g, r[i].probe), probe) == 0 &&
            strcmp(gen_str(g, r[i].program), program) == 0)
            return true;
    }
    return false;
}

bool health_restart(struct sup *s, const char *program, const char *probe, const char *detail)
{
    struct group *g;
    if (!allowed(s->gen->gen, program, probe))
        return false;
    TAILQ_FOREACH (g, &s->groups, link) {
        for (uint32_t i = 0; i < g->nprocs; i++) {
            struct proc *p = g->procs[i];
            if (strcmp(health_program_of(p->gen->gen, p->conf), program) != 0 ||
                proc_life(p)->state != PROC_RUNNING)
                continue;
            log_warn("restarting: %s, its probe %s failed: %s", proc_name(p), probe, detail);
            proc_restart(p);
        }
    }
    return true;
}
