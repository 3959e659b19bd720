/* upgrade: another binary in our place. */
#include "supervisor/run/upgrade.h"
#include "supervisor/run/verb.h"

void verb_upgrade(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    if (verb_going_down(s, rq))
        return;
    upgrade_begin(s, rq->argc ? rq->argv[0] : NULL, rq);
}
