/* What [fcgi-program:x] has beside a program's keys: the socket its processes share. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <string.h>

static const char *unix_url(struct conf *c, const char *path, struct err *e)
{
    if (*path != '/') {
        err_set(e, "Unix socket path %s is not an absolute path (unix:///path has three slashes)",
                path);
        return NULL;
    }
    return arena_printf(c->a, "unix://%s", path_absolute(c->a, &c->paths, path));
}

static const char *tcp_url(struct conf *c, const char *text, struct err *e)
{
    const char *host = text + strlen("tcp://"), *colon = strchr(host, ':'), *end;
    int64_t port;
    if (!colon || colon == host || strcspn(host, " \t\r\n\v\f") < (size_t)(colon - host) ||
        !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        err_set(e, "Bad socket format %s (unix:///path or tcp://host:port)", text);
        return NULL;
    }
    end = colon;
    if (py_int(colon + 1, 10, &port) != PY_INT_OK || port < 1 || port > 65535) {
        err_set(e, "port %s is not between 1 and 65535", colon + 1);
        return NULL;
    }
    char *low = arena_strndup(c->a, host, (size_t)(end - host));
    py_lower(low);
    return arena_printf(c->a, "tcp://%s:%d", low, (int)port);
}

static const char *socket_url(struct conf *c, const struct fcgi_opts *o, struct err *e)
{
    if (strncmp(o->socket, "unix://", 7) == 0)
        return unix_url(c, o->socket + 7, e);
    if (o->owner.text || o->mode.set) {
        err_set(e, "socket_owner and socket_mode params should only be used with a Unix domain "
                   "socket");
        return NULL;
    }
    if (strncmp(o->socket, "tcp://", 6) == 0)
        return tcp_url(c, o->socket, e);
    err_set(e, "Bad socket format %s (unix:///path or tcp://host:port)", o->socket);
    return NULL;
}

/* user= as the group's own check sees it: it may not use the program's names */
static void check_user(struct conf *c, const struct group *g)
{
    struct sect x;
    struct proc_opts o = {0};
    sect_init(&x, c, g->section, &rows_program);
    sect_row(&x, sect_index(&rows_program, "user"), &o, &c->here);
}

void load_fcgi(struct conf *c, struct group *g)
{
    struct sect x;
    struct names names;
    struct err e;
    size_t row = sect_index(&rows_fcgi, "socket");
    sect_init(&x, c, g->section, &rows_fcgi);
    names_init(&names, &c->env);
    names_add(&names, (struct name){.key = "program_name", .text = g->name});
    names_add(&names, (struct name){.key = "here", .text = c->dir});
    for (size_t i = 0; i < rows_fcgi.n; i++)
        sect_row(&x, i, &g->fcgi, i == row ? &names : &c->here);
    names_fini(&names);
    check_user(c, g);
    if (!g->fcgi.socket || !*g->fcgi.socket) {
        conf_fail(c, sect_pos(&x, row),
                  "[%s] section requires a \"socket\" line (as in "
                  "socket=unix:///run/app.sock)",
                  g->section->name);
        return;
    }
    g->fcgi.url = socket_url(c, &g->fcgi, &e);
    if (!g->fcgi.url)
        conf_fail(c, sect_pos(&x, row), "%s in [%s] socket", e.msg, g->section->name);
}
