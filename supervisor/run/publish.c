/* Says what happened: in the log in Supervisor's words, and to subscribers in order. */
#include "supervisor/run/publish.h"
#include "supervisor/base/log.h"
#include "supervisor/core/attrs.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/hooks.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/taps.h"
#include "supervisor/run/upstream.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A child that takes longer to its exec may start without what is refused, and nobody hears of it
 * before its end. */
#define ON_ITS_WAY DUR_S(3)

enum { EVENT_STATE, EVENT_SPAWNED, EVENT_EXIT };

struct event {
    int type;
    struct proc_change change; /* EVENT_STATE */
    int pid, status;           /* SPAWNED, EXIT; a wait status */
    bool expected;             /* of the last exit */
};

/* Events of one process that wait until the output before its exit was taken up. Each exit among
 * them has a drain of its own, and waits for that together with what follows it. */
struct held_event {
    STAILQ_ENTRY(held_event) link;
    struct event ev;
    bool drains; /* until its drain is over, it goes no further than to the head of the list */
};
STAILQ_HEAD(held_events, held_event);

struct held_list {
    struct held_events events;
    unsigned early; /* drains to come for exits that were told before */
};

static bool heard(const struct sup *s)
{
    return (s->ctl && ctl_has_subscribers(s->ctl)) || listeners_want(s, EVENT_STATES);
}

static void put_state(struct wire_out *w, const struct event *ev)
{
    wire_kv(w, "from", proc_state_name(ev->change.from));
    wire_kv(w, "to", proc_state_name(ev->change.to));
    wire_kv(w, "why", proc_why_text(ev->change.why));
    wire_kv_int(w, "tries", ev->change.tries);
    wire_kv_int(w, "pid", ev->change.pid);
}

static void put_spawned(struct wire_out *w, const struct event *ev)
{
    wire_kv_int(w, "pid", ev->pid);
}

static void put_exit(struct wire_out *w, const struct event *ev)
{
    char words[PROC_STATUS_WORDS];
    wire_kv_int(w, "pid", ev->pid);
    wire_kv_int(w, "code", proc_exit_code(ev->status));
    wire_kv(w, "status", proc_status_words(ev->status, words));
    wire_kv_int(w, "expected", ev->expected);
}

static const struct {
    const char *type;
    void (*put)(struct wire_out *w, const struct event *ev);
} event_rows[] = {
    [EVENT_STATE] = {"state", put_state},
    [EVENT_SPAWNED] = {"spawned", put_spawned},
    [EVENT_EXIT] = {"exit", put_exit},
};

/* As they are now: whoever follows the events needs no counting of its own. */
static void put_counters(struct wire_out *w, const struct proc_life *l)
{
    wire_kv_int(w, "starts", (int64_t)l->starts);
    wire_kv_int(w, "restarts", (int64_t)l->restarts);
    wire_kv_int(w, "exits", (int64_t)l->exits);
    wire_kv_int(w, "fatals", (int64_t)l->fatals);
    wire_kv_int(w, "unexpected", (int64_t)l->unexpected);
    wire_kv_int(w, "restarts_unexpected", (int64_t)l->restarts_unexpected);
}

static void emit(struct proc *p, const struct event *ev)
{
    char name[PROC_NAME_MAX];
    struct ctl *c = proc_sup(p)->ctl; /* at supd's end it goes before the processes */
    if (ev->type == EVENT_STATE)
        listeners_tell_state(p, &ev->change, ev->expected);
    struct wire_out *w = c ? ctl_event(c, event_rows[ev->type].type) : NULL;
    if (!w)
        return;
    wire_kv(w, "name", proc_fullname(p, name, sizeof(name)));
    event_rows[ev->type].put(w, ev);
    put_counters(w, proc_life(p));
    ctl_event_end(c);
}

static void emit_first(struct proc *p)
{
    struct held_events *held = &((struct held_list *)p->held)->events;
    struct held_event *h = STAILQ_FIRST(held);
    STAILQ_REMOVE_HEAD(held, link);
    emit(p, &h->ev);
    free(h);
}

/* The list goes when it is empty and no drain will come for what it has told already. */
static void free_when_empty(struct proc *p)
{
    struct held_list *held = p->held;
    if (!held || held->early || !STAILQ_EMPTY(&held->events))
        return;
    free(held);
    p->held = NULL;
}

