/* What probes and processes said last. */
#include "alerts/engine_impl.h"
#include "probes/judge/probe.h"

#include <string.h>

/* ---- probes ---- */

struct probe_state *facts_probe(struct engine *e, const char *name, bool make)
{
    struct probe_state *p;
    HASH_FIND_STR(e->probes, name, p);
    if (p || !make)
        return p;
    p = mem_zalloc(sizeof(*p));
    p->name = mem_strdup(name);
    p->since = engine_now(e);
    HASH_ADD_KEYPTR(hh, e->probes, p->name, strlen(p->name), p);
    return p;
}

void probe_state_free(struct probe_state *p)
{
    free(p->name);
    free(p->reason);
    free(p->detail);
    certs_forget(p);
    free(p);
}

static void set_text(char **text, const char *to)
{
    if (*text && to && strcmp(*text, to) == 0)
        return;
    char *copy = to && *to ? mem_strdup(to) : NULL;
    free(*text);
    *text = copy;
}

static void take_probe(struct engine *e, struct probe_state *p, const struct engine_probe_fact *f)
{
    p->health = f->health;
    p->since = f->since.ns ? engine_taken(e, f->since) : p->since;
    if (f->result != ENGINE_NO_RESULT)
        p->result = f->result;
    set_text(&p->reason, f->reason);
    set_text(&p->detail, f->detail);
    certs_take(p, f);
}

/* A failure that is not confirmed yet explains those of its children all the same. */
static bool probe_fails(const struct probe_state *p)
{
    return p->health == HEALTH_FAILED || p->result == ENGINE_FAIL;
}

void engine_probe(struct engine *e, const struct engine_probe_fact *f)
{
    struct probe_state *p = facts_probe(e, f->name, true);
    take_probe(e, p, f);
    if (f->result == ENGINE_OK || f->result == ENGINE_FAIL)
        feed_probe(e->feed, loop_now(e->loop), f->name, f->result == ENGINE_OK);
    if (!e->ready)
        return;
    if (f->ncerts)
        certs_store(e, p);
    uint32_t node = node_find(e, 'b', f->name);
    /* its own alerts first: they are part of what is known of the node */
    bind_links(e);
    for (struct alert *a = p->alerts, *next; a; a = next) {
        next = a->next_of_probe;
        if (a->known)
            eval_alert(e, a);
    }
    if (node != SUPPRESS_NONE && f->result != ENGINE_NO_RESULT)
        gate_found(e, node, probe_fails(p));
}

/* ---- processes ---- */

static bool in_list(const char *state, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(*list, state) == 0)
            return true;
    }
    return false;
}

/* Down: one of its processes is in trouble, or none is, or will be, there. */
static bool program_down(const struct engine *e, const char *program)
{
    static const char *const trouble[] = {"FATAL", "BACKOFF", "UNKNOWN", NULL};
    static const char *const up[] = {"RUNNING", "STARTING", NULL};
    const struct process_state *p, *next;
    size_t n = 0, well = 0;
    HASH_ITER(hh, e->processes, p, next)
    {
        if (strcmp(p->program, program) != 0 && strcmp(p->group, program) != 0)
            continue;
        if (in_list(p->state, trouble))
            return true;
        n++;
        well += in_list(p->state, up) || (strcmp(p->state, "EXITED") == 0 && p->exit_expected);
    }
    return n && !well;
}

static void process_free(struct engine *e, struct process_state *p)
{
    HASH_DEL(e->processes, p);
    free(p->name);
    free(p->group);
    free(p->program);
    free(p->state);
    free(p);
}

static struct process_state *process_make(struct engine *e, const struct engine_process_fact *f)
{
    struct process_state *p;
    HASH_FIND_STR(e->processes, f->process, p);
    if (p)
        return p;
    p = mem_zalloc(sizeof(*p));
    p->name = mem_strdup(f->process);
    HASH_ADD_KEYPTR(hh, e->processes, p->name, strlen(p->name), p);
    return p;
}

