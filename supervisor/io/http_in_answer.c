/* The HTTP server port: answers, whole, in parts, or as a stream. */
#include "supervisor/base/mem.h"
#include "supervisor/io/http_in_impl.h"

#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX ((size_t)64 << 20) /* that are being sent, together */
#define BLOCK 16384u
#define LARGE ((size_t)128 << 10) /* an answer is watched while it is taken */

/* ---- handing it over ---- */

enum MHD_Result answer_queue(struct http_in_call *c)
{
    conn_move(c->conn, &c->h->sending);
    enum MHD_Result r = MHD_queue_response(c->c, (unsigned)c->status, c->response);
    MHD_destroy_response(c->response);
    c->response = NULL;
    return r;
}

void answer_fini(struct http_in_call *c)
{
    if (c->response)
        MHD_destroy_response(c->response);
    if (c->more)
        TAILQ_REMOVE(&c->h->parts, c, link);
    str_fini(&c->headers);
    str_fini(&c->made);
}

void http_in_set(struct http_in_call *c, const char *name, const char *value)
{
    str_put(&c->headers, name, strlen(name) + 1);
    str_put(&c->headers, value, strlen(value) + 1);
}

static void put_headers(struct http_in_call *c, const char *type)
{
    if (c->h->server)
        MHD_add_response_header(c->response, "Server", c->h->server);
    if (type)
        MHD_add_response_header(c->response, "Content-Type", type);
    MHD_add_response_header(c->response, "X-Content-Type-Options", "nosniff");
    for (const char *p = c->headers.s, *end = p ? p + c->headers.len : p; p < end;) {
        const char *value = p + strlen(p) + 1;
        MHD_add_response_header(c->response, p, value);
        p = value + strlen(value) + 1;
    }
}

static void give(struct http_in_call *c, int status, const char *type, struct MHD_Response *r)
{
    c->answered = true;
    c->status = status;
    c->response = r;
    if (r)
        put_headers(c, type);
    else
        conn_end(c->conn); /* no memory for an answer */
    if (!c->inside)
        call_resume(c);
}

/* ---- a whole one ---- */

void http_in_sending_init(struct http_in_sending *s)
{
    s->bytes = 0;
    TAILQ_INIT(&s->calls);
}

void answer_uncount(struct http_in_call *c)
{
    if (!c->out_bytes)
        return;
    c->h->out->bytes -= c->out_bytes;
    c->out_bytes = 0;
    TAILQ_REMOVE(&c->h->out->calls, c, out);
}

/* Who has taken nothing for longest gives way. */
static void count(struct http_in_call *c, size_t n)
{
    struct http_in_sending *s = c->h->out;
    struct http_in_call *first;
    if (!n)
        return;
    c->out_bytes = n;
    s->bytes += n;
    TAILQ_INSERT_TAIL(&s->calls, c, out);
    while (s->bytes > ANSWERS_MAX && (first = TAILQ_FIRST(&s->calls)) != c)
        conn_end(first->conn);
}

struct large {
    struct http_in_call *call;
    char *text;
    size_t n;
};

static ssize_t on_taken(void *obj, uint64_t pos, char *buf, size_t n)
{
    struct large *l = obj;
    struct http_in_call *c = l->call;
    if (c->out_bytes) {
        TAILQ_REMOVE(&c->h->out->calls, c, out);
        TAILQ_INSERT_TAIL(&c->h->out->calls, c, out);
    }
    n = l->n - pos < n ? l->n - (size_t)pos : n;
    memcpy(buf, l->text + pos, n);
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void large_free(void *obj)
{
    struct large *l = obj;
    free(l->text);
    free(l);
}

/* The text is the response's from now on. */
static struct MHD_Response *response_of(struct http_in_call *c, char *text, size_t n)
{
    struct MHD_Response *r;
    if (n < LARGE) {
        r = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
        if (!r)
            free(text);
        return r;
    }
    struct large *l = mem_alloc(sizeof(*l));
    *l = (struct large){c, text, n};
    r = MHD_create_response_from_callback(n, LARGE / 2, on_taken, l, large_free);
    if (!r)
        large_free(l);
    return r;
}

void http_in_answer(struct http_in_call *c, int status, const char *type, struct str *body)
{
    struct str none = STR_INIT;
    body = body ? body : &none;
    if (body->failed) {
        str_fini(body);
        http_in_error(c, 500);
        return;
    }
    size_t n = body->len;
    char *text = str_take(body);
    struct MHD_Response *r = response_of(c, text, n);
    c->gone = NULL;
    count(c, r && !c->conn->ended ? n : 0);
    give(c, status, type, r);
}

void http_in_error(struct http_in_call *c, int status)
{
    struct str page = STR_INIT;
    const char *name = MHD_get_reason_phrase_for((unsigned)status);
    str_printf(&page,
               "<!DOCTYPE html>\n<html lang=\"en\"><head><title>%d %s</title></head>\n"
               "<body><h1>%d %s</h1></body></html>\n",
               status, name, status, name);
    http_in_answer(c, status, "text/html", &page);
}

/* ---- in parts ---- */

void answer_part(struct http_in *h)
{
    struct http_in_call *c = TAILQ_FIRST(&h->parts);
    if (c && !c->made.failed && c->more(c->more_obj, &c->made, c->step)) {
        c->step++;
    } else if (c) {
        TAILQ_REMOVE(&h->parts, c, link);
        c->more = NULL;
        http_in_answer(c, c->status, c->type, &c->made);
    }
    if (!TAILQ_EMPTY(&h->parts))
        loop_defer(h->loop, &h->part);
}

void http_in_parts(struct http_in_call *c, int status, const char *type, http_in_more_fn *more,
                   void *obj)
{
    c->status = status;
    c->type = type;
    c->more = more;
    c->more_obj = obj;
    str_init(&c->made, ANSWERS_MAX);
    TAILQ_INSERT_TAIL(&c->h->parts, c, link);
    loop_defer(c->h->loop, &c->h->part);
}

/* ---- a stream ---- */

static ssize_t on_read(void *obj, uint64_t pos, char *buf, size_t n)
{
    struct http_in_call *c = obj;
    (void)pos;
    if (c->conn->ended)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    ssize_t got = c->read(c->read_obj, buf, n);
    if (got < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (got == 0)
        call_suspend(c);
    return got;
}

void http_in_stream(struct http_in_call *c, int status, const char *type, http_in_read_fn *read,
                    void *obj)
{
    c->read = read;
    c->read_obj = obj;
    give(c, status, type,
         MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, c, NULL));
}

void http_in_wake(struct http_in_call *c)
{
    if (!c->read || !c->suspended)
        return;
    conn_move(c->conn, &c->h->sending);
    call_resume(c);
}

void http_in_on_gone(struct http_in_call *c, loop_fn *fn, void *obj)
{
    c->gone = fn;
    c->gone_obj = obj;
}
