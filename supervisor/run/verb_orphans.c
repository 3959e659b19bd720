/* Verb orphans: what programs left behind. */
#include "supervisor/run/orphans.h"
#include "supervisor/run/verb.h"

void verb_orphans(void *obj, struct ctl_req *rq)
{
    orphans_list(obj, rq);
}