/* A drain is over: its exit goes out, and all up to the next. The drains end in the order of the
 * exits, or a later one says that the earlier have nothing to wait for any more either. What was
 * said before an exit was taken up, and comes first. */
static void drained(struct proc *p)
{
    struct held_event *h;
    taps_catch_up(proc_sup(p)->taps);
    struct held_list *held = p->held;
    if (held && held->early)
        held->early--;
    else if (held && !STAILQ_EMPTY(&held->events))
        emit_first(p);
    while (held && (h = STAILQ_FIRST(&held->events)) && !h->drains)
        emit_first(p);
    free_when_empty(p);
}

/* all at once; nobody waits for the drains any more */
static void flush_held(struct proc *p)
{
    struct held_list *held = p->held;
    if (!held)
        return;
    logs_forget(proc_sup(p)->logs, p);
    while (!STAILQ_EMPTY(&held->events))
        emit_first(p);
    held->early = 0;
    free_when_empty(p);
}

/* behind what is held back; false for want of memory */
static bool keep(struct proc *p, const struct event *ev, bool drains)
{
    struct held_list *held = p->held;
    struct held_event *h = malloc(sizeof(*h));
    if (!h)
        return false;
    *h = (struct held_event){.ev = *ev, .drains = drains};
    STAILQ_INSERT_TAIL(&held->events, h, link);
    return true;
}

void publish_before_text(struct proc *p, int pid)
{
    struct held_list *held = p->held;
    struct held_event *h, *spawned = NULL;
    if (held)
        STAILQ_FOREACH (h, &held->events, link)
            if (h->ev.type == EVENT_SPAWNED && h->ev.pid == pid)
                spawned = h;
    for (bool more = spawned; more;) {
        h = STAILQ_FIRST(&held->events);
        more = h != spawned;
        held->early += h->drains;
        emit_first(p);
    }
}

/* to the subscribers now, or behind what is held back */
static void tell(struct proc *p, struct event ev)
{
    struct held_list *held = p->held;
    if (held && !STAILQ_EMPTY(&held->events) && keep(p, &ev, false))
        return;
    flush_held(p);
    emit(p, &ev);
}

static bool begin_holding(struct proc *p)
{
    struct held_list *held = p->held ? NULL : malloc(sizeof(*held));
    if (held) {
        STAILQ_INIT(&held->events);
        held->early = 0;
        p->held = held;
    }
    return p->held;
}

/* an exit: it and what follows wait for the output before it */
static void tell_exit(struct proc *p, struct event ev)
{
    bool has_logs = p->log[0] || p->log[1];
    if (has_logs && begin_holding(p) && keep(p, &ev, true)) {
        logs_drain(proc_sup(p)->logs, p->log[0], p->log[1], (loop_fn *)drained, p);
        return;
    }
    free_when_empty(p);
    tell(p, ev);
}

/* Said once a start, when the child has surely come so far: at RUNNING, at a look that follows one
 * without startsecs (publish_refused), or at its end. */
static void tell_refused(struct proc *p)
{
    struct spawn_cell *cell = state_cell(proc_sup(p)->state, p->slot);
    if (!cell->refused)
        return;
    struct str what = STR_INIT;
    spawn_refused(cell, &what);
    log_warn("%s: started without what the kernel refused and its options call optional: %s",
             proc_name(p), str_text(&what));
    str_fini(&what);
    cell->refused = 0;
}

/* It is RUNNING, but its child may not have come so far. */
static bool may_be_refused(const struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    goff off = proc_opts(p)->attrs;
    const struct attrs *a = off ? gen_at(p->gen->gen, off) : NULL;
    return a && a->optional && l->state == PROC_RUNNING && !proc_opts(p)->startsecs_ns &&
           mono_sub(mono_now(), l->started).ns < ON_ITS_WAY.ns;
}

bool publish_refused(struct sup *s)
{
    bool more = false;
    if (!s->may_be_refused)
        return false;
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        if (proc_life(p)->state == PROC_RUNNING && !proc_opts(p)->startsecs_ns)
            tell_refused(p);
        more = more || may_be_refused(p);
    }
    s->may_be_refused = more;
    return more;
}

