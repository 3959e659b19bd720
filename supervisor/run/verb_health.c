/* health: supd-agent tells what a probe found out about its program. */
#include "supervisor/run/health.h"
#include "supervisor/run/verb.h"

void verb_health(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    const char *restart = verb_option(rq, "restart");
    const char *detail = rq->argc > 3 ? rq->argv[3] : "";
    if (rq->argc < 3) {
        ctl_usage(rq);
        return;
    }
    if (!health_set(s, rq->argv[0], rq->argv[1], rq->argv[2], detail))
        ctl_error(rq, WIRE_FAILED, "there are too many probes, or a name is too long");
    else if (restart && !health_restart(s, rq->argv[0], rq->argv[1], detail))
        ctl_error(rq, WIRE_DENIED, "[probe:%s] has no on_fail=restart for %s", rq->argv[1],
                  rq->argv[0]);
    else
        ctl_ok(rq);
}
