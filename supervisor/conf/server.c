/* The control servers: [unix_http_server...] and [inet_http_server...]. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <string.h>

static void check_auth(struct conf *c, const struct server *sv)
{
    if (!sv->o.username != !sv->o.password)
        conf_fail(c, pos_section(sv->section),
                  "Section [%s] contains incomplete authentication: If a username or a password is "
                  "specified, both the username and password must be specified",
                  sv->section->name);
}

static void finish_unix(struct conf *c, struct server *sv)
{
    if (!sv->o.file) {
        conf_fail(c, pos_section(sv->section),
                  "section [%s] has no file value (add "
                  "file=/run/supervisor.sock)",
                  sv->section->name);
        return;
    }
    const char *b = sv->o.file, *e = b + strlen(b);
    py_strip(&b, &e);
    const char *file = path_expand_user(c->a, &c->paths, arena_strndup(c->a, b, (size_t)(e - b)));
    sv->path = path_absolute(c->a, &c->paths, file);
}

static void load_server(struct conf *c, const struct ini_section *s, bool is_unix)
{
    struct server *sv = arena_alloc(c->a, sizeof(*sv));
    const struct opt_table *t = is_unix ? &rows_unix_server : &rows_inet_server;
    const char *colon = strchr(s->name, ':');
    struct sect x;
    *sv = (struct server){.section = s, .unix_socket = is_unix, .name = colon ? colon + 1 : NULL};
    size_t before = c->m.list[MSG_ERROR].n;
    sect_init(&x, c, s, t);
    for (size_t i = 0; i < t->n; i++)
        sect_row(&x, i, &sv->o, strcmp(t->rows[i].name, "file") == 0 ? &c->here : &c->env);
    bool whole = c->m.list[MSG_ERROR].n == before;
    if (whole)
        check_auth(c, sv);
    if (whole && is_unix)
        finish_unix(c, sv);
    else if (whole && !sv->o.port.text)
        conf_fail(c, pos_section(s), "section [%s] has no port value (add port=127.0.0.1:9001)",
                  s->name);
    VEC_PUSH(&c->servers, sv);
}

static void load_kind(struct conf *c, const char *prefix, bool is_unix)
{
    VEC_EACH (&c->ini.sections, i) {
        const struct ini_section *s = c->ini.sections.v[i];
        if (strncmp(s->name, prefix, strlen(prefix)) == 0)
            load_server(c, s, is_unix);
    }
}

void load_servers(struct conf *c)
{
    load_kind(c, "inet_http_server", false);
    load_kind(c, "unix_http_server", true);
}

const char *conf_server_url(const struct conf *c)
{
    VEC_EACH (&c->servers, i) {
        const struct server *s = c->servers.v[i];
        if (s->unix_socket && s->path)
            return arena_printf(c->a, "unix://%s", s->path);
    }
    VEC_EACH (&c->servers, i) {
        const struct server *s = c->servers.v[i];
        if (!s->unix_socket && s->o.port.text)
            return arena_printf(c->a, "http://%s:%d",
                                *s->o.port.host ? s->o.port.host : "localhost", s->o.port.port);
    }
    return NULL;
}
