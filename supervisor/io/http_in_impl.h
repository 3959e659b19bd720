/* What the parts of the HTTP server port share: http_in.c (server, connections, requests),
 * http_in_answer.c (answers), http_in_asked.c (what was asked). Included by these only. */
#ifndef IO_HTTP_IN_IMPL_H
#define IO_HTTP_IN_IMPL_H

#include "supervisor/io/http_in.h"

#include <microhttpd.h>
#include <stdint.h>
#include <sys/queue.h>

/* A client. In the list of its state: idle (nothing asked, or a head that is not complete),
 * receiving (a body), waiting (for us), sending (an answer); each with the oldest first. */
struct conn {
    TAILQ_ENTRY(conn) link;
    struct conn_list *in; /* NULL: none, it was made to go or is between two */
    mono_t since;         /* it is there */
    struct http_in *h;
    int fd;
    bool ended; /* it was made to go */
    bool asked; /* it had a request */
    struct http_in_call *call;
};
TAILQ_HEAD(conn_list, conn);

struct http_in {
    struct loop *loop;
    const struct http_in_ops *ops;
    void *obj;
    const char *server;
    struct MHD_Daemon *daemon;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_defer work; /* something was resumed */
    unsigned nconns;
    struct conn_list idle, receiving, waiting, sending;
    size_t in_bytes; /* of bodies received */
    struct http_in_sending *out, own_out;
    TAILQ_HEAD(, http_in_call) parts; /* answers that are made in parts */
    struct loop_defer part;
};

struct http_in_call {
    struct http_in *h;
    struct conn *conn;
    struct MHD_Connection *c;
    unsigned method;
    const char *path;
    struct str body;
    size_t body_max;
    size_t in_bytes, out_bytes; /* that the server has counted */
    bool asked;                 /* the request is with the handler */
    bool inside;                /* and that is being called */
    bool suspended;             /* libmicrohttpd leaves it alone */
    bool answered;
    struct MHD_Response *response; /* until it is handed over */
    int status;
    struct str headers; /* NAME\0VALUE\0... */
    loop_fn *gone;
    void *gone_obj;
    /* is the client there, while it is suspended? */
    struct loop_io look;
    struct loop_timer look_again;
    TAILQ_ENTRY(http_in_call) out; /* while out_bytes are counted */
    /* in parts */
    TAILQ_ENTRY(http_in_call) link;
    http_in_more_fn *more;
    void *more_obj;
    size_t step;
    const char *type;
    struct str made;
    /* a stream */
    http_in_read_fn *read;
    void *read_obj;
};

/* ---- http_in.c ---- */
void conn_move(struct conn *c, struct conn_list *to);
/* Has it go: its bytes do not count any more. */
void conn_end(struct conn *c);
/* Leaves the connection alone until call_resume; meanwhile it is watched whether it is there. */
void call_suspend(struct http_in_call *c);
void call_resume(struct http_in_call *c);

/* ---- http_in_answer.c ---- */
/* Hands the answer to libmicrohttpd. */
enum MHD_Result answer_queue(struct http_in_call *c);
void answer_fini(struct http_in_call *c);
/* Its bytes do not count any more. */
void answer_uncount(struct http_in_call *c);
void answer_part(struct http_in *h);

#endif
