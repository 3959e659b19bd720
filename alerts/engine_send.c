/* Attempts: rows of the outbox, tests. */
#include "alerts/engine_impl.h"
#include "supervisor/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JOBS_MAX 32

/* ---- rows ---- */

static const struct outbox_row *row_of(const struct engine *e, uint64_t id)
{
    VEC_EACH (&e->outbox.rows, i) {
        if (e->outbox.rows.v[i].id == id)
            return &e->outbox.rows.v[i];
    }
    return NULL;
}

static void job_add(struct engine *e, const struct outbox_row *row)
{
    struct job *j = mem_zalloc(sizeof(*j)), **at = &e->jobs;
    while (*at)
        at = &(*at)->next;
    *j = (struct job){
        .e = e, .row = row->id, .channel = row->channel, .batch = e->batch, .made = row->made};
    *at = j;
    e->njobs++;
}

static void job_drop(struct engine *e, struct job *j)
{
    struct job **at = &e->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    e->njobs--;
    free(j);
}

void send_pump(struct engine *e)
{
    const struct outbox_row *row;
    wall_t now = engine_now(e);
    while (e->njobs < JOBS_MAX && (row = outbox_next(&e->outbox, now, &e->out))) {
        e->outbox_moved = true;
        job_add(e, row);
        outbox_drain(e);
    }
    outbox_drain(e); /* of what expired */
}

/* ---- what a row says ---- */

#define ID_TEXT 64

static const char *id_text(const struct engine *e, const struct outbox_row *row, char out[ID_TEXT])
{
    snprintf(out, ID_TEXT, "%016" PRIx64 "-%" PRIu64, e->ids.instance, row->id);
    return out;
}

/* The notice of a row; if its words are lost at least what it is about is told. */
static struct notice notice_of(struct engine *e, const struct outbox_row *row)
{
    struct payload *p = payload_find(e, row->folded ? row->folded : row->payload);
    struct alert *a = engine_find(e, row->key);
    if (p) {
        struct notice n = p->c->n;
        n.kind = row->folded ? NOTICE_BRIEF : n.kind;
        return n;
    }
    return (struct notice){.kind = row->folded                 ? NOTICE_BRIEF
                                   : row->tell == TELL_RESOLVE ? NOTICE_RESOLVED
                                                               : NOTICE_FIRING,
                           .key = row->key,
                           .alert = a ? a->name : row->key,
                           .severity = severity_name(a ? a->severity : SEV_WARNING),
                           .was = "",
                           .summary = "the words of this notice were lost",
                           .description = "",
                           .runbook = "",
                           .dashboard = "",
                           .reason = "",
                           .program = "",
                           .host = e->host,
                           .ack = "",
                           .starts = row->made,
                           .ends = row->tell == TELL_RESOLVE ? row->made : WALL_NEVER,
                           .at = row->made};
}

/* ---- answers ---- */

void send_failed(struct engine *e, struct channel *c, const char *text)
{
    c->failed++;
    c->last_error_at = wall_now();
    snprintf(c->last_error, sizeof(c->last_error), "%s", text);
    engine_later(e);
    if (c->logged.ns && wall_sub(engine_now(e), c->logged).ns < DUR_S(10).ns)
        return;
    c->logged = engine_now(e); /* each for itself: one that fails hides no other */
    log_warn("notifier %s: %s", c->name, text);
}

/* An end that has arrived, for those that have to be told of it again. */
static void ended(struct engine *e, struct channel *c, uint64_t id)
{
    const struct outbox_row *row = row_of(e, id);
    char text[ID_TEXT];
    if (!row || (!row->folded && row->tell != TELL_RESOLVE))
        return;
    struct notice n = notice_of(e, row);
    n.id = id_text(e, row, text);
    resend_ended(e, c, &n);
}

static void delivered(struct engine *e, struct channel *c, const struct job *j)
{
    dur_t d = wall_sub(engine_now(e), j->made);
    ended(e, c, j->row);
    c->delivered++;
    c->latency_sum += d.ns > 0 ? (double)d.ns / 1e9 : 0;
    c->last_ok_at = wall_now();
}

static void job_done(struct job *j, enum outbox_result res, dur_t after)
{
    struct engine *e = j->e;
    uint64_t row = j->row;
    job_drop(e, j);
    outbox_result(&e->outbox, row, res, after, engine_now(e), &e->out);
    e->outbox_moved = true;
    engine_later(e);
}

