/* The sockets of Supervisor's servers, [unix_http_server] and [inet_http_server]: supd has them
 * made and keeps them; supd-agent serves on them. So connections wait while the agent is started
 * again, and an upgrade or a fault refuses nobody. */
#ifndef RUN_SERVERS_H
#define RUN_SERVERS_H

#include "supervisor/run/sup.h"

struct servers;

/* Called once: wrong is NULL when all sockets are there, else why not. */
typedef void servers_open_fn(struct sup *s, const char *wrong);

/* Makes s->servers and has the sockets of the first configuration made. 1: it calls done later; 0:
 * there is nothing to make; -1 and the reason. */
int servers_open(struct sup *s, servers_open_fn *done, struct err *e);
/* The same with the sockets that the state names. 0, or -1 and the reason. */
int servers_go_on(struct sup *s, struct err *e);
/* Another configuration is in use: closes what it does not have, has made what is new, and hands
 * it to the agent. What cannot be made is logged, and tried again with the next one. */
void servers_follow(struct sup *s);
/* Calls fn for each socket. */
void servers_each(const struct sup *s, void (*fn)(void *obj, const char *key, int fd), void *obj);
/* Says in the log which of them let everybody in. */
void servers_say(const struct sup *s);
/* The end: has the paths removed and calls done(s, status). False: there is none. */
bool servers_remove(struct sup *s, void (*done)(struct sup *s, int status));
void servers_free(struct sup *s);

#endif
