/* GET / of a server: the status page, its style sheet. */
#include "supervisor/rpc/page_http.h"
#include "supervisor/base/mem.h"
#include "supervisor/rpc/page.h"

#include <stdlib.h>
#include <string.h>

#define BY_LINK                                                                                    \
    "A link does not start or stop anything here: press the button in the list below, or use "     \
    "supervisorctl or XML-RPC."

/* The page while supd's records come. */
struct asked {
    struct site *site;
    struct http_in_call *call;
    int status;
    char *filter, *notice;
    char token[PAGE_TOKEN];
    struct page page;
};

static void asked_free(struct asked *a)
{
    page_fini(&a->page);
    free(a->filter);
    free(a->notice);
    free(a);
}

static struct channel *channel_of(const struct asked *a)
{
    return site_agent(a->site)->channel;
}

static void on_gone(struct asked *a)
{
    channel_forget(channel_of(a), a);
    asked_free(a);
}

static struct page_head head_of(const struct asked *a)
{
    const struct agentgen *g = site_agent(a->site)->gen;
    return (struct page_head){.identifier = g && g->identifier ? g->identifier : "supervisor",
                              .token = a->token,
                              .filter = a->filter,
                              .notice = a->notice};
}

static void on_record(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct asked *a = obj;
    const struct page_head h = head_of(a);
    page_row(&a->page, &h, pairs, n);
}

static void on_done(void *obj, const struct wire_reply *last)
{
    struct asked *a = obj;
    struct http_in_call *c = a->call;
    const struct page_head h = head_of(a);
    struct str body = STR_INIT;
    int status = last->kind == WIRE_ERROR ? 503 : a->status;
    page_finish(&a->page, &h, &body);
    asked_free(a);
    if (status == 503) {
        str_fini(&body);
        http_in_error(c, status);
        return;
    }
    page_headers(c);
    http_in_answer(c, status, "text/html; charset=utf-8", &body);
}

void page_headers(struct http_in_call *c)
{
    http_in_set(c, "Content-Security-Policy",
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
                "frame-ancestors 'none'");
    http_in_set(c, "X-Content-Type-Options", "nosniff");
    http_in_set(c, "X-Frame-Options", "DENY");
    http_in_set(c, "Referrer-Policy", "no-referrer");
    http_in_set(c, "Cache-Control", "no-store");
}

void page_serve(struct site *s, struct http_in_call *c, int status, const char *filter,
                const char *notice)
{
    static const struct channel_call_ops ops = {.record = on_record, .done = on_done};
    struct asked *a = mem_zalloc(sizeof(*a));
    *a = (struct asked){.site = s, .call = c, .status = status};
    a->filter = mem_strdup(filter ? filter : "");
    a->notice = notice ? mem_strdup(notice) : NULL;
    if (!site_conf(s) || !page_token(site_pages(s), site_conf(s), a->token) ||
        !channel_call(channel_of(a), "status", NULL, &ops, a)) {
        asked_free(a);
        http_in_error(c, 503);
        return;
    }
    http_in_on_gone(c, LOOP_FN(on_gone, a), a);
}

void route_page(struct site *s, struct http_in_call *c)
{
    const char *action = http_in_query(c, "action"), *id = http_in_query(c, "m");
    const char *filter = http_in_query(c, "q");
    if (action && strcmp(action, "refresh") != 0) {
        http_in_set(c, "Allow", "POST");
        page_serve(s, c, 405, filter, BY_LINK);
        return;
    }
    page_serve(s, c, 200, filter, id ? page_kept(site_pages(s), id) : NULL);
}

void route_page_style(struct site *s, struct http_in_call *c)
{
    struct str body = STR_INIT;
    (void)s;
    str_puts(&body, page_style);
    http_in_set(c, "Cache-Control", "max-age=3600");
    http_in_answer(c, 200, "text/css; charset=utf-8", &body);
}
