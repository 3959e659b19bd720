/* Verb of supd-agent: which programs' output it gets. */
#include "supervisor/run/streams.h"
#include "supervisor/run/taps.h"
#include "supervisor/run/verb.h"

#include <string.h>

static unsigned channels_of(const char *name)
{
    if (!name)
        return 3;
    return strcmp(name, "stdout") == 0 ? 1 : strcmp(name, "stderr") == 0 ? 2 : 0;
}

/* A record for each process of the program; how many there are. */
static size_t put_procs(struct sup *s, struct ctl_req *rq, const char *program, unsigned channels)
{
    char name[PROC_NAME_MAX];
    size_t n = 0;
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        if (strcmp(streams_program(p), program) != 0)
            continue;
        n++;
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "name", proc_fullname(p, name, sizeof(name)));
        for (int ch = 0; ch < 2; ch++)
            if (channels & (1u << ch))
                wire_kv(&w, ch ? "stderr" : "stdout", p->log[ch] ? "OK" : "NO_FILE");
        wire_end(&w);
    }
    return n;
}

static bool is_program(struct sup *s, const char *program)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (strcmp(streams_program(p), program) == 0)
            return true;
    return false;
}

void verb_text(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    int64_t off = 0;
    if (!verb_int_option(rq, "off", 0, 1, &off))
        return;
    unsigned channels = rq->argc > 0 ? channels_of(rq->argv[1]) : 0;
    if (!channels || rq->argc > 2)
        ctl_usage(rq);
    else if (!off && !is_program(s, rq->argv[0]))
        ctl_error(rq, WIRE_BAD_NAME, "no such program: %s", rq->argv[0]);
    else if (!taps_agent_want(s->taps, rq->argv[0], channels, !off))
        ctl_error(rq, WIRE_FAILED, "no text can be had at the moment");
    else if (put_procs(s, rq, rq->argv[0], channels) || off)
        ctl_ok(rq);
}
