/* supd's side of supd-agent: starts it, keeps its channel, forwards requests to it. */
#ifndef RUN_AGENT_H
#define RUN_AGENT_H

#include "supervisor/run/ctl.h"
#include "supervisor/run/sup.h"

#include <stdbool.h>

struct agent;

/* Makes s->agent and starts supd-agent if the configuration needs it; later deaths are made good by
 * themselves, with backoff. 0, or -1 and the reason: a needed program that is missing. */
int agent_setup(struct sup *s, struct err *e);
/* The same when another supd has started one: that ends by itself, since its channel is gone, and
 * then ours is started. */
int agent_go_on(struct sup *s, struct err *e);
/* From the reap loop: true if pid was supd-agent. */
bool agent_reaped(struct agent *a, int pid, int status);
/* A new configuration is in use: starts or ends the agent as it needs. */
void agent_follow(struct agent *a);
/* There is a listening socket for it (servers.h), which stays the caller's. */
void agent_take_server(struct agent *a, const char *key, int fd);
/* Hands it the socket of a log that it asked for; false: it does not take it now. The socket stays
 * the caller's. */
bool agent_take_log(struct agent *a, const char *ref, int fd);
/* The shutdown: tells it to end by closing its channel; no restart after this. fn(obj) is called
 * once when it is gone, or after 1.8 s (it is killed then); never from inside this call. a may be
 * NULL. */
void agent_close(struct agent *a, loop_fn *fn, void *obj);
/* Its pid, or 0. */
int agent_pid(const struct agent *a);
/* It has a channel to us. a may be NULL. */
bool agent_is_there(const struct agent *a);
void agent_free(struct agent **a);

/* Forwards a request's arguments to the agent and answers it when the agent did; answers FAILED at
 * once when there is no agent. */
void agent_forward(struct agent *a, struct ctl_req *rq);
/* The agent's answer to a forwarded request, "answer REF +|ok|error ..." (a verb of its channel).
 */
void agent_answer(struct agent *a, struct ctl_req *rq);

#endif
