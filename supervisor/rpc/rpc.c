/* The servers: those whose sockets supd has handed over. */
#include "supervisor/rpc/rpc.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/expo.h"
#include "supervisor/rpc/page_state.h"
#include "supervisor/rpc/site.h"

#include <stdlib.h>
#include <string.h>

struct rpc {
    struct agent_program *agent;
    size_t half_made;
    struct turns logs;
    struct http_in_sending sending;
    struct tailings tailings;
    struct page_state *pages;
    TAILQ_HEAD(, site) sites;
};

static bool more_metrics(void *obj, struct str *body, size_t step)
{
    return metrics_step(obj, step, body);
}

void route_metrics(struct site *s, struct http_in_call *c)
{
    http_in_parts(c, 200, EXPO_CONTENT_TYPE, more_metrics, site_agent(s));
}

void route_healthy(struct site *s, struct http_in_call *c)
{
    struct str text = STR_INIT;
    (void)s;
    str_puts(&text, "ok\n");
    http_in_answer(c, 200, "text/plain; charset=utf-8", &text);
}

struct page_state *site_pages(const struct site *s)
{
    const struct rpc *r = site_agent(s)->serving;
    return r->pages;
}

size_t *rpc_half_made(const struct agent_program *a)
{
    struct rpc *r = a->serving;
    return &r->half_made;
}

struct turns *rpc_log_turns(const struct agent_program *a)
{
    struct rpc *r = a->serving;
    return &r->logs;
}

struct http_in_sending *rpc_sending(const struct agent_program *a)
{
    struct rpc *r = a->serving;
    return &r->sending;
}

struct tailings *rpc_tailings(const struct agent_program *a)
{
    struct rpc *r = a->serving;
    return &r->tailings;
}

static void *start(struct agent_program *a)
{
    struct rpc *r = mem_zalloc(sizeof(*r));
    r->agent = a;
    turns_init(&r->logs, a->loop);
    http_in_sending_init(&r->sending);
    r->pages = page_state_new();
    TAILQ_INIT(&r->sites);
    return r;
}

static void drop(struct rpc *r, struct site *s)
{
    TAILQ_REMOVE(&r->sites, s, link);
    site_free(&s);
}

static bool is_called(const struct site *s, const char *key)
{
    return s->key && key ? strcmp(s->key, key) == 0 : !s->key && !key;
}

/* The configuration may come before its sockets or after them. */
static void take(void *serving, const char *key, int fd)
{
    struct rpc *r = serving;
    struct site *s, *next;
    for (s = TAILQ_FIRST(&r->sites); s; s = next) {
        next = TAILQ_NEXT(s, link);
        if (is_called(s, key))
            drop(r, s);
    }
    s = site_new(r->agent, key, fd);
    TAILQ_INSERT_TAIL(&r->sites, s, link);
    site_follow(s);
}

static void follow(void *serving)
{
    struct rpc *r = serving;
    struct site *s, *next;
    for (s = TAILQ_FIRST(&r->sites); s; s = next) {
        next = TAILQ_NEXT(s, link);
        if (!site_follow(s) && s->http)
            drop(r, s);
    }
}

static void quiesce(void *serving)
{
    struct rpc *r = serving;
    struct site *s;
    TAILQ_FOREACH (s, &r->sites, link)
        if (s->http)
            http_in_quiesce(s->http);
}

static bool is_busy(void *serving)
{
    struct rpc *r = serving;
    struct site *s;
    TAILQ_FOREACH (s, &r->sites, link)
        if (s->http && http_in_busy(s->http))
            return true;
    return false;
}

static void stop(void **serving)
{
    struct rpc *r = *serving;
    *serving = NULL;
    while (!TAILQ_EMPTY(&r->sites))
        drop(r, TAILQ_FIRST(&r->sites));
    turns_fini(&r->logs);
    page_state_free(&r->pages);
    free(r);
}

const struct agent_server rpc_server = {start, stop, take, follow, quiesce, is_busy};
