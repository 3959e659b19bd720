/* signal: sends any signal to processes. */
#include "supervisor/base/text.h"
#include "supervisor/conf/value.h"
#include "supervisor/run/verb.h"

static bool signal_one(struct ctl_req *rq, struct proc *p, int sig)
{
    struct err e = {0};
    char name[PROC_NAME_MAX];
    bool up = proc_is_signallable(proc_life(p)) && proc_life(p)->pid;
    bool done = up && proc_signal(p, sig, &e) == 0;
    verb_result(rq, proc_fullname(p, name, sizeof(name)),
                done ? NULL : wire_code_name(up ? WIRE_FAILED : WIRE_NOT_RUNNING),
                done ? ""
                : up ? e.msg
                     : "not running");
    return done;
}

/* -1: there is none. Supervisor's clients may name what it knows, which is less. */
static int number_of(const struct ctl_req *rq)
{
    int sig;
    struct err e;
    if (rq->role & CTL_AGENT)
        return val_signal(rq->argv[0], &sig, &e) < 0 ? -1 : sig;
    return text_signal_number(rq->argv[0]);
}

void verb_signal(void *obj, struct ctl_req *rq)
{
    struct verb_picks v;
    int sig = number_of(rq);
    if (sig < 0) {
        ctl_error(rq, WIRE_BAD_SIGNAL, "no such signal: %.40s (a number, or a name as in kill -l)",
                  rq->argv[0]);
        return;
    }
    if (!verb_pick(obj, rq, rq->argv + 1, rq->argc - 1, &v))
        return;
    size_t failed = v.nunknown;
    for (size_t i = 0; i < v.n; i++)
        failed += !signal_one(rq, v.procs[i], sig);
    verb_unknown(rq, &v);
    verb_finish(rq, failed);
    verb_picks_fini(&v);
}
