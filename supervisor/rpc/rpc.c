/* The paths that are served. */
#include "supervisor/rpc/rpc.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/expo.h"
#include "supervisor/io/http_in.h"

#include <stdlib.h>
#include <string.h>

struct rpc {
    struct agent_program *agent;
    struct http_in *http;
};

static bool more_metrics(void *obj, struct http_in_reply *reply)
{
    struct rpc *r = obj;
    return metrics_step(r->agent, reply->step, &reply->body);
}

static void get_metrics(struct rpc *r, struct http_in_reply *reply)
{
    (void)r;
    reply->type = EXPO_CONTENT_TYPE;
    reply->more = more_metrics;
}

static void get_healthy(struct rpc *r, struct http_in_reply *reply)
{
    (void)r;
    reply->type = "text/plain; charset=utf-8";
    str_puts(&reply->body, "ok\n");
}

static const struct {
    const char *path;
    void (*get)(struct rpc *r, struct http_in_reply *reply);
} paths[] = {
    {"/metrics", get_metrics},
    {"/-/healthy", get_healthy},
};

static void on_request(void *obj, const struct http_in_request *rq, struct http_in_reply *reply)
{
    bool get = strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;
    reply->type = "text/plain; charset=utf-8";
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strcmp(paths[i].path, rq->path) != 0)
            continue;
        if (get) {
            paths[i].get(obj, reply);
        } else {
            reply->status = 405;
            str_puts(&reply->body, "only GET and HEAD\n");
        }
        return;
    }
    reply->status = 404;
    str_puts(&reply->body, "there is /metrics and /-/healthy\n");
}

static void *start(struct agent_program *a, int fd, struct err *e)
{
    struct rpc *r = mem_zalloc(sizeof(*r));
    r->agent = a;
    r->http = http_in_new(a->loop, fd, on_request, r, e);
    if (r->http)
        return r;
    free(r);
    return NULL;
}

static void stop(void **serving)
{
    struct rpc *r = *serving;
    *serving = NULL;
    http_in_free(&r->http);
    free(r);
}

const struct agent_server rpc_server = {start, stop};
