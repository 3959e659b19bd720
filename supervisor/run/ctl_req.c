/* A request from its line to its answer. */
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/run/ctl_impl.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_verb *find_verb(const struct ctl *c, const char *name)
{
    for (size_t i = 0; i < c->config.nverbs; i++)
        if (strcmp(c->config.verbs[i].name, name) == 0)
            return &c->config.verbs[i];
    return NULL;
}

/* the verb that was probably meant, or NULL */
static const char *suggest_verb(const struct ctl *c, const char *name)
{
    for (unsigned limit = 1; limit <= 2; limit++)
        for (size_t i = 0; i < c->config.nverbs; i++)
            if (text_distance(name, c->config.verbs[i].name, limit) <= limit)
                return c->config.verbs[i].name;
    return NULL;
}

static void link_req(struct ctl_client *cl, struct ctl_req *rq)
{
    rq->next = cl->reqs;
    cl->reqs = rq;
    cl->nreqs++;
}

static void unlink_req(struct ctl_req *rq)
{
    struct ctl_req **pp = &rq->client->reqs;
    while (*pp != rq)
        pp = &(*pp)->next;
    *pp = rq->next;
    rq->client->nreqs--;
}

static void finish(struct ctl_req *rq)
{
    struct ctl *c = rq->client->ctl;
    unlink_req(rq);
    free(rq);
    ctl_touch(c);
}

static bool id_in_use(const struct ctl_client *cl, const char *id)
{
    if (strcmp(cl->sub_id, id) == 0)
        return true;
    for (const struct ctl_req *rq = cl->reqs; rq; rq = rq->next)
        if (strcmp(rq->id, id) == 0)
            return true;
    return false;
}

static void deny(struct ctl_req *rq, const struct ctl_verb *v)
{
    if (rq->role & CTL_AGENT)
        ctl_error(rq, WIRE_DENIED, "%s is not for supd-agent%s", v->name,
                  v->roles & CTL_RPC ? " unless it serves Supervisor's clients" : "");
    else if (!(v->roles & CTL_READ))
        ctl_error(rq, WIRE_DENIED, "%s is for supd-agent only", v->name);
    else
        ctl_error(rq, WIRE_DENIED, "%s needs root or supd's own user (uid %u); you are uid %u",
                  v->name, rq->client->ctl->uid, rq->peer.uid);
}

static void run_verb(struct ctl_req *rq)
{
    struct ctl *c = rq->client->ctl;
    const struct ctl_verb *v = find_verb(c, rq->verb);
    const char *meant = v ? NULL : suggest_verb(c, rq->verb);
    if (meant)
        ctl_error(rq, WIRE_BAD_REQUEST, "no such verb '%.40s'; did you mean '%s'?", rq->verb,
                  meant);
    else if (!v)
        ctl_error(rq, WIRE_BAD_REQUEST, "no such verb '%.40s'; 'help' lists them", rq->verb);
    else if (!(v->roles & rq->role))
        deny(rq, v);
    else if (rq->argc < v->min || rq->argc > v->max)
        ctl_usage(rq);
    else
        v->fn(c->config.obj, rq);
}

/* the request of a line, with its fields in memory of its own; NULL when there is none left */
static struct ctl_req *new_req(struct ctl_client *cl, size_t nfields, const char *line, size_t n)
{
    size_t fixed = sizeof(struct ctl_req) + (nfields + 1) * sizeof(char *);
    struct ctl_req *rq = calloc(1, fixed + n + 1);
    if (!rq)
        return NULL;
    rq->client = cl;
    rq->role = cl->role;
    rq->peer = cl->peer;
    rq->argv = (char **)(rq + 1);
    memcpy((char *)rq + fixed, line, n);
    return rq;
}

/* Its id is looked for in the line itself, so that whoever waits for this answer gets it. */
static void no_memory(struct ctl_client *cl, const char *line)
{
    char id[WIRE_ID_MAX + 1];
    line += strspn(line, " \t");
    size_t n = strcspn(line, " \t");
    snprintf(id, sizeof(id), "%.*s", n < sizeof(id) ? (int)n : 0, line);
    wire_put_error(&cl->out, wire_id_ok(id) ? id : WIRE_NO_ID, WIRE_BUSY, "out of memory");
}

/* why the cut request is none, or NULL; sets id, verb and arguments */
static const char *check_fields(struct ctl_req *rq, int64_t nfields, const char **out_id)
{
    const char *id = rq->argv[0];
    if (!id || !wire_id_ok(id))
        return "a request is: ID VERB ARG...; the id is 1 to 16 of A-Z a-z 0-9 _ -";
    *out_id = id;
    if (nfields < 0)
        return "";
    if (nfields < 2)
        return "a verb is missing; 'help' lists them";
    if (id_in_use(rq->client, id))
        return "this id is in use";
    rq->id = id;
    rq->verb = rq->argv[1];
    rq->argv += 2;
    rq->argc = (size_t)nfields - 2;
    return NULL;
}

