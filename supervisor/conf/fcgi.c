/* What [fcgi-program:x] has beside a program's keys: the socket its processes share. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PREFIX "fcgi-program:"
#define PATH_MAX_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static const char *unix_url(struct conf *c, const char *path, struct err *e)
{
    if (*path != '/') {
        err_set(e, "Unix socket path %s is not an absolute path (unix:///path has three slashes)",
                path);
        return NULL;
    }
    path = path_absolute(c->a, &c->paths, path);
    if (strlen(path) > PATH_MAX_BYTES && !c->rq.exact) {
        err_set(e, "Unix socket path %s is longer than %zu bytes", path, PATH_MAX_BYTES);
        return NULL;
    }
    return arena_printf(c->a, "unix://%s", path);
}

/* Where the host ends: [IPv6], which is ours, or a name without a colon. */
static const char *host_end(const struct conf *c, const char *host)
{
    const char *close = *host == '[' && !c->rq.exact ? strstr(host, "]:") : NULL;
    return close ? close + 1 : strchr(host, ':');
}

static const char *tcp_url(struct conf *c, const char *text, struct err *e)
{
    const char *host = text + strlen("tcp://"), *colon = host_end(c, host), *end;
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

static void read_rows(struct conf *c, struct sect *x, const char *program, struct fcgi_opts *out)
{
    struct names names;
    size_t row = sect_index(&rows_fcgi, "socket");
    names_init(&names, &c->env);
    names_add(&names, (struct name){.key = "program_name", .text = program});
    names_add(&names, (struct name){.key = "here", .text = c->dir});
    for (size_t i = 0; i < rows_fcgi.n; i++)
        sect_row(x, i, out, i == row ? &names : &c->here);
    names_fini(&names);
}

static bool set_url(struct conf *c, const struct sect *x, struct fcgi_opts *f)
{
    struct err e;
    struct pos at = sect_pos(x, sect_index(&rows_fcgi, "socket"));
    if (!f->socket || !*f->socket) {
        conf_fail(c, at,
                  "[%s] section requires a \"socket\" line (as in "
                  "socket=unix:///run/app.sock)",
                  x->s->name);
        return false;
    }
    f->url = socket_url(c, f, &e);
    if (!f->url)
        conf_fail(c, at, "%s in [%s] socket", e.msg, x->s->name);
    return f->url;
}

struct fcgi_opts *load_fcgi(struct conf *c, const struct group *g, const struct ini_section *s)
{
    struct sect x;
    struct err e;
    const char *name;
    /* in a group Supervisor takes it for a program and gives it no socket */
    if (strncmp(s->name, PREFIX, strlen(PREFIX)) != 0 || (c->rq.exact && g->kind != GEN_FCGI) ||
        val_name(c->a, s->name + strlen(PREFIX), &name, &e) < 0)
        return NULL;
    struct fcgi_opts *f = arena_alloc(c->a, sizeof(*f));
    sect_init(&x, c, s, &rows_fcgi);
    read_rows(c, &x, name, f);
    if (g->kind == GEN_FCGI)
        check_user(c, g);
    return set_url(c, &x, f) ? f : NULL;
}

/* ---- what the file alone does not tell ---- */

static void check_folder(struct conf *c, const struct prog *p, struct pos at)
{
    struct stat st;
    const char *path = p->fcgi->url + strlen("unix://");
    const char *folder = path_dirname(c->a, path);
    if (strncmp(p->fcgi->url, "unix://", strlen("unix://")) != 0)
        return;
    if (stat(folder, &st) < 0)
        conf_warn(c, at, "[%s] socket: the folder %s cannot be used: %s", p->section->name, folder,
                  strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        conf_warn(c, at, "[%s] socket: %s is no folder", p->section->name, folder);
    else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode) && !S_ISLNK(st.st_mode))
        conf_warn(c, at, "[%s] socket: %s is there and no socket; it will not be replaced",
                  p->section->name, path);
}

typedef VEC(const struct prog *) prog_vec;

static void check_shared(struct conf *c, const prog_vec *before, const struct prog *p,
                         struct pos at)
{
    VEC_EACH (before, i) {
        const struct prog *q = before->v[i];
        if (q->section == p->section || strcmp(q->fcgi->url, p->fcgi->url) != 0)
            continue;
        conf_warn(c, at, "[%s] socket: %s is that of [%s], too: a connection goes to either",
                  p->section->name, p->fcgi->url, q->section->name);
        return;
    }
}

void check_fcgi(struct conf *c)
{
    prog_vec seen = VEC_INIT;
    VEC_EACH (&c->groups, i) {
        const struct group *g = c->groups.v[i];
        VEC_EACH (&g->progs, j) {
            const struct prog *p = g->progs.v[j];
            struct sect x;
            if (!p->fcgi || g->hidden || c->rq.exact)
                continue;
            sect_init(&x, c, p->section, &rows_fcgi);
            struct pos at = sect_pos(&x, sect_index(&rows_fcgi, "socket"));
            check_folder(c, p, at);
            check_shared(c, &seen, p, at);
            VEC_PUSH(&seen, p);
        }
    }
    VEC_FINI(&seen);
}
