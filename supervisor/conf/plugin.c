/* Python plugins ([rpcinterface:x]) and what only supervisorctl reads. Accepted so that existing
 * files run; there is nothing here to load them with. */
#include "supervisor/conf/section.h"

#include <string.h>

#define FACTORY "supervisor.rpcinterface_factory"
#define OWN_FACTORY "supervisor.rpcinterface:make_main_rpcinterface"

static const char *plugin_value(struct sect *x, const struct ini_key *k)
{
    return k ? sect_expand(x, k, k->value, &x->c->env) : NULL;
}

static void load_rpcinterface(struct conf *c, const struct ini_section *s)
{
    struct sect x = {.c = c, .s = s};
    const struct ini_key *k = ini_get(&c->ini, s, FACTORY);
    VEC_EACH (&s->keys, i) {
        if (strcmp(s->keys.v[i]->name, FACTORY) != 0)
            plugin_value(&x, s->keys.v[i]);
    }
    if (!k) {
        conf_fail(c, pos_section(s), "section [%s] does not specify a %s (add %s = %s)", s->name,
                  FACTORY, FACTORY, OWN_FACTORY);
        return;
    }
    const char *factory = plugin_value(&x, k);
    if (!factory || strcmp(factory, OWN_FACTORY) == 0)
        return;
    if (c->rq.exact)
        conf_fail(c, k->at, "%s cannot be resolved within [%s]", factory, s->name);
    else
        conf_warn(c, k->at, "[%s]: %s is a plugin for Python, which is ignored here", s->name,
                  factory);
}

void load_plugins(struct conf *c)
{
    VEC_EACH (&c->ini.sections, i) {
        const struct ini_section *s = c->ini.sections.v[i];
        if (strncmp(s->name, "rpcinterface:", 13) == 0)
            load_rpcinterface(c, s);
    }
}

/* Only supervisorctl reads this section, so what is wrong in it does not stop a start. */
void load_ctl(struct conf *c)
{
    struct sect x;
    const struct ini_section *s = ini_find(&c->ini, "supervisorctl");
    sect_init(&x, c, s, &rows_ctl);
    size_t before = c->m.list[MSG_ERROR].n;
    sect_convert(&x, &c->ctl, &c->here, 0, 0);
    while (c->m.list[MSG_ERROR].n > before) {
        VEC_PUSH(&c->m.list[MSG_NOTE], c->m.list[MSG_ERROR].v[before]);
        memmove(&c->m.list[MSG_ERROR].v[before], &c->m.list[MSG_ERROR].v[before + 1],
                (--c->m.list[MSG_ERROR].n - before) * sizeof(c->m.list[MSG_ERROR].v[0]));
    }
}
