/* What supd-agent's probes say about programs. A list: few programs have probes. */
#include "supervisor/run/health.h"
#include "supervisor/base/log.h"
#include "supervisor/core/wire.h"
#include "supervisor/run/groups.h"

#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX 256
#define ENTRIES_MAX 4096 /* the agent is not trusted with our memory */

struct health {
    SLIST_ENTRY(health) link;
    char *program, *probe;
    char state[12], detail[DETAIL_MAX];
};

static struct health *find(const struct sup *s, const char *program, const char *probe,
                           unsigned *out_n)
{
    struct health *h;
    *out_n = 0;
    SLIST_FOREACH (h, &s->health, link) {
        ++*out_n;
        if (strcmp(h->probe, probe) == 0 && strcmp(h->program, program) == 0)
            return h;
    }
    return NULL;
}

static void drop(struct health *h)
{
    free(h->program);
    free(h->probe);
    free(h);
}

static struct health *add(struct sup *s, const char *program, const char *probe)
{
    struct health *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->program = strdup(program);
    h->probe = strdup(probe);
    if (!h->program || !h->probe) {
        drop(h);
        return NULL;
    }
    SLIST_INSERT_HEAD(&s->health, h, link);
    return h;
}

static void copy(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}

bool health_set(struct sup *s, const char *program, const char *probe, const char *state,
                const char *detail)
{
    unsigned n;
    struct health *h = find(s, program, probe, &n);
    if (strcmp(state, "GONE") == 0) {
        if (h) {
            SLIST_REMOVE(&s->health, h, health, link);
            drop(h);
        }
        return true;
    }
    if (!h && n < ENTRIES_MAX)
        h = add(s, program, probe);
    if (!h)
        return false;
    copy(h->state, sizeof(h->state), state);
    copy(h->detail, sizeof(h->detail), detail);
    return true;
}

void health_forget(struct sup *s)
{
    struct health *h;
    while ((h = SLIST_FIRST(&s->health))) {
        SLIST_REMOVE_HEAD(&s->health, link);
        drop(h);
    }
}

static int rank(const char *state)
{
    return strcmp(state, "FAILED") == 0 ? 2 : strcmp(state, "WAITING") == 0 ? 1 : 0;
}

/* The program's name in "program:NAME"; of other kinds of sections, too. */
static const char *program_of(const struct gen *g, const struct gen_proc *conf)
{
    const char *section = gen_str(g, conf->section), *colon = strchr(section, ':');
    return colon ? colon + 1 : section;
}

void health_put(const struct sup *s, const struct gen *g, const struct gen_proc *conf,
                struct wire_out *w)
{
    const struct health *h, *worst = NULL;
    if (SLIST_EMPTY(&s->health))
        return;
    const char *program = program_of(g, conf);
    SLIST_FOREACH (h, &s->health, link) {
        if (strcmp(h->program, program) == 0 && (!worst || rank(h->state) > rank(worst->state)))
            worst = h;
    }
    if (!worst)
        return;
    wire_kv(w, "health", worst->state);
    wire_kv_fmt(w, "health_text", "probe %s: %s", worst->probe, worst->detail);
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
            if (strcmp(program_of(p->gen->gen, p->conf), program) != 0 ||
                proc_life(p)->state != PROC_RUNNING)
                continue;
            log_warn("restarting: %s, its probe %s failed: %s", proc_name(p), probe, detail);
            proc_restart(p);
        }
    }
    return true;
}
