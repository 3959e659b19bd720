/* Our own sections without kinds: [supd] and [agent]. */
#include "supervisor/conf/section.h"

/* groups= as numbers; the agent itself has them already */
static void find_groups(struct conf *c, const struct sect *x)
{
    c->agent.gids = arena_alloc(c->a, c->agent.groups.n * sizeof(*c->agent.gids));
    for (size_t i = 0; i < c->agent.groups.n && !c->plain; i++) {
        struct err e;
        int64_t gid = 0;
        if (unix_group_find(c->agent.groups.v[i], &gid, &e) < 0)
            conf_fail(c, sect_pos(x, sect_index(&rows_agent, "groups")), "agent.groups: %s", e.msg);
        c->agent.gids[i] = (uint32_t)gid;
    }
}

void load_agent_opts(struct conf *c)
{
    struct sect x;
    const struct ini_section *agent = ini_find(&c->ini, "agent");
    c->has_agent = agent != NULL;
    sect_init(&x, c, agent, &rows_agent);
    sect_convert(&x, &c->agent, &c->here, 0, 0);
    if (!c->plain && c->agent.state_dir)
        c->agent.state_dir =
            path_absolute(c->a, &c->paths, path_expand_user(c->a, &c->paths, c->agent.state_dir));
    find_groups(c, &x);
}

void load_ours(struct conf *c)
{
    struct sect x;
    sect_init(&x, c, ini_find(&c->ini, "supd"), &rows_supd);
    sect_convert(&x, &c->supd, &c->here, 0, 0);
    if (c->supd.socket && c->supd.socket[0] != '@')
        c->supd.socket =
            path_absolute(c->a, &c->paths, path_expand_user(c->a, &c->paths, c->supd.socket));
    load_agent_opts(c);
}