/* RUNNING at once: the child is only just on its way. */
static void look_later(struct proc *p)
{
    proc_sup(p)->may_be_refused = true;
    procs_tidy_later(proc_sup(p));
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void log_change(struct proc *p, const struct proc_change *c)
{
    char why[ERR_MAX];
    const char *name = proc_name(p);
    if (c->to == PROC_RUNNING && c->why == PROC_WHY_DONE)
        log_info("success: %s is done", name);
    else if (c->to == PROC_RUNNING && c->why == PROC_WHY_READY)
        log_info("success: %s entered RUNNING state, it is ready", name);
    else if (c->to == PROC_BACKOFF && c->why == PROC_WHY_TIMEOUT)
        log_warn("failed: %s was not %s in time (ready_timeout)", name,
                 proc_is_once(p) ? "done" : "ready");
    else if (c->to == PROC_RUNNING)
        log_info("success: %s entered RUNNING state, process has stayed up for > than %.9g seconds "
                 "(startsecs)",
                 name, seconds(proc_opts(p)->startsecs_ns));
    else if (c->to == PROC_FATAL && c->why == PROC_WHY_WINDOW)
        log_warn("gave up: %s entered FATAL state, too many restarts within retry_window", name);
    else if (c->to == PROC_FATAL && c->why != PROC_WHY_SHUTDOWN && proc_is_once(p))
        log_warn("gave up: %s entered FATAL state, it failed", name);
    else if (c->to == PROC_FATAL && c->why != PROC_WHY_SHUTDOWN)
        log_info("gave up: %s entered FATAL state, too many start retries too quickly", name);
    else if (c->to == PROC_BACKOFF && c->why == PROC_WHY_CANNOT)
        log_info("spawnerr: %s", proc_spawnerr(p, why, sizeof(why)));
}

void publish_change(struct proc *p, const struct proc_change *c)
{
    log_change(p, c);
    hooks_change(p, c);
    upstream_look_later(proc_sup(p));
    if (c->to == PROC_RUNNING && proc_opts(p)->startsecs_ns)
        tell_refused(p);
    else if (c->to == PROC_RUNNING && may_be_refused(p))
        look_later(p);
    if (heard(proc_sup(p)))
        tell(p,
             (struct event){.type = EVENT_STATE, .change = *c, .expected = proc_life(p)->expected});
}

void publish_spawned(struct proc *p, int pid)
{
    log_info("spawned: '%s' with pid %d", proc_name(p), pid);
    hooks_spawned(p, pid);
    if (heard(proc_sup(p)))
        tell(p, (struct event){.type = EVENT_SPAWNED, .pid = pid});
}

void publish_killing(struct proc *p, int pid)
{
    log_warn("killing '%s' (%d) with SIGKILL", proc_name(p), pid);
}

void publish_exit(struct proc *p, const struct proc_life *before, const struct proc_in *in)
{
    char words[PROC_STATUS_WORDS];
    const struct proc_life *l = proc_life(p);
    proc_status_words(in->status, words);
    tell_refused(p);
    bool asked = before->state == PROC_STOPPING && !(in->status & PROC_STATUS_WATCHDOG);
    if (in->event != PROC_EV_CANNOT && asked)
        log_line(l->expected ? LVL_INFO : LVL_WARN, "stopped: %s (%s)", proc_name(p), words);
    else if (in->event != PROC_EV_CANNOT)
        log_line(l->expected ? LVL_INFO : LVL_WARN, "exited: %s (%s; %s)", proc_name(p), words,
                 l->expected ? "expected" : "not expected");
    if (in->event != PROC_EV_CANNOT)
        hooks_exit(p, before, in->status);
    if (!heard(proc_sup(p)))
        return;
    tell_exit(p, (struct event){.type = EVENT_EXIT,
                                .pid = before->pid,
                                .status = in->status,
                                .expected = l->expected});
}

static void tell_all(struct sup *s, const char *type, const char *name)
{
    struct wire_out *w = s->ctl ? ctl_event(s->ctl, type) : NULL;
    if (!w)
        return;
    wire_kv(w, "name", name);
    ctl_event_end(s->ctl);
}

void publish_group(struct sup *s, const char *name, bool added)
{
    tell_all(s, added ? "group_added" : "group_removed", name);
    if (!s->anew)
        listeners_tell_group(s, name, added);
}

void publish_mood(struct sup *s, const char *mood)
{
    tell_all(s, "mood", mood);
}

void publish_rest(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        flush_held(p);
}

void publish_forget(struct proc *p)
{
    if (p->held)
        taps_catch_up(proc_sup(p)->taps);
    flush_held(p);
}
