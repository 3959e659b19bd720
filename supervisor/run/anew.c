/* Everything was stopped, as a reload does it under Supervisor's name: all of it begins anew. */
#include "supervisor/base/log.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/servers.h"
#include "supervisor/run/setup.h"

#include <string.h>

static bool stays(const struct gen *g, const struct group *group)
{
    const struct gen_group *v = gen_groups(g);
    for (uint32_t i = 0; i < g->ngroups; i++)
        if (strcmp(gen_str(g, v[i].name), group->name) == 0)
            return v[i].kind == group->kind;
    return false;
}

/* Nobody is told of those that the file does not name any more, or as something else. */
static void drop_gone(struct sup *s)
{
    struct group *g, *next;
    for (g = TAILQ_FIRST(&s->groups); g; g = next) {
        next = TAILQ_NEXT(g, link);
        if (!stays(s->pending->gen, g) && group_is_down(g))
            group_remove(s, &g);
    }
}

/* What listeners were told when the processes were stopped is over. */
static void begin_anew(struct sup *s)
{
    listeners_begin(s);
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        proc_renew(p);
}

/* All groups are there again, the new ones among them in their order. */
static void tell_begun(struct sup *s)
{
    struct group *g;
    TAILQ_FOREACH (g, &s->groups, link)
        if (!g->doomed)
            listeners_tell_group(s, g->name, true);
    listeners_tell(s, EVENT_SUPERVISOR_RUNNING, "", 0);
}

static void start_again(struct sup *s)
{
    struct group *g;
    TAILQ_FOREACH (g, &s->groups, link)
        group_autostart(g, PROC_WHY_UPDATE);
}

void reload_restarted(struct sup *s)
{
    drop_gone(s);
    begin_anew(s);
    s->anew = true;
    int changed = reload_pending(s, true);
    s->anew = false;
    tell_begun(s);
    if (changed < 0)
        start_again(s); /* as they were */
    setup_say(s);
    servers_say(s);
    log_info("supervisord started with pid %d", s->pid); /* as at every start there */
    reload_resume(s);
}