static void take_process(struct engine *e, const struct engine_process_fact *f)
{
    struct process_state *p = process_make(e, f);
    if (!f->state) {
        process_free(e, p);
        return;
    }
    set_text(&p->group, f->group);
    set_text(&p->program, f->program);
    set_text(&p->state, f->state);
    p->group = p->group ? p->group : mem_strdup("");
    p->program = p->program ? p->program : mem_strdup("");
    p->state = p->state ? p->state : mem_strdup("");
    p->exit_expected = f->exit_expected;
}

static void count_process(struct engine *e, const struct engine_process_fact *f)
{
    struct feed_process p = {.process = f->process,
                             .group = f->group,
                             .program = f->program,
                             .counters = f->counters,
                             .fresh = f->fresh};
    if (f->state)
        feed_process(e->feed, loop_now(e->loop), &p);
    else
        feed_process_gone(e->feed, f->process);
}

static void program_found(struct engine *e, uint32_t node, const char *program)
{
    if (node != SUPPRESS_NONE)
        gate_found(e, node, program_down(e, program));
}

static bool about_program(const struct alert *a, const struct engine_process_fact *f)
{
    if (!alert_judged(a) || a->rule->subject != SUBJECT_PROGRAM)
        return false;
    const char *about = a->rule->about(a->item);
    return strcmp(about, f->program) == 0 || strcmp(about, f->group) == 0;
}

static void eval_program(struct engine *e, uint32_t node, const struct engine_process_fact *f)
{
    bind_links(e);
    struct alert *a = node == SUPPRESS_NONE ? NULL : e->node_alerts.v[node], *next;
    for (; a; a = next) {
        next = a->next_of_node;
        if (about_program(a, f))
            eval_alert(e, a);
    }
}

void engine_process(struct engine *e, const struct engine_process_fact *f)
{
    take_process(e, f);
    count_process(e, f);
    if (!e->ready)
        return;
    uint32_t program = node_find(e, 'p', f->program), group = SUPPRESS_NONE;
    if (strcmp(f->group, f->program) != 0)
        group = node_find(e, 'p', f->group);
    eval_program(e, program, f);
    eval_program(e, group, f);
    program_found(e, program, f->program);
    program_found(e, group, f->group);
}

void facts_processes(struct engine *e, const char *program, struct processes *out)
{
    struct process_state *p, *next;
    HASH_ITER(hh, e->processes, p, next)
    {
        if (strcmp(p->program, program) == 0 || strcmp(p->group, program) == 0)
            VEC_PUSH(&out->v, (struct rule_process){p->name, p->state});
    }
}

/* ---- all ---- */

bool facts_node_fails(struct engine *e, uint32_t node)
{
    const char *name = e->node_names.v[node];
    if (name[0] == 'p')
        return program_down(e, name + 1);
    const struct probe_state *p = facts_probe(e, name + 1, false);
    return p && probe_fails(p);
}

void facts_to_nodes(struct engine *e)
{
    struct node *n, *next;
    wall_t now = engine_now(e);
    HASH_ITER(hh, e->nodes, n, next)
    {
        const struct probe_state *p = n->name[0] == 'b' ? facts_probe(e, n->name + 1, false) : NULL;
        if (p && p->result != ENGINE_NO_RESULT)
            suppress_found(&e->suppress, n->id, probe_fails(p), now);
        else if (n->name[0] == 'p')
            suppress_found(&e->suppress, n->id, program_down(e, n->name + 1), now);
    }
}

void facts_prune(struct engine *e)
{
    struct probe_state *p, *next;
    HASH_ITER(hh, e->probes, p, next)
    {
        if (agentgen_item(e->gen, &family_probe, p->name))
            continue;
        if (p->stored.len)
            store_del(e, "certs", p->name);
        HASH_DEL(e->probes, p);
        probe_state_free(p);
    }
}

void facts_free(struct engine *e)
{
    struct probe_state *p, *next_p;
    struct process_state *s, *next_s;
    HASH_ITER(hh, e->probes, p, next_p)
    {
        HASH_DEL(e->probes, p);
        probe_state_free(p);
    }
    HASH_ITER(hh, e->processes, s, next_s)
    process_free(e, s);
}
