/* Who gets the text of which program. */
#include "supervisor/run/taps.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/ready_log.h"
#include "supervisor/run/streams.h"
#include "supervisor/run/textevents.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define WANTS_MAX 4096

/* A program whose text the agent asked for. */
struct want {
    LIST_ENTRY(want) link;
    unsigned channels;
    char program[];
};
LIST_HEAD(want_list, want);

struct taps {
    struct sup *sup;
    struct textevents *events; /* NULL: nobody listens */
    int left;                  /* the socket of another supd that may go on; 0: none */
    bool agent;                /* there is one, with a socket */
    struct want_list wants;
    unsigned nwants;
};

int taps_setup(struct sup *s, struct err *e)
{
    struct taps *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(e, "out of memory");
    t->sup = s;
    LIST_INIT(&t->wants);
    s->taps = t;
    return 0;
}

static void forget_wants(struct taps *t)
{
    struct want *w;
    while ((w = LIST_FIRST(&t->wants))) {
        LIST_REMOVE(w, link);
        free(w);
    }
    t->nwants = 0;
}

void taps_free(struct taps **tp)
{
    struct taps *t = *tp;
    *tp = NULL;
    if (!t)
        return;
    taps_leave(t);
    textevents_free(&t->events);
    forget_wants(t);
    free(t);
}

/* ---- one stream ---- */

static struct want *find_want(const struct taps *t, const char *program)
{
    struct want *w;
    LIST_FOREACH (w, &t->wants, link)
        if (strcmp(w->program, program) == 0)
            return w;
    return NULL;
}

static bool is_asked_for(const struct proc *p, int channel)
{
    const struct taps *t = proc_sup(p)->taps;
    const struct want *w = t && t->nwants ? find_want(t, streams_program(p)) : NULL;
    return w && (w->channels & (1u << channel));
}

bool taps_wanted(const struct proc *p, int channel)
{
    return ready_log_is(p) || is_asked_for(p, channel);
}

/* With ready=log always in the same words, so that the tap of a metric stays when it is ready. */
static unsigned agent_wants(const struct proc *p, int channel)
{
    if (!proc_sup(p)->taps->agent || !(ready_log_waits(p) || is_asked_for(p, channel)))
        return 0;
    return ready_log_is(p) ? LOGS_WANT_TEXT | LOGS_WANT_RUN : LOGS_WANT_TEXT;
}

static unsigned events_of(const struct proc *p, int channel)
{
    const struct gen_log *l = &proc_opts(p)->log[channel];
    unsigned wants = 0;
    if (l->events)
        wants |= LOGS_WANT_TEXT;
    if (l->capture > 0)
        wants |= LOGS_WANT_CAPTURED;
    return wants;
}

static void sync_events(struct proc *p, int channel)
{
    struct taps *t = proc_sup(p)->taps;
    unsigned wants = t->events ? events_of(p, channel) : 0;
    if (t->left) /* it is not known yet who wants what */
        return;
    logs_tap_set(p->log[channel], LOGS_TAP_SUPD, wants, proc_life(p)->pid);
    if (wants)
        textevents_add(t->events, p, channel);
    else
        textevents_del(t->events, p, channel);
}

void taps_sync(struct proc *p)
{
    struct taps *t = proc_sup(p)->taps;
    for (int ch = 0; t && ch < 2; ch++) {
        if (!p->log[ch])
            continue;
        sync_events(p, ch);
        listeners_print(p, ch);
        logs_tap_set(p->log[ch], LOGS_TAP_AGENT, agent_wants(p, ch), proc_life(p)->pid);
    }
}

void taps_drop(struct proc *p, int channel)
{
    if (proc_sup(p)->taps && p->log[channel])
        textevents_del(proc_sup(p)->taps->events, p, channel);
}

static void sync_all(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        taps_sync(p);
}

/* ---- supd ---- */

/* From textevents: there was nobody left; but somebody may have come in the same turn. */
static void unlisten(struct taps *t)
{
    if ((t->sup->ctl && ctl_has_text_subscribers(t->sup->ctl)) ||
        listeners_want(t->sup, EVENT_TEXT))
        return;
    textevents_free(&t->events);
    logs_tap_close(t->sup->logs, LOGS_TAP_SUPD);
}

void taps_go_on(struct taps *t, int fd)
{
    t->left = fd;
}

void taps_leave(struct taps *t)
{
    if (!t || !t->left)
        return;
    fd_close(&t->left);
    t->left = 0;
    listeners_note_text(t->sup, 0, 0);
    logs_tap_close(t->sup->logs, LOGS_TAP_SUPD);
    sync_all(t->sup);
}

static int take_socket(struct taps *t, struct err *e)
{
    int fd = t->left;
    t->left = 0;
    return fd ? fd : logs_tap_open(t->sup->logs, LOGS_TAP_SUPD, e);
}

void taps_listen(struct taps *t)
{
    struct err e;
    if (t && t->events)
        textevents_keep(t->events);
    if (!t || t->events)
        return;
    int fd = take_socket(t, &e);
    if (fd >= 0)
        t->events = textevents_new(t->sup, fd, (loop_fn *)unlisten, t, &e);
    if (t->events) {
        sync_all(t->sup);
        return;
    }
    log_warn("no events of output: %s", e.msg);
    logs_tap_close(t->sup->logs, LOGS_TAP_SUPD);
}

void taps_catch_up(struct taps *t)
{
    if (t && t->events)
        textevents_catch_up(t->events);
}

/* ---- the agent ---- */

int taps_agent_open(struct taps *t)
{
    struct err e;
    if (!t)
        return -1;
    forget_wants(t);
    int fd = logs_tap_open(t->sup->logs, LOGS_TAP_AGENT, &e);
    t->agent = fd >= 0;
    if (fd < 0)
        log_warn("agent: it can get no text: %s", e.msg);
    for (struct proc *p = procs_first(t->sup); p; p = procs_next(p))
        if (ready_log_is(p)) /* it need not ask for that */
            taps_sync(p);
    return fd;
}

void taps_agent_close(struct taps *t)
{
    if (!t || !t->agent)
        return;
    t->agent = false;
    forget_wants(t);
    logs_tap_close(t->sup->logs, LOGS_TAP_AGENT);
}

static struct want *make_want(struct taps *t, const char *program)
{
    size_t n = strlen(program) + 1;
    struct want *w = t->nwants < WANTS_MAX ? calloc(1, sizeof(*w) + n) : NULL;
    if (!w)
        return NULL;
    memcpy(w->program, program, n);
    LIST_INSERT_HEAD(&t->wants, w, link);
    t->nwants++;
    return w;
}

static void sync_program(struct sup *s, const char *program)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (strcmp(streams_program(p), program) == 0)
            taps_sync(p);
}

bool taps_agent_want(struct taps *t, const char *program, unsigned channels, bool on)
{
    struct want *w = t ? find_want(t, program) : NULL;
    if (!t || !t->agent)
        return false;
    if (!w && on && !(w = make_want(t, program)))
        return false;
    if (w)
        w->channels = on ? w->channels | channels : w->channels & ~channels;
    if (w)
        sync_program(t->sup, program);
    if (w && !w->channels) {
        LIST_REMOVE(w, link);
        t->nwants--;
        free(w);
    }
    return true;
}
