/* shutdown, and what belongs to supd-agent: agent, answer. */
#include "supervisor/run/agent.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/verb.h"

#include <stdio.h>

void verb_shutdown(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    char why[96];
    bool again = s->mood == SUP_STOPPING;
    if (rq->role & CTL_AGENT)
        snprintf(why, sizeof(why), "shutdown asked over XML-RPC");
    else
        snprintf(why, sizeof(why), "shutdown asked by pid %d, uid %u", rq->peer.pid, rq->peer.uid);
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv_int(&w, "again", again);
    ctl_done(rq, &w);
    shutdown_begin(s, 0, why);
}

void verb_agent(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    agent_forward(s->agent, rq);
}

void verb_answer(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    agent_answer(s->agent, rq);
}
