/* The control server: clients on the control socket, their requests, deferred answers, events and
 * the hand-over of a connection. What it says on the wire: docs/control-protocol.md. Everything is
 * bounded, nothing here waits, and no failed allocation ends the program: it costs the client. */
#ifndef RUN_CTL_H
#define RUN_CTL_H

#include "supervisor/base/err.h"
#include "supervisor/core/wire.h"
#include "supervisor/io/loop.h"
#include "supervisor/io/usock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;
struct ctl_client;
struct state_kept;

/* Who a client is; a verb's row says which of them may use it. */
enum ctl_role {
    CTL_READER = 1, /* a member of socket_group */
    CTL_ADMIN = 2,  /* root, or supd's own user */
    CTL_AGENT = 4,  /* the channel of supd-agent */
    CTL_RPC = 8,    /* the same, while Supervisor's clients are served there */
};
#define CTL_ANYONE (CTL_READER | CTL_ADMIN | CTL_AGENT)
#define CTL_READ (CTL_READER | CTL_ADMIN)

/* One request. It lives until it is answered (ctl_ok, ctl_done, ctl_error, ctl_subscribe,
 * ctl_handed), in the handler or at any time later. */
struct ctl_req {
    const char *id, *verb;
    char **argv; /* the arguments, unescaped; argv[argc] is NULL */
    size_t argc;
    unsigned role; /* enum ctl_role; of the agent's more than one */
    struct usock_peer peer;
    void *data; /* the handler's */
    /* Called if the client goes away before the answer: the handler forgets the request, which is
     * freed right afterwards. Must be set by whoever keeps a request after the handler returned. */
    void (*cancel)(struct ctl_req *rq);
    struct ctl_client *client;
    struct ctl_req *next; /* the server's */
};

typedef void ctl_fn(void *obj, struct ctl_req *rq);

/* One verb: one row. args is its usage after the name, help one line. */
struct ctl_verb {
    const char *name;
    ctl_fn *fn;
    unsigned roles;    /* of enum ctl_role */
    unsigned min, max; /* number of arguments; max 0 and min 0: none */
    const char *args, *help;
};
#define CTL_ANY_ARGS 65535u

/* Bounds; 0 takes the default. */
struct ctl_limits {
    unsigned clients;  /* 64; three quarters of them for readers */
    unsigned inflight; /* 32 requests of one client unanswered; then its next ones wait */
    size_t out_max;    /* 8 MiB wait for one client; more drops it */
    size_t out_high;   /* 1 MiB wait: its next requests are not looked at until it reads */
    dur_t stall;       /* 30 s: nothing read while output waits, or half a line: dropped */
    dur_t idle;        /* 1 s: a client idle for this long makes room when all places are taken */
};

struct ctl_config {
    struct loop *loop;
    const struct ctl_verb *verbs;
    size_t nverbs;
    void *obj;           /* passed to the handlers */
    bool beside;         /* another one may have the default's path: then ours has our pid in it */
    const char *version; /* for the greeting */
    struct ctl_limits limits;
    struct state_kept *kept; /* where the socket and the number of events are kept; NULL: nowhere */
    uint64_t instance;       /* no other supd has it: told to subscribers, unless it is 0 */
};

struct ctl_stats {
    uint64_t accepted, refused, dropped, requests, events;
    unsigned clients, subscribers;
};

/* A server without a socket. NULL and the reason if there is no memory. */
struct ctl *ctl_new(const struct ctl_config *config, struct err *e);
/* Closes everything; requests in flight are cancelled, the socket file is removed. */
void ctl_free(struct ctl **c);
/* Opens the control socket. given: [supd] socket=, or NULL for the rule of sockpath.h. gid: the
 * group that may read, or -1. Where the default's folder cannot be written, an abstract name with
 * random letters is used and logged. 0, or -1 and the reason (EADDRINUSE: another one has it). */
