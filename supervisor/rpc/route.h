/* What is served over HTTP, as the handlers of its paths see it. A handler is one row of routes.def
 * and usually one file. It gets a complete request (io/http_in.h says how to look at it) and
 * answers it once: at once, later from a callback (http_in_on_gone tells it if the client did not
 * wait), in parts, or as a stream. What it wants to know of supd, or wants done, it asks for over
 * the agent's channel (channel_call, agent/channel.h): records and bulk as they come, then the last
 * line. It never waits. */
#ifndef RPC_ROUTE_H
#define RPC_ROUTE_H

#include "supervisor/agent/channel.h"
#include "supervisor/agent/program.h"
#include "supervisor/io/http_in.h"

struct site; /* one server: a listening socket, and who may come in */

/* Where a route is served. */
enum {
    ROUTE_METRICS = 1, /* [agent] listen= */
    ROUTE_CONTROL = 2, /* the servers of Supervisor: [unix_http_server], [inet_http_server] */
};
enum route_match { ROUTE_EXACT, ROUTE_PREFIX /* all paths that begin so */ };

typedef void route_fn(struct site *s, struct http_in_call *c);

/* One row of routes.def, which is searched from its top. Who is not let in (user name and password
 * of the server) never gets to a handler. */
struct route {
    const char *path;
    enum route_match match;
    unsigned methods; /* of HTTP_IN_GET, HTTP_IN_HEAD, HTTP_IN_POST */
    unsigned where;   /* of ROUTE_METRICS, ROUTE_CONTROL */
    size_t body_max;  /* of a POST; larger ones are refused with 413 */
    route_fn *fn;
};

#define ROUTE(path, match, methods, where, body_max, fn) route_fn fn;
#include "supervisor/rpc/routes.def"
#undef ROUTE

/* The agent: its channel is ->channel, the loop ->loop, what the configuration says of processes
 * and [supervisord] identifier= ->gen (NULL until supd has handed it over). */
struct agent_program *site_agent(const struct site *s);
/* The server as the configuration has it (its section, its user name); NULL for [agent] listen=. */
const struct agent_http *site_conf(const struct site *s);
/* What the status pages of all servers keep (page_state.h). */
struct page_state;
struct page_state *site_pages(const struct site *s);

#endif
