/* matched: supd-agent tells what it found in the output of a program with ready=log:. */
#include "supervisor/base/text.h"
#include "supervisor/run/ready_log.h"
#include "supervisor/run/verb.h"

#include <string.h>

static const char *const words[] = {[READY_LOG_FOUND] = "FOUND",
                                    [READY_LOG_SKIPPED] = "SKIPPED",
                                    [READY_LOG_GIVEN_UP] = "GIVEN_UP"};
#define NWORDS (sizeof(words) / sizeof(words[0]))

void verb_matched(void *obj, struct ctl_req *rq)
{
    int64_t key, run;
    size_t what = 0;
    while (what < NWORDS && strcmp(words[what], rq->argv[2]) != 0)
        what++;
    if (what == NWORDS || text_int(rq->argv[0], 1, UINT32_MAX, &key, NULL) < 0 ||
        text_int(rq->argv[1], 0, UINT32_MAX, &run, NULL) < 0) {
        ctl_usage(rq);
        return;
    }
    ready_log_told(obj, (uint32_t)key, (uint32_t)run, (enum ready_log_said)what);
    ctl_ok(rq);
}
