/* One attempt to deliver notices through one notifier. Whoever calls it decides when, how often,
 * and what then (alerts/rules/outbox). */
#ifndef ALERTS_SEND_H
#define ALERTS_SEND_H

#include "alerts/payload/tell.h"
#include "supervisor/io/loop.h"

struct http;
struct exec;
struct mail;

/* The ports it goes out through; they live as long as the agent. */
struct send_env {
    struct loop *loop;
    struct http *http;
    struct exec *exec;
    struct mail *mail;
};

struct send; /* one attempt */

/* Called once for each attempt that was not cancelled, at the end of a turn and never from inside
 * send_start; the verdict is valid during the call. Its text holds none of the item's secrets. */
typedef void send_done_fn(void *obj, const struct tell_verdict *v);

struct send_request {
    struct send_env *env;
    const struct item *item; /* a [notify:N]; stays until the answer or send_cancel */
    const struct notice *const *notices;
    size_t n; /* 1, unless the notifier's tell says batches; the notices may go after send_start */
    send_done_fn *done;
    void *obj;
};

/* Begins an attempt, which is answered after the item's timeout= at the latest (a command that has
 * to be killed: EXEC_GRACE later; a mail whose server does not answer QUIT: timeout= later). Never
 * NULL; it is gone when done is called. */
struct send *send_start(const struct send_request *rq);
/* Ends it without an answer; whether it was taken is then not known. NULL is fine. */
void send_cancel(struct send **s);

#endif
