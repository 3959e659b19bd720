/* The agent as its own files share it. */
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H

#include "alerts/engine.h"
#include "probes/env.h"
#include "probes/probes.h"
#include "supervisor/agent/agent.h"
#include "supervisor/agent/channel.h"
#include "supervisor/agent/lines.h"
#include "supervisor/agent/procs.h"
#include "supervisor/agent/text.h"
#include "supervisor/conf/agentgen.h"
#include "supervisor/io/dgram.h"

#include <uthash.h>

#define PINGS_MAX 16

struct agent_program;

/* a ping that waits for supd's own answer, so that it proves the way there and back */
struct ping {
    struct agent_program *agent; /* NULL: free */
    uint32_t ref;
};

/* When a probe had its program restarted. */
struct restarts {
    char *probe;
    VEC(mono_t) at;
    bool denied; /* the last one: it has failed since, and may not yet */
    UT_hash_handle hh;
};

/* Output that supd was asked for, see counting.c. */
struct wanted_text {
    char **v;
    size_t n, cap;
};

struct agent_program {
    struct loop *loop;
    struct channel *channel;
    bool has_snapshot; /* of all processes */
    int waiting_gen;   /* a generation that came before it; -1: none */
    int waiting_text;  /* the socket of output that came before the first generation; -1: none */
    struct hand *hand;
    struct agentgen *gen; /* NULL until supd has handed it over */
    int journal;          /* -1: none */
    struct procs *procs;
    struct driver_env env; /* the ports */
    struct probes *probes;
    struct restarts *restarts; /* by probe */
    struct exec *exec;
    struct mail *mail;
    struct send_env send;
    struct engine *engine;
    struct store *store;     /* NULL: nothing is kept */
    struct storing *storing; /* NULL: not opened yet */
    bool store_in_memory;
    struct keeping *keeping;
    /* what metrics count */
    struct text_port *text;
    struct lines *lines;    /* ready=log: */
    struct source *sources; /* of output, by process and channel */
    struct loop_timer last_lines;
    struct wanted_text wanted_text;
    struct dgram *udp, *unix_statsd;
    uint64_t statsd_lost;              /* datagrams */
    char udp_at[300], unix_at[4200];   /* where these are bound */
    const struct agent_server *server; /* what serves HTTP; NULL: nothing */
    void *serving;                     /* its own; NULL: there is none */
    struct logsocks *logsocks;         /* logs that were asked for; NULL: none so far */
    mono_t started;
    mono_t end;         /* supd has closed the channel: no later than that */
    mono_t end_serving; /* ... for those that are connected */
    struct loop_timer end_timer;
    uint64_t events; /* seen */
    bool stopping;   /* supd stops everything */
    struct ping pings[PINGS_MAX];
};

/* One request of supctl that supd forwarded; args[0..n) are its arguments. Answered with
 * channel_ok... or channel_error, now or later. */
typedef void request_fn(struct agent_program *a, const struct channel_req *rq, char *const *args,
                        size_t n);
#define REQUEST(name, who, min, max, args, help) request_fn request_##name;
#include "supervisor/agent/requests.def"
#undef REQUEST

/* Finds the handler, checks the number of arguments, calls it. */
void requests_do(struct agent_program *a, const struct channel_req *rq, char *const *args,
                 size_t n);

#endif
