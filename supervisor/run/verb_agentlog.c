/* The verb by which supd-agent gets at logs: supd says which, supd-log opens them. */
#include "supervisor/base/fd.h"
#include "supervisor/base/text.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FOLLOW_MAX (INT64_C(1) << 20)
#define FOLLOW "follow="
#define FOLLOW_ID "t"

/* Its name and no pattern, nor that of its group. */
static bool is_named(const struct proc *p, const char *name)
{
    const char *colon = strchr(name, ':');
    size_t n = colon ? (size_t)(colon - name) : strlen(name);
    return strncmp(p->group->name, name, n) == 0 && !p->group->name[n] &&
           strcmp(proc_name(p), colon ? colon + 1 : name) == 0;
}

/* False: the request is answered. */
static bool find_proc(struct sup *s, struct ctl_req *rq, struct proc **out)
{
    struct verb_picks v;
    if (!verb_pick(s, rq, rq->argv + 1, 1, &v))
        return false;
    *out = v.n == 1 && is_named(v.procs[0], rq->argv[1]) ? v.procs[0] : NULL;
    verb_picks_fini(&v);
    if (!*out)
        ctl_error(rq, WIRE_BAD_NAME, "no such process: %s", rq->argv[1]);
    return *out;
}

/* Which log; the request is answered if there is none. */
static bool find_log(struct sup *s, struct ctl_req *rq, struct log_stream **out, bool *out_started)
{
    bool err = strcmp(rq->argv[2], "stderr") == 0;
    *out = NULL;
    *out_started = true;
    if (!err && strcmp(rq->argv[2], "stdout") != 0) {
        ctl_usage(rq);
        return false;
    }
    if (!*rq->argv[1])
        return true; /* supd's own */
    struct proc *p;
    if (!find_proc(s, rq, &p))
        return false;
    const struct gen_opts *o = proc_opts(p);
    *out_started = proc_life(p)->starts > 0;
    *out = err && o->redirect_stderr ? NULL : p->log[err];
    if (*out && o->log[err].sink != GEN_SINK_NONE)
        return true;
    ctl_error(rq, WIRE_NO_FILE, "%s has no %s log file", proc_name(p), rq->argv[2]);
    return false;
}

/* Supervisor makes the file at the first start: one that has said nothing so far has it, too. */
static int give(struct sup *s, struct log_stream *stream, bool started, int64_t follow, int *sock,
                struct err *e)
{
    struct logs_tail t = {
        .stream = stream, .id = FOLLOW_ID, .bytes = follow, .follow = true, .marks = true};
    return follow < 0 ? logs_read_file(s->logs, stream, started, sock, e)
                      : logs_tail(s->logs, &t, sock, e);
}

/* Only behind the name, which may look like it. False: the request is answered. */
static bool read_follow(struct ctl_req *rq, int64_t *out)
{
    *out = -1;
    if (rq->argc < 4)
        return true;
    if (strncmp(rq->argv[3], FOLLOW, strlen(FOLLOW)) == 0 &&
        text_int(rq->argv[3] + strlen(FOLLOW), 0, FOLLOW_MAX, out, NULL) == 0)
        return true;
    ctl_usage(rq);
    return false;
}

/* One end goes to supd-log, which answers there, the other to the agent. */
void verb_log(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct log_stream *stream;
    int64_t follow;
    int ends[2];
    bool started;
    struct err e;
    if (!read_follow(rq, &follow) || !find_log(s, rq, &stream, &started))
        return;
    int type = follow < 0 ? SOCK_SEQPACKET : SOCK_STREAM;
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) {
        ctl_error(rq, WIRE_BUSY, "cannot make a socket: %s", strerror(errno));
        return;
    }
    if (give(s, stream, started, follow, &ends[1], &e) < 0)
        ctl_error(rq, WIRE_BUSY, "%s", e.msg);
    else if (!agent_take_log(s->agent, rq->argv[0], ends[0]))
        ctl_error(rq, WIRE_BUSY, "supd-agent does not take it");
    else
        ctl_ok(rq);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}
