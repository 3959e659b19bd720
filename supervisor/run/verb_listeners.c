/* listeners: the event listeners and what waits for them. remote_event: an event from outside. */
#include "supervisor/run/listeners.h"
#include "supervisor/run/verb.h"

void verb_listeners(void *obj, struct ctl_req *rq)
{
    listeners_list(obj, rq);
}

/* The agent asks for its servers' clients: where there is no server, nobody can have asked it. */
void verb_remote_event(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    if (rq->role == CTL_AGENT && (!s->gen || !s->gen->gen->supd.has_server)) {
        ctl_error(rq, WIRE_DENIED, "no [unix_http_server] or [inet_http_server] is configured");
        return;
    }
    listeners_tell_remote(s, rq->argv[0], rq->argv[1]);
    ctl_ok(rq);
}
