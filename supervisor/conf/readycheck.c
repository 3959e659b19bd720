/* What ready= and watchdog= need of other options, and of other sections. */
#include "supervisor/conf/family.h"

#include <stdio.h>

struct look {
    struct conf *c;
    const struct prog *prog;
    struct sect x;
};

static void fail(struct look *k, const char *option, const char *text)
{
    conf_fail(k->c, sect_pos(&k->x, sect_index(&rows_order, option)), "%s.%s: %s",
              k->prog->section->name, option, text);
}

/* "web" of [program:web] */
static const char *name_of(const struct prog *prog)
{
    const char *colon = strchr(prog->section->name, ':');
    return colon ? colon + 1 : prog->section->name;
}

static void check_pidfile(struct look *k, const struct ready_val *v)
{
    if (v->arg[0] != '/')
        fail(k, "ready", "the path of a pid file has to begin with /, or with %(here)s");
}

static void check_probe(struct look *k, const struct ready_val *v)
{
    const struct item *it = family_item(k->c, &family_probe, v->arg);
    const char *of = it && !it->wrong ? item_text(it, "program") : NULL, *own = name_of(k->prog);
    if (!it)
        fail(k, "ready", arena_printf(k->c->a, "there is no [probe:%s]", v->arg));
    else if (!it->wrong && (!of || strcmp(of, own) != 0))
        fail(k, "ready",
             arena_printf(k->c->a, "[probe:%s] does not look at this program: it needs program=%s",
                          v->arg, own));
    else if (k->prog->procs.n > 1)
        fail(k, "ready",
             "a probe looks at the program as a whole and cannot say which of its processes "
             "(numprocs) is ready");
}

static void check_command(struct look *k, const struct ready_val *v)
{
    const char **argv;
    size_t argc;
    struct err e;
    if (words_split(k->c->a, v->arg, &argv, &argc, &e) < 0)
        fail(k, "ready", arena_printf(k->c->a, "can't parse command '%s': %s", v->arg, e.msg));
    else if (!argc)
        fail(k, "ready", "command is empty");
}

static void check_kind(struct look *k, const struct ready_val *v)
{
    switch ((enum ready_kind)v->kind) {
    case READY_PIDFILE:
        check_pidfile(k, v);
        break;
    case READY_PROBE:
        check_probe(k, v);
        break;
    case READY_COMMAND:
        check_command(k, v);
        break;
    case READY_LOG:
        k->c->log_reader = k->prog; /* whether it is an expression only the agent can say */
        break;
    default:
        break;
    }
}

static void check(struct conf *c, const struct prog *prog)
{
    struct look k = {.c = c, .prog = prog};
    const struct order_opts *o = prog->order;
    sect_init(&k.x, c, prog->section, &rows_order);
    check_kind(&k, &o->ready);
    if (o->type != PROG_SERVICE && o->watchdog)
        fail(&k, "watchdog",
             "has no effect with type=oneshot or setup: they are not RUNNING for long; "
             "ready_timeout limits how long they may take");
}

void check_ready(struct conf *c)
{
    VEC_EACH (&c->groups, i)
        VEC_EACH (&c->groups.v[i]->progs, j)
            if (c->groups.v[i]->progs.v[j]->order)
                check(c, c->groups.v[i]->progs.v[j]);
}
