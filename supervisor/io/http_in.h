/* The HTTP server port (libmicrohttpd behind it), in our loop and without threads. A request is
 * answered at once, later, or as a stream that goes on for as long as its client stays. Who says
 * nothing, sends slowly or does not read costs the others nothing: connections, bodies that are
 * being received and answers that are being sent are bounded, and the oldest of them give way. */
#ifndef IO_HTTP_IN_H
#define IO_HTTP_IN_H

#include "supervisor/base/str.h"
#include "supervisor/io/loop.h"

#include <sys/queue.h>
#include <sys/types.h>

struct http_in;      /* a server on one listening socket */
struct http_in_call; /* a request, from its head to the end of its answer */

enum { HTTP_IN_GET = 1, HTTP_IN_HEAD = 2, HTTP_IN_POST = 4, HTTP_IN_OTHER = 8 };

struct http_in_ops {
    /* The head is there. Either answers now, or wants a body of at most *body_max bytes (0: none,
     * and a request that has one is refused). A larger one is refused with 413, a POST that does
     * not tell its length with 411. */
    void (*head)(void *obj, struct http_in_call *c, size_t *body_max);
    /* The request is complete. Answers now, or keeps c and answers later, once. */
    void (*request)(void *obj, struct http_in_call *c);
};

/* ---- what was asked: valid until the answer ---- */

unsigned http_in_method(const struct http_in_call *c); /* one of HTTP_IN_... */
/* The path, decoded (but for %00), without its query. */
const char *http_in_path(const struct http_in_call *c);
/* A header's value, or NULL; a value of the query, decoded, or NULL ("" for one without '='). */
const char *http_in_header(const struct http_in_call *c, const char *name);
const char *http_in_query(const struct http_in_call *c, const char *name);
/* The body and its length; NUL-terminated. */
const char *http_in_body(const struct http_in_call *c, size_t *out_n);
/* A field of a body that is a form (application/x-www-form-urlencoded), decoded: appended to out;
 * false if there is none of that name. */
bool http_in_form(const struct http_in_call *c, const char *name, struct str *out);

/* ---- the answer: one of them, once ---- */

/* A header of the answer; before it. */
void http_in_set(struct http_in_call *c, const char *name, const char *value);
/* A whole body, whose memory is taken over (NULL: none); type may be NULL. A body that failed
 * becomes a 500. c is gone after this. */
void http_in_answer(struct http_in_call *c, int status, const char *type, struct str *body);
/* A small HTML page that says the status and its name. */
void http_in_error(struct http_in_call *c, int status);
/* A body that is made in parts: more(obj, body, step) is called once in a turn of the loop, for one
 * request of the server at a time, until it returns false; step counts from 0. It is sent when it
 * is whole. */
typedef bool http_in_more_fn(void *obj, struct str *body, size_t step);
void http_in_parts(struct http_in_call *c, int status, const char *type, http_in_more_fn *more,
                   void *obj);
/* A stream (chunked for who speaks HTTP/1.1): read fills at most n bytes and returns how many; 0:
 * nothing now, http_in_wake says when there is more; -1: that was all. It must not wake its own
 * stream. Needs http_in_on_gone, which tells when it is over. */
typedef ssize_t http_in_read_fn(void *obj, char *buf, size_t n);
void http_in_stream(struct http_in_call *c, int status, const char *type, http_in_read_fn *read,
                    void *obj);
void http_in_wake(struct http_in_call *c);

/* For who answers later: fn(obj) is called if the client goes away before the answer, and at the
 * end of a stream; c is gone then. Without an answer given by then none may follow. */
void http_in_on_gone(struct http_in_call *c, loop_fn *fn, void *obj);

/* The answers that several servers are sending: 64 MiB together; who has taken nothing for longest
 * gives way. It outlives them. */
struct http_in_sending {
    size_t bytes;
    TAILQ_HEAD(, http_in_call) calls; /* who took something last is the last */
};
void http_in_sending_init(struct http_in_sending *s);

/* Serves a listening, non-blocking socket, which belongs to the server from now on. server: the
 * value of the header Server, or NULL. NULL and the reason (the socket is closed then, too). */
struct http_in_setup {
    struct loop *loop;
    int fd;
    const struct http_in_ops *ops;
    void *obj;
    const char *server;
    struct http_in_sending *sending; /* NULL: it has its own */
};
struct http_in *http_in_new(const struct http_in_setup *setup, struct err *e);
/* Takes no more connections: who comes now is for the next one who has the socket. */
void http_in_quiesce(struct http_in *h);
/* Somebody has come and was not answered yet, but those who wait for us. */
bool http_in_busy(const struct http_in *h);
/* Ends all connections; what waits for an answer is told that it is gone. */
void http_in_free(struct http_in **h);

#endif
