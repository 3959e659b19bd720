/* The twin of run/agent.h: there is no agent. */
#include "supervisor/run/agent.h"

int agent_setup(struct sup *s, struct err *e)
{
    (void)s, (void)e;
    return 0;
}

int agent_go_on(struct sup *s, struct err *e)
{
    (void)s, (void)e;
    return 0;
}

bool agent_reaped(struct agent *a, int pid, int status)
{
    (void)a, (void)pid, (void)status;
    return false;
}

void agent_follow(struct agent *a)
{
    (void)a;
}

void agent_close(struct agent *a, loop_fn *fn, void *obj)
{
    (void)a;
    fn(obj);
}

int agent_pid(const struct agent *a)
{
    (void)a;
    return 0;
}

void agent_free(struct agent **a)
{
    (void)a;
}

void agent_forward(struct agent *a, struct ctl_req *rq)
{
    (void)a;
    ctl_error(rq, WIRE_FAILED, "there is no agent in a simulation");
}

void agent_answer(struct agent *a, struct ctl_req *rq)
{
    agent_forward(a, rq);
}

bool agent_is_there(const struct agent *a)
{
    (void)a;
    return false;
}

void agent_take_server(struct agent *a, const char *key, int fd)
{
    (void)a, (void)key, (void)fd;
}

bool agent_take_log(struct agent *a, const char *ref, int fd)
{
    (void)a, (void)ref, (void)fd;
    return false;
}