/* Runs it. A whole answer that has no room gives way to a sentence that says so; not where the
 * request goes on, or events may stand between its lines. */
static void run(struct ctl_client *cl, struct ctl_req *rq)
{
    char id[WIRE_ID_MAX + 1];
    size_t at = cl->out.len;
    unsigned others = cl->nreqs;
    bool fits = !cl->out.failed;
    snprintf(id, sizeof(id), "%s", rq->id);
    link_req(cl, rq);
    cl->ctl->stats.requests++;
    run_verb(rq);
    if (!fits || !cl->out.failed || cl->out.nomem || cl->sub_id[0] || cl->nreqs != others)
        return;
    cl->out.len = at;
    cl->out.failed = false;
    wire_put_error(&cl->out, id, WIRE_FAILED,
                   "the answer is too large to be kept for you; ask for fewer names at once");
}

void ctl_dispatch(struct ctl_client *cl, const char *line, size_t n)
{
    struct err e;
    const char *id = WIRE_NO_ID;
    size_t max = wire_count(line, n);
    struct ctl_req *rq = new_req(cl, max, line, n);
    if (!rq) {
        no_memory(cl, line);
        return;
    }
    int64_t nfields = wire_split((char *)(rq->argv + max + 1), n, rq->argv, max, &e);
    if (nfields == 0) { /* a blank line: someone types */
        free(rq);
        return;
    }
    const char *wrong = check_fields(rq, nfields, &id);
    if (wrong) {
        wire_put_error(&cl->out, id, WIRE_BAD_REQUEST, *wrong ? wrong : e.msg);
        free(rq);
        return;
    }
    run(cl, rq);
}

void ctl_cancel_all(struct ctl_client *cl)
{
    while (cl->reqs) {
        struct ctl_req *rq = cl->reqs;
        if (rq->cancel)
            rq->cancel(rq);
        unlink_req(rq);
        free(rq);
    }
}

struct wire_out ctl_row(struct ctl_req *rq)
{
    struct wire_out w;
    wire_begin(&w, &rq->client->out, rq->id, "+");
    return w;
}

void ctl_push(struct ctl_req *rq)
{
    ctl_touch(rq->client->ctl);
}

void ctl_bytes(struct ctl_req *rq, const void *p, size_t n)
{
    wire_put_bytes(&rq->client->out, rq->id, p, n);
    ctl_touch(rq->client->ctl);
}

struct wire_out ctl_ok_begin(struct ctl_req *rq)
{
    struct wire_out w;
    wire_begin(&w, &rq->client->out, rq->id, "ok");
    return w;
}

void ctl_done(struct ctl_req *rq, struct wire_out *w)
{
    wire_end(w);
    finish(rq);
}

void ctl_ok(struct ctl_req *rq)
{
    struct wire_out w = ctl_ok_begin(rq);
    ctl_done(rq, &w);
}

void ctl_error(struct ctl_req *rq, enum wire_code code, const char *fmt, ...)
{
    char text[ERR_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    wire_put_error(&rq->client->out, rq->id, code, text);
    finish(rq);
}

void ctl_usage(struct ctl_req *rq)
{
    const struct ctl_verb *v = find_verb(rq->client->ctl, rq->verb);
    ctl_error(rq, WIRE_BAD_REQUEST, "usage: %s%s%s", rq->verb, v->args[0] ? " " : "", v->args);
}

void ctl_subscribe(struct ctl_req *rq, bool text)
{
    struct ctl_client *cl = rq->client;
    if (cl->sub_id[0]) {
        ctl_error(rq, WIRE_BAD_REQUEST, "this connection is subscribed already, as %s", cl->sub_id);
        return;
    }
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv_int(&w, "seq", (int64_t)*cl->ctl->seq);
    if (cl->ctl->config.instance)
        wire_kv_fmt(&w, "instance", "%016" PRIx64, cl->ctl->config.instance);
    snprintf(cl->sub_id, sizeof(cl->sub_id), "%s", rq->id);
    cl->ctl->nsubscribers++;
    cl->text = text;
    cl->ctl->ntext += text;
    ctl_done(rq, &w);
}

int ctl_handover(struct ctl_req *rq, const char **out_pending, uint32_t *out_npending)
{
    struct ctl_client *cl = rq->client;
    ctl_client_send(cl);
    size_t n = ctl_client_waiting(cl);
    if (cl->dead || cl->nreqs > 1 || cl->sub_id[0] || wire_buf_pending(&cl->in) ||
        n > WIRE_LINE_MAX)
        return -1;
    *out_pending = n ? cl->out.s + cl->out_at : NULL;
    *out_npending = (uint32_t)n;
    return fcntl(cl->fd, F_DUPFD_CLOEXEC, 3);
}

void ctl_handed(struct ctl_req *rq)
{
    rq->client->dead = true; /* the other process holds a copy: closing ours ends nothing */
    finish(rq);
}
