/* supd-agent: what it does with events and with the requests that supd forwards. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "supervisor/base/err.h"

#include <stdbool.h>

struct agent_program;

/* What serves HTTP, on the listening sockets that supd hands over. */
struct agent_server {
    void *(*start)(struct agent_program *a);
    void (*stop)(void **serving);
    /* A listening socket, which is its own: the server of that key (core/hand.h), or NULL: that of
     * [agent] listen=. It replaces the one before. */
    void (*take)(void *serving, const char *key, int fd);
    void (*follow)(void *serving); /* there is another configuration */
    /* supd is gone: nobody is let in any more; somebody who was has not been answered yet */
    void (*quiesce)(void *serving);
    bool (*busy)(void *serving);
};

/* Serves the channel, HAND_CHANNEL_FD, until it closes. Returns the exit status: 0 when it ended in
 * order, 1 (with a message in the log) when it could not begin. server may be NULL. */
int agent_run(const struct agent_server *server);

/* Checks the generation on this descriptor further than the load child can, which has no foreign
 * library, and writes what is wrong to descriptor 1, a line each: "error|warning TAB FILE TAB LINE
 * TAB TEXT". helped: files that our user may not open will be opened by supd-log. Returns the exit
 * status: 0, also with errors found; 1 if it could not check. */
int agent_check(int fd, bool helped);

struct agentgen;
/* Reads the generation on a descriptor, which stays the caller's; NULL and the reason. */
struct agentgen *agent_read_gen(int fd, struct err *e);

#endif
