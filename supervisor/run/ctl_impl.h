/* What the control server's own files share: the server and its connections. */
#ifndef RUN_CTL_IMPL_H
#define RUN_CTL_IMPL_H

#include "supervisor/io/pathwatch.h"
#include "supervisor/run/ctl.h"

#include <sys/stat.h>

#define CTL_READ_CHUNK 16384u
#define CTL_TURN_REQUESTS 64u /* of one client in one turn */

struct ctl_client {
    struct ctl *ctl;
    int fd;
    struct loop_io io;
    struct loop_timer timer; /* armed only while half a line or unread output waits */
    struct usock_peer peer;
    unsigned role;
    struct wire_buf in;
    struct str out;
    size_t out_at;        /* bytes of out that were sent */
    struct ctl_req *reqs; /* in flight */
    unsigned nreqs;
    char sub_id[WIRE_ID_MAX + 1]; /* "": no subscription */
    bool text;                    /* it wants text events, too */
    uint64_t missed;              /* text events that it did not get since the last one */
    bool eof;                     /* it will send no more */
    bool closing;                 /* closed once its output is sent */
    bool dead;                    /* closed at the end of the turn, whatever waits */
    bool more;                    /* complete lines wait for the next turn */
    mono_t used;                  /* when it last asked something */
    mono_t line_due, read_due;    /* half a line, unread output: dropped then; 0: nothing waits */
    ctl_closed_fn *closed;
    void *closed_obj;
};

struct ctl {
    struct ctl_config config;
    struct ctl_limits limits;
    int fd;
    struct loop_io io;
    struct loop_timer retry; /* accept after EMFILE; a lost socket that could not be made again */
    struct loop_defer turn;
    bool touched; /* a client has something to send */
    struct pathwatch watch;
    char *path;
    int64_t gid;
    dev_t dev;
    ino_t ino;
    dur_t relisten; /* the next wait before the lost socket is made again; 0: it is not lost */
    unsigned uid;   /* ours */
    struct ctl_client **clients;
    unsigned nclients, nsubscribers, ntext;
    uint64_t own_seq, *seq; /* events so far */
    struct str event;
    struct wire_out event_out;
    struct ctl_stats stats;
};

/* ctl.c */
/* Listens on exactly this path. 0, or -1 and the reason. */
int ctl_open_path(struct ctl *c, const char *path, int64_t gid, struct err *e);
/* Queues the end-of-turn work. */
void ctl_touch(struct ctl *c);

/* ctl_client.c */
struct ctl_client *ctl_client_new(struct ctl *c, int fd, const struct usock_peer *peer,
                                  unsigned role);
/* Says "* error BUSY text" as far as the socket takes it, and closes. */
void ctl_client_evict(struct ctl_client *cl, const char *text);
/* Sends, looks at waiting requests, sets the watcher; false if the client is to be freed. */
bool ctl_client_turn(struct ctl_client *cl);
/* Cancels, closes, frees. The caller has taken it out of the list. */
void ctl_client_free(struct ctl_client *cl);
/* Nothing is going on, and it last asked before this time. */
bool ctl_client_idle(const struct ctl_client *cl, mono_t before);
/* Sends what waits, as far as the socket takes it. */
void ctl_client_send(struct ctl_client *cl);
size_t ctl_client_waiting(const struct ctl_client *cl);
void ctl_client_unsubscribe(struct ctl_client *cl);

/* ctl_req.c */
/* One request line: answered at once, or in flight afterwards. */
void ctl_dispatch(struct ctl_client *cl, const char *line, size_t n);
void ctl_cancel_all(struct ctl_client *cl);

#endif
