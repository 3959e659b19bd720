/* One server: a listening socket, who may come in, and what it serves. */
#ifndef RPC_SITE_H
#define RPC_SITE_H

#include "supervisor/rpc/route.h"

#include <sys/queue.h>

struct site {
    TAILQ_ENTRY(site) link;
    struct agent_program *agent;
    char *key;            /* of a server of Supervisor's (core/hand.h); NULL: [agent] listen= */
    int fd;               /* until it serves; -1 then */
    struct http_in *http; /* NULL: the configuration does not know it (yet) */
};

/* A site for a listening socket, which belongs to it. It serves nothing yet. */
struct site *site_new(struct agent_program *a, const char *key, int fd);
void site_free(struct site **s);
/* Serves if the configuration in use has it. False: it has it not. */
bool site_follow(struct site *s);

#endif
