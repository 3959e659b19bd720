/* One exchange over TCP or a unix socket: connect, send, read until something is found. */
#ifndef IO_TCP_OUT_H
#define IO_TCP_OUT_H

#include "supervisor/io/loop.h"
#include "supervisor/io/resolve.h"

struct tcp_call;

enum tcp_error {
    TCP_OK,              /* connected, all sent, and found what was looked for */
    TCP_DNS,             /* the name was not resolved */
    TCP_REFUSED,         /* refused, or there is no way to the host */
    TCP_CONNECT_TIMEOUT, /* no connection before the deadline */
    TCP_READ_TIMEOUT,    /* connected, but the rest did not come before the deadline */
    TCP_CLOSED,          /* closed or reset by the peer before it was found */
    TCP_NOT_FOUND,       /* not found in the first max_bytes, or it cannot be known */
    TCP_LOCAL,           /* our own trouble: descriptors */
};

/* Looks at all that was read so far: 1: found, 0: not yet, -1: it cannot be known. */
typedef int tcp_look_fn(void *obj, const char *p, size_t n);

struct tcp_result {
    enum tcp_error error;
    char text[384];      /* "connection refused by 127.0.0.1:81"; "" with TCP_OK */
    struct netaddr peer; /* len 0: none, or a unix socket */
    int64_t resolve_ns, connect_ns, answer_ns, total_ns; /* -1: not reached */
    const char *got;                                     /* what was read, not NUL-terminated */
    size_t got_len;
};
typedef void tcp_done_fn(void *obj, const struct tcp_result *r);

/* Texts stay the caller's and must stay as they are until done is called. */
struct tcp_request {
    struct loop *loop;
    struct resolve *resolve;
    const char *host; /* a name or an address */
    unsigned port;
    int family;       /* 4, 6, 0 for any */
    const char *path; /* instead of host: a unix socket; '@': an abstract name */
    const char *send; /* NULL: nothing */
    size_t send_len;
    tcp_look_fn *look; /* NULL: nothing is read */
    size_t max_bytes;  /* of what is read */
    int *out_fd;       /* NULL, or where the connection goes with TCP_OK; the caller closes it */
    mono_t deadline;
    tcp_done_fn *done; /* look gets obj, too */
    void *obj;
};

/* Never NULL. done is called once, at the end of a turn; the call is gone then. */
struct tcp_call *tcp_start(const struct tcp_request *rq);
/* Ends it without an answer; NULL is fine. */
void tcp_cancel(struct tcp_call **c);

#endif
