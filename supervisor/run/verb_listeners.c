/* listeners: the event listeners and what waits for them. remote_event: an event from outside. */
#include "supervisor/run/listeners.h"
#include "supervisor/run/verb.h"

void verb_listeners(void *obj, struct ctl_req *rq)
{
    listeners_list(obj, rq);
}

void verb_remote_event(void *obj, struct ctl_req *rq)
{
    listeners_tell_remote(obj, rq->argv[0], rq->argv[1]);
    ctl_ok(rq);
}
