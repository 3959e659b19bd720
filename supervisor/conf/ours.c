/* Our own sections without kinds: [supd] and [agent]. */
#include "supervisor/conf/section.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

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

/* The host of listen= as an address, since supd itself asks no name server; a port alone is for
 * this host only. */
static void find_listen(struct conf *c, const struct sect *x)
{
    struct addr_val *v = &c->agent.listen;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    char host[NI_MAXHOST];
    size_t n = v->host ? strlen(v->host) : 0;
    if (!v->text || strchr(v->text, '*'))
        return;
    if (n == 0)
        v->host = "127.0.0.1";
    else if (v->host[0] == '[' && v->host[n - 1] == ']')
        v->host = arena_strndup(c->a, v->host + 1, n - 2);
    int r = getaddrinfo(v->host, NULL, &hints, &found);
    if (r == 0)
        r = getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), NULL, 0,
                        NI_NUMERICHOST);
    if (r == 0)
        v->host = arena_strdup(c->a, host);
    else
        conf_fail(c, sect_pos(x, sect_index(&rows_agent, "listen")), "agent.listen: %s: %s",
                  v->host, gai_strerror(r));
    if (found)
        freeaddrinfo(found);
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
    if (!c->plain)
        find_listen(c, &x);
}

void load_ours(struct conf *c)
{
    struct sect x;
    size_t before = c->m.list[MSG_ERROR].n;
    sect_init(&x, c, ini_find(&c->ini, "supd"), &rows_supd);
    sect_convert(&x, &c->supd, &c->here, 0, 0);
    if (c->supd.socket && c->supd.socket[0] != '@')
        c->supd.socket =
            path_absolute(c->a, &c->paths, path_expand_user(c->a, &c->paths, c->supd.socket));
    load_agent_opts(c);
    c->ours_wrong = c->m.list[MSG_ERROR].n != before;
}
