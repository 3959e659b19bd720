/* health: supd-agent tells what a probe found out about its program. */
#include "supervisor/run/health.h"
#include "supervisor/run/ready_probe.h"
#include "supervisor/run/verb.h"

void verb_health(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    int64_t pid = -1;
    const char *restart = verb_option(rq, "restart");
    if (!verb_int_option(rq, "pid", 0, INT32_MAX, &pid))
        return;
    const char *detail = rq->argc > 3 ? rq->argv[3] : "";
    if (rq->argc < 3) {
        ctl_usage(rq);
        return;
    }
    const char *program = rq->argv[0], *probe = rq->argv[1];
    if (!health_set(s, program, probe, rq->argv[2], detail)) {
        ctl_error(rq, WIRE_FAILED, "there are too many probes, or a name is too long");
        return;
    }
    ready_probe_told(s, &(struct ready_probe_word){program, probe, rq->argv[2], detail, (int)pid});
    if (restart && !health_restart(s, program, probe, detail))
        ctl_error(rq, WIRE_DENIED, "[probe:%s] has no on_fail=restart for %s", probe, program);
    else
        ctl_ok(rq);
}
