/* The agent's end of its channel to supd: a subscription, requests of its own, and the requests
 * that supd forwards to it. The protocol is the control socket's (docs/control-protocol.md). */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include "supervisor/core/wire.h"
#include "supervisor/io/loop.h"

#include <stdint.h>

struct channel;

/* A request that supd forwarded: answer it once, with channel_ok or channel_error. */
struct channel_req {
    uint32_t ref;
    const char *verb;
    bool admin; /* who asks may change things */
};

typedef void channel_reply_fn(void *obj, const struct wire_reply *r);

struct channel_ops {
    /* a record of the snapshot that the subscription begins with */
    void (*record)(void *obj, const struct wire_pair *pairs, size_t n);
    /* the snapshot is complete; events follow without a gap. instance: which supd counts, 0: it
     * does not say */
    void (*snapshot)(void *obj, uint64_t instance);
    /* an event that is no request; the pairs are valid during the call */
    void (*event)(void *obj, const struct wire_pair *pairs, size_t n);
    /* a forwarded request; its strings are valid during the call */
    void (*request)(void *obj, const struct channel_req *rq, char *const *args, size_t nargs);
    /* the channel is gone: the program ends */
    void (*closed)(void *obj);
};

/* Speaks on fd, which belongs to the channel from now on, and subscribes. NULL and the reason. */
struct channel *channel_new(struct loop *l, int fd, const struct channel_ops *ops, void *obj,
                            struct err *e);
void channel_free(struct channel **c);

/* Asks supd one verb with its arguments (NULL-terminated, or NULL for none); fn is called with its
 * last line (ok or error). Many may wait for their answer (a start asks for each program and each
 * probe); false when so much waits to be read by supd that it would be too much. */
bool channel_ask(struct channel *c, const char *verb, const char *const *args, channel_reply_fn *fn,
                 void *obj);

/* The same for an answer of several lines. Pairs and bytes are valid during the call; record and
 * bytes may be NULL. done is called once, with the last line. */
struct channel_call_ops {
    void (*record)(void *obj, const struct wire_pair *pairs, size_t n);
    void (*bytes)(void *obj, const char *p, size_t n);
    void (*done)(void *obj, const struct wire_reply *last);
};
bool channel_call(struct channel *c, const char *verb, const char *const *args,
                  const struct channel_call_ops *ops, void *obj);
/* Who asked with this obj does not want to know any more: nothing is called. */
void channel_forget(struct channel *c, const void *obj);

/* Answers a forwarded request: any number of rows, then one ok or error. A row and the ok take any
 * number of pairs between begin and end. */
void channel_row_begin(struct channel *c, uint32_t ref);
void channel_ok_begin(struct channel *c, uint32_t ref);
void channel_kv(struct channel *c, const char *key, const char *value);
void channel_kv_int(struct channel *c, const char *key, int64_t value);
void channel_kv_fmt(struct channel *c, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void channel_end(struct channel *c);
void channel_ok(struct channel *c, uint32_t ref);
void channel_error(struct channel *c, uint32_t ref, enum wire_code code, const char *text);

#endif