static void on_sent(void *obj, const struct tell_verdict *v)
{
    static const enum outbox_result results[] = {[TELL_DELIVERED] = OUT_DELIVERED,
                                                 [TELL_RETRY] = OUT_FAILED,
                                                 [TELL_PERMANENT] = OUT_REFUSED};
    bool unclear = v->result == TELL_RETRY && v->unsure;
    struct job *j = obj;
    struct channel *c = engine_channel(j->e, j->channel);
    if (c && v->result == TELL_DELIVERED)
        delivered(j->e, c, j);
    else if (c)
        send_failed(j->e, c, v->text);
    job_done(j, unclear ? OUT_UNCLEAR : results[v->result], v->retry_after);
}

/* ---- beginnings ---- */

static void job_begin(struct engine *e, struct job *j, struct channel *c,
                      const struct outbox_row *row)
{
    char id[ID_TEXT];
    struct notice n = notice_of(e, row);
    const struct notice *list[] = {&n};
    n.id = id_text(e, row, id);
    j->send = send_start(&(struct send_request){
        .env = e->env, .item = c->item, .notices = list, .n = 1, .done = on_sent, .obj = j});
}

/* True if the job is still there. */
static void job_try(struct engine *e, struct job *j)
{
    struct channel *c = engine_channel(e, j->channel);
    const struct outbox_row *row = row_of(e, j->row);
    if (!row || !c || !c->item)
        job_drop(e, j);
    else if (row->tell == TELL_RESOLVE && !notify_opts(c->item)->resolved)
        job_done(j, OUT_DELIVERED, (dur_t){0}); /* nobody wants to know */
    else if (!c->resend)
        job_begin(e, j, c, row);
}

void send_begin(struct engine *e)
{
    struct job *next;
    for (struct job *j = e->jobs; j; j = next) {
        next = j->next;
        if (!j->send && j->batch <= e->committed)
            job_try(e, j);
    }
}

bool engine_sending(struct engine *e)
{
    wall_t now = engine_now(e), at = outbox_deadline(&e->outbox, now);
    return e->ready && (e->jobs || (at.ns && at.ns <= now.ns));
}

/* ---- tests ---- */

static void tester_drop(struct engine *e, struct tester *t)
{
    struct tester **at = &e->testers;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    free(t);
}

static void on_tested(void *obj, const struct tell_verdict *v)
{
    struct tester *t = obj;
    bool ok = v->result == TELL_DELIVERED;
    t->done(t->obj, ok, v->text[0] ? v->text : ok ? "delivered" : "not delivered");
    tester_drop(t->e, t);
}

static void test_begin(struct engine *e, struct tester *t, const struct channel *c)
{
    char id[64];
    snprintf(id, sizeof(id), "%016" PRIx64 "-test-%" PRId64, e->ids.instance, wall_now().ns);
    struct notice n = {.kind = NOTICE_TEST,
                       .id = id,
                       .key = id,
                       .alert = "test",
                       .severity = severity_name(SEV_INFO),
                       .was = "",
                       .summary = "a test: this notifier works",
                       .description = "somebody asked for it with supctl notify test",
                       .runbook = "",
                       .dashboard = "",
                       .reason = "a test",
                       .program = "",
                       .host = e->host,
                       .ack = "",
                       .starts = wall_now(),
                       .at = wall_now()};
    const struct notice *list[] = {&n};
    t->send = send_start(&(struct send_request){
        .env = e->env, .item = c->item, .notices = list, .n = 1, .done = on_tested, .obj = t});
}

int engine_test(struct engine *e, const char *notifier, engine_tested_fn *done, void *obj,
                struct err *er)
{
    struct channel *c;
    HASH_FIND_STR(e->channels, notifier, c);
    if (!c || !c->item)
        return err_set(er, "there is no [notify:%s]", notifier);
    struct tester *t = mem_zalloc(sizeof(*t));
    *t = (struct tester){.e = e, .done = done, .obj = obj, .next = e->testers};
    e->testers = t;
    test_begin(e, t, c);
    return 0;
}

/* ---- the end of items ---- */

static void cancel_tests(struct engine *e, bool answer)
{
    while (e->testers) {
        struct tester *t = e->testers;
        send_cancel(&t->send);
        if (answer)
            t->done(t->obj, false, "the configuration was loaded anew; try again");
        tester_drop(e, t);
    }
}

void send_cancel_all(struct engine *e, bool again)
{
    struct channel *c, *next;
    HASH_ITER(hh, e->channels, c, next)
    {
        if (c->resend)
            c->next_resend = engine_now(e);
        send_cancel(&c->resend);
    }
    while (e->jobs) {
        uint64_t row = e->jobs->row;
        /* one that had begun may have been taken: it counts as tried, and is repeated as it is */
        enum outbox_result res = e->jobs->send ? OUT_UNCLEAR : OUT_UNSENT;
        send_cancel(&e->jobs->send);
        job_drop(e, e->jobs);
        if (again)
            outbox_result(&e->outbox, row, res, OUTBOX_BACKOFF, engine_now(e), &e->out);
    }
    cancel_tests(e, again);
}
