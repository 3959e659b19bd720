/* The control servers: [unix_http_server...] and [inet_http_server...]. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

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

/* ---- where a TCP server listens ---- */

/* A name that has both means IPv4, as in Supervisor. */
static struct addrinfo *look_up(const char *host, int *out_why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *found = NULL;
    *out_why = getaddrinfo(host, NULL, &hints, &found);
    hints.ai_family = AF_UNSPEC;
    if (*out_why)
        *out_why = getaddrinfo(host, NULL, &hints, &found);
    return *out_why ? NULL : found;
}

static bool is_loopback(const struct sockaddr *sa)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)sa;
    if (sa->sa_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The host as an address, since supd itself asks no name server; *out_loopback: only this machine
 * gets there. False: that name means nothing. */
static bool find_host(struct conf *c, struct server *sv, bool *out_loopback)
{
    const char *host = sv->o.port.host;
    size_t n = strlen(host);
    char text[NI_MAXHOST];
    int why;
    *out_loopback = false;
    sv->host = "";
    if (!n)
        return true;
    if (host[0] == '[' && host[n - 1] == ']')
        host = arena_strndup(c->a, host + 1, n - 2);
    struct addrinfo *found = look_up(host, &why);
    if (found)
        why = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0,
                          NI_NUMERICHOST);
    if (why) {
        conf_fail(c, pos_section(sv->section), "section [%s]: port=%s: %s", sv->section->name,
                  sv->o.port.text, gai_strerror(why));
    } else {
        sv->host = arena_strdup(c->a, text);
        *out_loopback = is_loopback(found->ai_addr);
    }
    if (found)
        freeaddrinfo(found);
    return !why;
}

static void finish_inet(struct conf *c, struct server *sv)
{
    if (!sv->o.port.text)
        conf_fail(c, pos_section(sv->section),
                  "section [%s] has no port value (add port=127.0.0.1:9001)", sv->section->name);
    else if (!c->rq.exact && find_host(c, sv, &sv->loopback) && !sv->loopback && !sv->o.username &&
             !sv->o.allow_unauthenticated)
        conf_fail(c, pos_section(sv->section),
                  "section [%s]: port=%s serves other machines, and anybody there could stop all "
                  "programs: give it a username and a password, or make it port=127.0.0.1:%d, or "
                  "say allow_unauthenticated=true",
                  sv->section->name, sv->o.port.text, sv->o.port.port);
}

const char *conf_server_url_of(const struct conf *c, const struct server *sv)
{
    if (sv->unix_socket)
        return arena_printf(c->a, "unix://%s", sv->path);
    const char *host = sv->host ? sv->host : sv->o.port.host;
    bool six = sv->host && strchr(host, ':');
    return arena_printf(c->a, "tcp://%s%s%s:%d", six ? "[" : "", host, six ? "]" : "",
                        sv->o.port.port);
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
    else if (whole)
        finish_inet(c, sv);
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
