/* One server: lets in who may come in, and finds the route. */
#include "supervisor/rpc/site.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/basicauth.h"
#include "supervisor/core/origin.h"
#include "supervisor/io/sha1.h"
#include "supervisor/rpc/rpc.h"

#include <stdlib.h>
#include <string.h>

#define LIKE_SUPERVISOR "Medusa/1.12"

static const struct route routes[] = {
#define ROUTE(path, match, methods, where, body_max, fn)                                           \
    {path, match, methods, where, body_max, fn},
#include "supervisor/rpc/routes.def"
#undef ROUTE
};

struct agent_program *site_agent(const struct site *s)
{
    return s->agent;
}

const struct agent_http *site_conf(const struct site *s)
{
    const struct agentgen *g = s->agent->gen;
    for (size_t i = 0; s->key && g && i < g->nservers; i++)
        if (strcmp(g->servers[i].key, s->key) == 0)
            return &g->servers[i];
    return NULL;
}

/* ---- a request ---- */

static bool fits(const struct route *r, const char *path)
{
    return r->match == ROUTE_PREFIX ? strncmp(path, r->path, strlen(r->path)) == 0
                                    : strcmp(path, r->path) == 0;
}

/* *out_known: there is such a path. NULL: not for this method. */
static const struct route *find_route(const struct site *s, const struct http_in_call *c,
                                      bool *out_known)
{
    unsigned where = s->key ? ROUTE_CONTROL : ROUTE_METRICS;
    *out_known = false;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!(routes[i].where & where) || !fits(&routes[i], http_in_path(c)))
            continue;
        *out_known = true;
        if (routes[i].methods & http_in_method(c))
            return &routes[i];
    }
    return NULL;
}

/* Supervisor answers 400 to what it does not know how to do. */
static void no_route(const struct site *s, struct http_in_call *c, bool known)
{
    struct str text = STR_INIT;
    if (s->key) {
        http_in_error(c, !known && http_in_method(c) & (HTTP_IN_GET | HTTP_IN_HEAD) ? 404 : 400);
        return;
    }
    str_puts(&text, known ? "only GET and HEAD\n" : "there is /metrics and /-/healthy\n");
    http_in_answer(c, known ? 405 : 404, "text/plain; charset=utf-8", &text);
}

/* A page of somebody's may be there by a name of its own that leads here. */
static bool is_for_us(const struct agent_http *conf, struct http_in_call *c)
{
    struct str text = STR_INIT;
    const char *host = http_in_header(c, "Host");
    if (!conf->hosts || origin_is_ours(host, conf->hosts))
        return true;
    str_printf(&text,
               "[%s] has no password, or allowed_hosts=: this request is for %.200s. Name that in "
               "allowed_hosts=\n",
               conf->section, host);
    http_in_answer(c, 403, "text/plain; charset=utf-8", &text);
    return false;
}

static bool let_in(const struct site *s, struct http_in_call *c)
{
    const struct agent_http *conf = site_conf(s);
    if (!s->key)
        return true;
    if (!conf) { /* the configuration has just lost it */
        http_in_error(c, 503);
        return false;
    }
    if (!is_for_us(conf, c))
        return false;
    const struct basicauth want = {conf->username, conf->password, sha1_hex};
    int status = basicauth_judge(&want, http_in_header(c, "Authorization"));
    if (status == 200)
        return true;
    if (status == 401) {
        http_in_set(c, "Connection", "close");
        http_in_set(c, "WWW-Authenticate", "Basic realm=\"default\"");
    }
    http_in_error(c, status);
    return false;
}

static void on_head(void *obj, struct http_in_call *c, size_t *body_max)
{
    struct site *s = obj;
    bool known;
    if (!let_in(s, c))
        return;
    const struct route *r = find_route(s, c, &known);
    if (r)
        *body_max = http_in_method(c) == HTTP_IN_POST ? r->body_max : 0;
    else
        no_route(s, c, known);
}

static void on_request(void *obj, struct http_in_call *c)
{
    struct site *s = obj;
    bool known;
    const struct route *r = find_route(s, c, &known);
    if (r)
        r->fn(s, c);
    else
        no_route(s, c, known);
}

void route_ok(struct site *s, struct http_in_call *c)
{
    struct str text = STR_INIT;
    (void)s;
    str_puts(&text, "OK");
    http_in_answer(c, 200, "text/plain", &text);
}

/* ---- life ---- */

struct site *site_new(struct agent_program *a, const char *key, int fd)
{
    struct site *s = mem_zalloc(sizeof(*s));
    *s = (struct site){.agent = a, .key = key ? mem_strdup(key) : NULL, .fd = fd};
    return s;
}

void site_free(struct site **sp)
{
    struct site *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    http_in_free(&s->http);
    fd_close(&s->fd);
    free(s->key);
    free(s);
}

static bool is_wanted(const struct site *s)
{
    const struct agentgen *g = s->agent->gen;
    return g && (s->key ? site_conf(s) != NULL : g->conf->agent.listen.port != 0);
}

bool site_follow(struct site *s)
{
    static const struct http_in_ops ops = {on_head, on_request};
    struct err e;
    if (!is_wanted(s))
        return false;
    if (s->http)
        return true;
    struct http_in_setup setup = {.loop = s->agent->loop,
                                  .fd = s->fd,
                                  .ops = &ops,
                                  .obj = s,
                                  .server = s->key ? LIKE_SUPERVISOR : NULL,
                                  .sending = rpc_sending(s->agent)};
    s->fd = -1;
    s->http = http_in_new(&setup, &e);
    if (!s->http)
        log_error("agent: %s", e.msg);
    return true;
}
