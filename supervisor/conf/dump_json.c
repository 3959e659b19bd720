/* The JSON dump: what Supervisor 4.2.5 would make of the configuration. */
#include "supervisor/conf/gen.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <inttypes.h>
#include <string.h>

struct json {
    struct str *out;
    bool first; /* the next member or element has none before it */
};

static void next(struct json *j)
{
    str_puts(j->out, j->first ? "\n" : ",\n");
    j->first = false;
}

static void key(struct json *j, const char *name)
{
    next(j);
    py_json(j->out, name);
    str_puts(j->out, ": ");
}

static void open_with(struct json *j, char c)
{
    str_putc(j->out, c);
    j->first = true;
}

static void close_with(struct json *j, char c)
{
    str_putc(j->out, c);
    j->first = false;
}

static void text_member(struct json *j, const char *name, const char *text)
{
    key(j, name);
    if (text)
        py_json(j->out, text);
    else
        str_puts(j->out, "null");
}

static void number_member(struct json *j, const char *name, int64_t n)
{
    key(j, name);
    str_printf(j->out, "%" PRId64, n);
}

/* the rows of a table that are members of the dump */
static void rows_members(struct json *j, const struct opt_table *t, const void *obj)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct opt *o = &t->rows[i];
        if (!(o->flags & OPT_JSON))
            continue;
        key(j, o->type == OPT_USER ? "uid" : o->name);
        opt_json(o, obj, j->out);
    }
}

static void environment(struct json *j, const struct env_list *l)
{
    open_with(j, '{');
    for (size_t i = 0; i < l->n; i++) {
        key(j, l->v[i].key);
        py_json(j->out, l->v[i].value);
    }
    close_with(j, '}');
}

static void process(struct json *j, const struct proc *p)
{
    next(j);
    open_with(j, '{');
    text_member(j, "name", p->name);
    rows_members(j, &rows_program, &p->o);
    key(j, "environment");
    environment(j, &p->env_all);
    close_with(j, '}');
}

static void events(struct json *j, const struct group *g)
{
    number_member(j, "buffer_size", g->listener.buffer_size);
    key(j, "events");
    open_with(j, '[');
    for (size_t i = 0; i < g->listener.events.n; i++) {
        next(j);
        py_json(j->out, g->listener.events.v[i]);
    }
    close_with(j, ']');
}

static void group(struct json *j, const struct group *g)
{
    static const char *const kinds[] = {[GEN_PROGRAM] = "ProcessGroupConfig",
                                        [GEN_EVENTLISTENER] = "EventListenerPoolConfig",
                                        [GEN_FCGI] = "FastCGIGroupConfig"};
    next(j);
    open_with(j, '{');
    text_member(j, "name", g->name);
    number_member(j, "priority", g->priority);
    text_member(j, "kind", kinds[g->kind]);
    key(j, "procs");
    open_with(j, '[');
    VEC_EACH (&g->procs, i)
        process(j, g->procs.v[i]);
    close_with(j, ']');
    if (g->kind == GEN_EVENTLISTENER)
        events(j, g);
    if (g->kind == GEN_FCGI && g->progs.n && g->progs.v[0]->fcgi)
        text_member(j, "socket", g->progs.v[0]->fcgi->url);
    close_with(j, '}');
}

/* AF_UNIX and AF_INET as Python prints them */
#define FAMILY_UNIX 1
#define FAMILY_INET 2

static void server(struct json *j, const struct server *s)
{
    next(j);
    open_with(j, '{');
    text_member(j, "name", s->name);
    number_member(j, "family", s->unix_socket ? FAMILY_UNIX : FAMILY_INET);
    text_member(j, "section", s->section->name);
    text_member(j, "username", s->o.username);
    text_member(j, "password", s->o.password);
    if (s->unix_socket) {
        text_member(j, "file", s->path);
        key(j, "chown");
        str_printf(j->out, "[%" PRId64 ", %" PRId64 "]", s->o.chown.text ? s->o.chown.uid : -1,
                   s->o.chown.text ? s->o.chown.gid : -1);
        number_member(j, "chmod", s->o.chmod.v);
    } else {
        text_member(j, "host", s->o.port.host);
        number_member(j, "port", s->o.port.port);
    }
    close_with(j, '}');
}

/* logfile and pidfile as the daemon resolves them, against the working folder */
static const char *resolved(const struct conf *c, const char *path, const char *def)
{
    if (path && strcmp(path, "syslog") == 0)
        return path;
    return path_absolute(c->a, &c->paths, path ? path : def);
}

static void supervisord(struct json *j, const struct conf *c)
{
    open_with(j, '{');
    struct sup_opts o = c->sup;
    o.logfile = resolved(c, o.logfile, "supervisord.log");
    o.pidfile = path_absolute(c->a, &c->paths, o.pidfile ? o.pidfile : "supervisord.pid");
    rows_members(j, &rows_supervisord, &o);
    text_member(j, "user", o.user.name);
    text_member(j, "serverurl", conf_server_url(c));
    close_with(j, '}');
}

static void messages(struct json *j, const char *name, const struct conf *c, enum msg_kind kind)
{
    key(j, name);
    open_with(j, '[');
    VEC_EACH (&c->m.list[kind], i) {
        next(j);
        py_json(j->out, c->m.list[kind].v[i].text);
    }
    close_with(j, ']');
}

void conf_dump_json(const struct conf *c, struct str *out)
{
    struct json j = {.out = out, .first = true};
    bool ok = conf_nerrors(c) == 0;
    open_with(&j, '{');
    key(&j, "ok");
    str_puts(out, ok ? "true" : "false");
    text_member(&j, "error", ok ? NULL : conf_error(c, 0));
    messages(&j, "errors", c, MSG_ERROR);
    key(&j, "groups");
    open_with(&j, '[');
    for (size_t i = 0; ok && i < c->groups.n; i++)
        group(&j, c->groups.v[i]);
    close_with(&j, ']');
    messages(&j, "warnings", c, MSG_WARNING);
    messages(&j, "infos", c, MSG_INFO);
    key(&j, "servers");
    open_with(&j, '[');
    for (size_t i = 0; ok && i < c->servers.n; i++)
        server(&j, c->servers.v[i]);
    close_with(&j, ']');
    key(&j, "supervisord");
    if (ok)
        supervisord(&j, c);
    else
        str_puts(out, "{}");
    close_with(&j, '}');
    str_putc(out, '\n');
}
