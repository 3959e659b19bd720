/* POST /RPC2: a call comes as a body, its answer goes out as one, at once or later. */
#include "supervisor/base/mem.h"
#include "supervisor/core/origin.h"
#include "supervisor/rpc/method.h"
#include "supervisor/rpc/route.h"
#include "supervisor/xmlrpc/read.h"

#include <stdlib.h>

struct answering {
    struct http_in_call *http;
    struct rpc_call *call; /* NULL: it has ended */
    struct xmlrpc_call asked;
    struct str out;
};

static void answering_free(struct answering *a)
{
    rpc_free(&a->call);
    xmlrpc_call_fini(&a->asked);
    str_fini(&a->out);
    free(a);
}

static void on_end(void *obj, struct rpc_call *c)
{
    struct answering *a = obj;
    if (c->fault) {
        str_fini(&a->out);
        xmlrpc_fault(&a->out, c->fault, str_text(&c->text));
    } else {
        xmlrpc_response_end(&a->out);
    }
    a->call = NULL;
    rpc_free(&c);
    http_in_answer(a->http, 200, "text/xml", &a->out);
    answering_free(a);
}

/* The client did not wait: what was begun in supd goes on. */
static void on_gone(struct answering *a)
{
    answering_free(a);
}

static void bad_request(struct http_in_call *h, const struct err *e)
{
    struct str text = STR_INIT;
    str_printf(&text, "this is no XML-RPC call: %s\n", e->msg);
    http_in_answer(h, 400, "text/plain; charset=utf-8", &text);
}

/* A browser sends text/plain to any server for any page; no page of another site is to stop
 * programs by it. */
static bool is_foreign(const struct http_in_call *h)
{
    return origin_is_foreign(&(struct origin){.site = http_in_header(h, "Sec-Fetch-Site"),
                                              .origin = http_in_header(h, "Origin"),
                                              .host = http_in_header(h, "Host")});
}

static void refuse(struct http_in_call *h)
{
    struct str text = STR_INIT;
    str_puts(&text, "a page of another site may not call this\n");
    http_in_answer(h, 403, "text/plain; charset=utf-8", &text);
}

void route_xmlrpc(struct site *s, struct http_in_call *h)
{
    struct err e;
    struct xmlrpc_call asked;
    size_t n;
    if (is_foreign(h)) {
        refuse(h);
        return;
    }
    const char *body = http_in_body(h, &n);
    if (xmlrpc_read_call(body, n, &asked, &e) < 0) {
        bad_request(h, &e);
        return;
    }
    struct answering *a = mem_zalloc(sizeof(*a));
    *a = (struct answering){.http = h, .asked = asked};
    str_init(&a->out, RPC_ANSWER_MAX);
    xmlrpc_response_begin(&a->out);
    http_in_on_gone(h, (loop_fn *)on_gone, a);
    struct rpc_call *c = rpc_begin(site_agent(s), asked.method, asked.params, &a->out, on_end, a);
    if (c)
        a->call = c;
}
