/* The HTTP server port (libmicrohttpd behind it), in our loop and without threads: requests without
 * a body, answered at once or in parts. */
#ifndef IO_HTTP_IN_H
#define IO_HTTP_IN_H

#include "supervisor/base/str.h"
#include "supervisor/io/loop.h"

struct http_in;

struct http_in_request {
    const char *method, *path; /* the path without its query */
    void *handle;              /* for http_in_header */
};
/* A header's value, or NULL. */
const char *http_in_header(const struct http_in_request *rq, const char *name);

struct http_in_reply {
    int status;       /* 200 unless set */
    const char *type; /* Content-Type; kept until the call returns */
    struct str body;
    /* Set: writes the body in parts. Called once in a turn of the loop, for one request at a time,
     * until it returns false; step counts the calls, from 0. The body is sent when it is whole. */
    bool (*more)(void *obj, struct http_in_reply *reply);
    size_t step;
};

/* Fills the reply, whose body is empty at first; the port frees it. */
typedef void http_in_fn(void *obj, const struct http_in_request *rq, struct http_in_reply *reply);

/* Serves a listening, non-blocking socket, which belongs to the server from now on. At most 64
 * connections, 10 s without a word, 32 KiB for a request's head. NULL and the reason (the socket is
 * closed then, too). */
struct http_in *http_in_new(struct loop *l, int fd, http_in_fn *fn, void *obj, struct err *e);
/* Ends all connections. */
void http_in_free(struct http_in **h);

#endif
