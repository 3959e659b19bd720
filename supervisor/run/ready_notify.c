/* ready=notify: READY=1 on its NOTIFY_SOCKET, which notify.c listens on. */
#include "supervisor/run/notify.h"
#include "supervisor/run/ready_sources.h"

static void start(struct readiness *r, int pid, bool resumed)
{
    (void)pid;
    (void)resumed;
    notify_tell(r->proc, r);
}

static void stop(struct readiness *r)
{
    notify_tell(r->proc, NULL);
}

const struct ready_source ready_notify = {.kind = READY_NOTIFY, .start = start, .stop = stop};
