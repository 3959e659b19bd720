/* Verbs about logs: tail, maintail, clear, reopen. What takes files is done by supd-log. */
#include "supervisor/base/fd.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/streams.h"
#include "supervisor/run/verb.h"

#include <stdlib.h>
#include <string.h>

#define TAIL_MAX (INT64_C(1) << 30)

/* ---- tail ---- */

/* gives the connection to supd-log, which answers */
static void hand_over(struct sup *s, struct ctl_req *rq, struct logs_tail *t)
{
    struct err e;
    int fd = ctl_handover(rq, &t->pending, &t->npending);
    if (fd < 0) {
        ctl_error(rq, WIRE_BUSY, "%s needs a connection of its own, with nothing else going on",
                  rq->verb);
        return;
    }
    t->id = rq->id;
    if (logs_tail(s->logs, t, &fd, &e) == 0) {
        ctl_handed(rq);
        return;
    }
    fd_close(&fd);
    ctl_error(rq, WIRE_FAILED, "%s", e.msg);
}

static bool tail_options(struct ctl_req *rq, struct logs_tail *t)
{
    int64_t follow = 0;
    if (!verb_int_option(rq, "bytes", 1, TAIL_MAX, &t->bytes) ||
        !verb_int_option(rq, "follow", 0, 1, &follow))
        return false;
    t->follow = follow;
    return true;
}

void verb_maintail(void *obj, struct ctl_req *rq)
{
    struct logs_tail t = {0};
    if (!tail_options(rq, &t))
        return;
    if (rq->argc > 0)
        ctl_usage(rq);
    else
        hand_over(obj, rq, &t);
}

static int channel_of(const char *name)
{
    if (!name || strcmp(name, "stdout") == 0)
        return LOG_STDOUT;
    return strcmp(name, "stderr") == 0 ? LOG_STDERR : -1;
}

static void tail_proc(struct sup *s, struct ctl_req *rq, struct proc *p, struct logs_tail *t)
{
    int channel = channel_of(rq->argv[1]);
    if (channel < 0 || rq->argc > 2) {
        ctl_usage(rq);
        return;
    }
    /* with redirect_stderr both are one */
    t->stream = p->log[channel] || !proc_opts(p)->redirect_stderr ? p->log[channel] : p->log[0];
    if (t->stream)
        hand_over(s, rq, t);
    else
        ctl_error(
            rq, WIRE_NO_FILE,
            "%s has no %s log: NONE is /dev/null when there are more than %u processes, or too "
            "few descriptors, to keep the last output in memory",
            proc_name(p), channel == LOG_STDOUT ? "stdout" : "stderr", STREAMS_TAIL_PROCS);
}

void verb_tail(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct logs_tail t = {0};
    struct verb_picks v;
    if (!tail_options(rq, &t))
        return;
    if (rq->argc == 0) {
        ctl_usage(rq);
        return;
    }
    if (!verb_pick(s, rq, rq->argv, 1, &v))
        return;
    struct proc *p = v.n == 1 ? v.procs[0] : NULL;
    size_t n = v.n;
    verb_picks_fini(&v);
    if (p)
        tail_proc(s, rq, p, &t);
    else if (n > 1)
        ctl_error(rq, WIRE_BAD_NAME, "%s means %zu processes; tail shows one", rq->argv[0], n);
    else
        ctl_error(rq, WIRE_BAD_NAME, "no such process: %s", rq->argv[0]);
}

/* ---- clear ---- */

/* One process of a clear, or supd's own log. */
struct cleared {
    char *name;
    unsigned n; /* its logs: none, one or two */
    bool done[2];
};

struct clearing {
    struct ctl_req *rq;
    struct sup *sup;
    size_t pending, failed, n;
    struct cleared of[];
};

static void clearing_free(struct clearing **cp)
{
    struct clearing *c = *cp;
    for (size_t i = 0; i < c->n; i++)
        free(c->of[i].name);
    free(c);
    *cp = NULL;
}

static bool say_cleared(struct ctl_req *rq, const struct cleared *x)
{
    bool done = x->n > 0;
    for (unsigned i = 0; i < x->n; i++)
        done &= x->done[i];
    const char *name = x->name ? x->name : "?";
    if (done)
        verb_result(rq, name, NULL, "");
    else if (!x->n)
        verb_result(rq, name, wire_code_name(WIRE_NO_FILE), "no log");
    else
        verb_result(rq, name, wire_code_name(WIRE_FAILED),
                    "not yet, or it cannot be: its disk or supd-log does not answer, or supd's log "
                    "says why");
    return done;
}

static void cleared(struct clearing *c)
{
    if (--c->pending > 0)
        return;
    for (size_t i = 0; i < c->n; i++)
        c->failed += !say_cleared(c->rq, &c->of[i]);
    verb_finish(c->rq, c->failed);
    clearing_free(&c);
}

static void on_cancel(struct ctl_req *rq)
{
    struct clearing *c = rq->data;
    logs_forget(c->sup->logs, c);
    clearing_free(&c);
}

static void clear_log(struct clearing *c, struct cleared *x, struct log_stream *s)
{
    c->pending++;
    logs_clear(c->sup->logs, s, &x->done[x->n++], (loop_fn *)cleared, c);
}

static void clear_all(struct clearing *c, struct verb_picks *v, bool main_log)
{
    char name[PROC_NAME_MAX];
    c->pending = 1; /* the hold of this function */
    if (main_log) {
        struct cleared *x = &c->of[c->n++];
        x->name = strdup("main");
        clear_log(c, x, NULL);
    }
    for (size_t i = 0; i < v->n; i++) {
        struct cleared *x = &c->of[c->n++];
        x->name = strdup(proc_fullname(v->procs[i], name, sizeof(name)));
        for (int ch = 0; ch < 2; ch++)
            if (v->procs[i]->log[ch])
                clear_log(c, x, v->procs[i]->log[ch]);
    }
    cleared(c);
}

/* takes the word "main" out of the arguments: supd's own log */
static bool take_main(struct ctl_req *rq)
{
    for (size_t i = 0; i < rq->argc; i++)
        if (strcmp(rq->argv[i], "main") == 0) {
            rq->argc--;
            memmove(rq->argv + i, rq->argv + i + 1, (rq->argc - i) * sizeof(*rq->argv));
            return true;
        }
    return false;
}

void verb_clear(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct verb_picks v = {0};
    bool main_log = take_main(rq);
    if (main_log && (rq->role & CTL_AGENT) && !s->gen->gen->supd.logfile) {
        ctl_error(rq, WIRE_NO_FILE, "supd's log is no file");
        return;
    }
    if (rq->argc > 0 && !verb_pick(s, rq, rq->argv, rq->argc, &v))
        return;
    struct clearing *c = calloc(1, sizeof(*c) + (v.n + main_log) * sizeof(c->of[0]));
    if (c) {
        c->rq = rq;
        c->sup = s;
        c->failed = v.nunknown;
        rq->data = c;
        rq->cancel = on_cancel;
        verb_unknown(rq, &v);
        clear_all(c, &v, main_log);
    } else {
        ctl_error(rq, WIRE_BUSY, "out of memory");
    }
    verb_picks_fini(&v);
}

void verb_reopen(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    logs_reopen_all(s->logs);
    ctl_ok(rq);
}
