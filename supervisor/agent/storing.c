/* The store of alerts: the file first; when it cannot be used, or has not answered for PATIENCE,
 * the journal in supd's memory. No path is touched here: the file's worker does that. */
#include "supervisor/agent/storing.h"
#include "supervisor/agent/keeping.h"
#include "supervisor/base/log.h"
#include "supervisor/io/journal.h"

#include <stdio.h>

#define PATIENCE DUR_S(5)        /* with a disk that does not answer at the start */
#define CLOSE_LIMIT DUR_MS(1200) /* supd waits 1.8 s for the agent to end */

static void use_journal(struct agent_program *a, const char *why)
{
    struct err e;
    a->store_known = true;
    a->store_failed = a->store;
    a->store = NULL;
    if (a->journal < 0)
        err_set(&e, "supd holds no memory for it");
    else
        a->store = journal_open(a->loop, a->journal, engine_loaded, a->engine, &e);
    if (a->store) {
        log_warn(
            "agent: %s: alerts and windows are kept in memory that supd holds, and lost when supd "
            "ends",
            why);
        engine_use_store(a->engine, a->store);
        keeping_apply(a);
        return;
    }
    struct err failed;
    err_set(&failed, "%s, and %s", why, e.msg);
    engine_loaded(a->engine, &(struct store_loaded){.failed = &failed});
}

static void use_file(struct agent_program *a, const struct store_loaded *r)
{
    a->store_known = a->store_is_file = true;
    engine_loaded(a->engine, r);
    keeping_apply(a); /* there is room for everything */
}

static void on_loaded(void *obj, const struct store_loaded *r)
{
    struct agent_program *a = obj;
    loop_timer_stop(&a->store_timer);
    if (a->store_failed)
        log_warn(
            "agent: the disk of state_dir answers again; it is used when supd-agent starts the "
            "next time");
    else if (r->failed)
        use_journal(a, r->failed->msg);
    else
        use_file(a, r);
}

static void on_timer(struct agent_program *a)
{
    char why[4300];
    snprintf(why, sizeof(why), "the disk of state_dir %s does not answer",
             a->gen->conf->agent.state_dir);
    use_journal(a, why);
}

void storing_open(struct agent_program *a)
{
    struct err e;
    char path[4200];
    snprintf(path, sizeof(path), "%s/agent.db", a->gen->conf->agent.state_dir);
    LOOP_TIMER(&a->store_timer, a->loop, on_timer, a);
    a->store = store_open(a->loop, path, on_loaded, a, &e);
    if (!a->store) {
        use_journal(a, e.msg);
        return;
    }
    engine_use_store(a->engine, a->store);
    loop_timer_at(&a->store_timer, mono_add(loop_now(a->loop), PATIENCE));
}

void storing_fini(struct agent_program *a)
{
    if (a->store_timer.loop)
        loop_timer_stop(&a->store_timer);
    if (a->store_failed)
        store_close(&a->store_failed, (dur_t){0});
    if (a->store && !store_close(&a->store, CLOSE_LIMIT))
        log_warn("agent: its last records may not have been written");
}
