/* Loads a configuration: files, then sections, each collecting what is wrong. */
#include "supervisor/conf/agentgen.h"

static void load_sections(struct conf *c)
{
    load_supervisord(c);
    load_plugins(c);
    load_ours(c);
    load_groups(c);
    check_fcgi(c);
    check_depends(c);
    load_servers(c);
    load_ctl(c);
    load_families(c);
    check_ready(c);
    sect_check_names(c);
    conf_lint(c);
    agentcheck(c);
}

struct conf *conf_load(const struct conf_request *rq)
{
    struct conf *c = conf_begin(rq);
    if (!c->path)
        return c;
    if (conf_read_files(c) && !c->ini.unclear)
        load_sections(c);
    msgs_sort(&c->m);
    return c;
}

void conf_free(struct conf **c)
{
    if (!*c)
        return;
    struct conf *x = *c;
    VEC_EACH (&x->groups, i) {
        struct group *g = x->groups.v[i];
        VEC_EACH (&g->progs, j) {
            VEC_FINI(&g->progs.v[j]->procs);
            VEC_FINI(&g->progs.v[j]->deps);
        }
        VEC_FINI(&g->progs);
        VEC_FINI(&g->procs);
    }
    VEC_FINI(&x->groups);
    VEC_FINI(&x->servers);
    items_fini(x);
    conf_end(c);
}

size_t conf_nerrors(const struct conf *c)
{
    return c->m.list[MSG_ERROR].n;
}

const char *conf_error(const struct conf *c, size_t i)
{
    return c->m.list[MSG_ERROR].v[i].text;
}

size_t conf_nwarnings(const struct conf *c)
{
    return c->m.list[MSG_WARNING].n;
}

const char *conf_warning(const struct conf *c, size_t i)
{
    return c->m.list[MSG_WARNING].v[i].text;
}

size_t conf_nnotes(const struct conf *c)
{
    return c->m.list[MSG_NOTE].n;
}

const char *conf_note(const struct conf *c, size_t i)
{
    return c->m.list[MSG_NOTE].v[i].text;
}

size_t conf_ntraps(const struct conf *c)
{
    return c->m.list[MSG_TRAP].n;
}

const char *conf_trap_text(const struct conf *c, size_t i)
{
    return c->m.list[MSG_TRAP].v[i].text;
}
