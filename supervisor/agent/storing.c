/* The agent's store. The file is opened by its worker thread: a disk that does not answer holds
 * nobody up but who waits for it, and that with a limit. */
#include "supervisor/agent/storing.h"
#include "supervisor/base/log.h"
#include "supervisor/io/journal.h"

#include <stdio.h>

#define CLOSE_LIMIT DUR_MS(1200) /* supd waits 1.8 s for the agent to end */

struct storing {
    struct loop_timer limit;
    struct loop_defer fall_back;
    struct err why; /* the file is not used */
};

static void none(struct agent_program *a, const struct err *why)
{
    engine_loaded(a->engine, &(struct store_loaded){.failed = why});
}

/* The journal begins empty, or with what an agent before this one has put there. */
static void fall_back(struct agent_program *a)
{
    struct err e;
    struct storing *s = a->storing;
    if (a->store)
        store_close(&a->store, (dur_t){0});
    if (a->journal >= 0)
        a->store = journal_open(a->loop, a->journal, engine_loaded, a->engine, &e);
    else
        err_set(&e, "and supd holds no memory for it");
    if (a->store) {
        log_line(a->gen->conf->items.n ? LVL_WARN : LVL_DEBUG,
                 "agent: %s; alerts and windows are kept in memory that supd holds, and lost when "
                 "supd ends",
                 s->why.msg);
        a->store_in_memory = true;
        engine_use_store(a->engine, a->store);
    } else {
        err_prefix(&e, "%s", s->why.msg);
        none(a, &e);
    }
}

static void on_file(void *obj, const struct store_loaded *r)
{
    struct agent_program *a = obj;
    struct storing *s = a->storing;
    loop_timer_stop(&s->limit);
    if (!r->failed) {
        engine_loaded(a->engine, r);
        return;
    }
    s->why = *r->failed;
    err_prefix(&s->why, "state_dir cannot be used");
    loop_defer(a->loop, &s->fall_back); /* the store cannot be closed in here */
}

static void on_limit(struct agent_program *a)
{
    const char *dir = a->gen->conf->agent.state_dir;
    err_set(&a->storing->why, "state_dir cannot be used: %s does not answer", dir);
    fall_back(a);
}

void storing_open(struct agent_program *a)
{
    char path[4200];
    struct storing *s = a->storing = mem_zalloc(sizeof(*s));
    LOOP_TIMER(&s->limit, a->loop, on_limit, a);
    LOOP_DEFER(&s->fall_back, fall_back, a);
    snprintf(path, sizeof(path), "%s/agent.db", a->gen->conf->agent.state_dir);
    a->store = store_open(a->loop, path, on_file, a, &s->why);
    if (!a->store) {
        fall_back(a);
        return;
    }
    engine_use_store(a->engine, a->store);
    loop_timer_at(&s->limit, mono_add(loop_now(a->loop), STORING_LIMIT));
}

void storing_close(struct agent_program *a)
{
    if (a->store && !store_close(&a->store, CLOSE_LIMIT))
        log_warn("agent: its last records may not have been written");
    if (!a->storing)
        return;
    loop_timer_stop(&a->storing->limit);
    loop_defer_cancel(a->loop, &a->storing->fall_back);
    free(a->storing);
    a->storing = NULL;
}