int ctl_open(struct ctl *c, const char *given, int64_t gid, struct err *e);
/* The same with the socket that config.kept names, bound to this path. */
int ctl_go_on(struct ctl *c, const char *path, struct err *e);
/* The path or @name in use, "" before ctl_open. */
const char *ctl_path(const struct ctl *c);
/* Re-creates the socket file if someone removed it. Called by itself when that happens, and by the
 * owner on SIGHUP, for the case that the kernel denies inotify. */
void ctl_check(struct ctl *c);

typedef void ctl_closed_fn(void *obj);
/* Serves an already connected descriptor, which now belongs to the server; closed(obj), if set, is
 * called once when the connection is gone. NULL with errno. No greeting is sent before the turn
 * ends. */
struct ctl_client *ctl_adopt(struct ctl *c, int fd, unsigned roles, ctl_closed_fn *closed,
                             void *obj);
/* What it may use from its next request on. */
void ctl_set_roles(struct ctl_client *cl, unsigned roles);
/* Drops a client at the end of this turn. */
void ctl_drop(struct ctl_client *cl);

void ctl_stats(const struct ctl *c, struct ctl_stats *out);
const struct ctl_verb *ctl_verbs(const struct ctl *c, size_t *out_n);

/* ---- answers ---- */

/* Begins a record, "ID + ..."; fill it with wire_kv and its kin, end it with wire_end. Nothing else
 * may be said to this client in between. */
struct wire_out ctl_row(struct ctl_req *rq);
/* Sends what was said so far, though the answer is not complete. */
void ctl_push(struct ctl_req *rq);
/* Bulk: "ID bytes N" and the bytes. */
void ctl_bytes(struct ctl_req *rq, const void *p, size_t n);
/* The last line, "ID ok"; frees the request. */
void ctl_ok(struct ctl_req *rq);
/* The same with pairs: `struct wire_out w = ctl_ok_begin(rq); wire_kv(...); ctl_done(rq, &w);` */
struct wire_out ctl_ok_begin(struct ctl_req *rq);
void ctl_done(struct ctl_req *rq, struct wire_out *w);
/* The last line, "ID error CODE text"; frees the request. */
void ctl_error(struct ctl_req *rq, enum wire_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "ID error BAD_REQUEST usage: VERB ARGS". */
void ctl_usage(struct ctl_req *rq);

/* ---- events ---- */

/* Answers "ID ok seq=N" and from then on sends every event to this client, under this id. Records
 * written before it in the same call are a snapshot without a gap. Answers BAD_REQUEST if the
 * client has a subscription already. text: it gets text events, too. */
void ctl_subscribe(struct ctl_req *rq, bool text);
/* Begins an event of this type for all subscribers, or returns NULL if there are none; fill it with
 * wire_kv and call ctl_event_end. */
struct wire_out *ctl_event(struct ctl *c, const char *type);
void ctl_event_end(struct ctl *c);
/* The same for an event that carries a program's output: it has no number, only those get it who
 * asked for text, and whoever has too much unread misses it (the next one says how many). */
struct wire_out *ctl_text_event(struct ctl *c, const char *type);
void ctl_text_event_end(struct ctl *c);
bool ctl_has_text_subscribers(const struct ctl *c);
/* Whether an event would reach anybody: asked before work is done for one. */
bool ctl_has_subscribers(const struct ctl *c);
/* An event for one subscriber alone, without a number: begin, fill, wire_end. False if it has no
 * subscription (yet). */
bool ctl_event_to(struct ctl_client *cl, const char *type, struct wire_out *out_w);

/* ---- hand-over ---- */

/* A copy of the connection's descriptor, to be given to another process; the caller closes it. The
 * request lives on: ctl_handed when the other side has it, ctl_error when that did not work.
 * out_pending: replies that the client has not got yet and that have to go out first (valid until
 * ctl_handed). -1 when something else is going on on this connection (other requests, a
 * subscription), or with no descriptor left: the caller answers WIRE_BUSY. */
int ctl_handover(struct ctl_req *rq, const char **out_pending, uint32_t *out_npending);
/* The connection belongs to the other process now: forgets it without a word, and the request. */
void ctl_handed(struct ctl_req *rq);

#endif
