/* Says what happened: in the log in Supervisor's words, and to subscribers in order. */
#include "supervisor/run/publish.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/ctl_event.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/logs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Events of one process that wait until the output before its exit was taken up. */
struct held_event {
    STAILQ_ENTRY(held_event) link;
    struct ctl_event ev;
    char name[];
};
STAILQ_HEAD(held_list, held_event);

static bool heard(const struct sup *s)
{
    return s->ctl && ctl_has_subscribers(s->ctl);
}

static void flush_held(struct proc *p)
{
    struct held_list *held = p->held;
    p->held = NULL;
    if (!held)
        return;
    struct held_event *h;
    while ((h = STAILQ_FIRST(held))) {
        STAILQ_REMOVE_HEAD(held, link);
        ctl_publish(p->sup->ctl, &h->ev);
        free(h);
    }
    free(held);
}

/* to the subscribers now, or behind what is held back */
static void send(struct proc *p, struct ctl_event ev)
{
    char name[PROC_NAME_MAX];
    if (!heard(p->sup))
        return;
    ev.name = proc_fullname(p, name, sizeof(name));
    if (p->held) {
        size_t n = strlen(name) + 1;
        struct held_event *h = malloc(sizeof(*h) + n);
        if (h) {
            h->ev = ev;
            h->ev.name = memcpy(h->name, name, n);
            STAILQ_INSERT_TAIL((struct held_list *)p->held, h, link);
            return;
        }
        flush_held(p);
    }
    ctl_publish(p->sup->ctl, &ev);
}

/* from here on this process's events wait for its output */
static void hold(struct proc *p)
{
    if (p->held || !heard(p->sup) || (!p->log[0] && !p->log[1]))
        return;
    struct held_list *held = malloc(sizeof(*held));
    if (!held)
        return;
    STAILQ_INIT(held);
    p->held = held;
    logs_drain(p->sup->logs, p->log[0], p->log[1], (logs_drained_fn *)flush_held, p);
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static void log_change(struct proc *p, const struct proc_change *c)
{
    char why[ERR_MAX];
    const char *name = proc_name(p);
    if (c->to == PROC_RUNNING)
        log_info("success: %s entered RUNNING state, process has stayed up for > than %.9g seconds "
                 "(startsecs)",
                 name, seconds(p->conf->startsecs_ns));
    else if (c->to == PROC_FATAL && c->why == PROC_WHY_WINDOW)
        log_warn("gave up: %s entered FATAL state, too many restarts within retry_window", name);
    else if (c->to == PROC_FATAL)
        log_info("gave up: %s entered FATAL state, too many start retries too quickly", name);
    else if (c->to == PROC_BACKOFF && c->why == PROC_WHY_CANNOT)
        log_info("spawnerr: %s", proc_spawnerr(p, why, sizeof(why)));
}

void publish_change(struct proc *p, const struct proc_change *c)
{
    log_change(p, c);
    send(p, (struct ctl_event){.type = CTL_EVENT_STATE, .change = *c});
}

void publish_spawned(struct proc *p, int pid)
{
    log_info("spawned: '%s' with pid %d", proc_name(p), pid);
    send(p, (struct ctl_event){.type = CTL_EVENT_SPAWNED, .pid = pid});
}

void publish_killing(struct proc *p, int pid)
{
    log_warn("killing '%s' (%d) with SIGKILL", proc_name(p), pid);
}

static bool was_stopping(const struct proc_out *out)
{
    return out->nchanges && out->changes[0].from == PROC_STOPPING;
}

void publish_exit(struct proc *p, const struct proc_in *in, const struct proc_out *out)
{
    char buf[96];
    struct str text = STR_INIT;
    const struct proc_life *l = proc_life(p);
    proc_status_text(&text, in->status);
    strncpy(buf, str_text(&text), sizeof(buf) - 1);
    buf[sizeof(buf) - 1] = '\0';
    str_fini(&text);
    if (in->event != PROC_EV_CANNOT && was_stopping(out))
        log_line(l->expected ? LVL_INFO : LVL_WARN, "stopped: %s (%s)", proc_name(p), buf);
    else if (in->event != PROC_EV_CANNOT)
        log_line(l->expected ? LVL_INFO : LVL_WARN, "exited: %s (%s; %s)", proc_name(p), buf,
                 l->expected ? "expected" : "not expected");
    hold(p);
    send(p, (struct ctl_event){.type = CTL_EVENT_EXIT,
                               .pid = out->exited_pid,
                               .status = in->status,
                               .expected = l->expected});
}

void publish_group(struct sup *s, const char *name, bool added)
{
    if (heard(s))
        ctl_publish(s->ctl, &(struct ctl_event){.type = added ? CTL_EVENT_GROUP_ADDED
                                                              : CTL_EVENT_GROUP_REMOVED,
                                                .name = name});
}

void publish_mood(struct sup *s, const char *mood)
{
    if (heard(s))
        ctl_publish(s->ctl, &(struct ctl_event){.type = CTL_EVENT_MOOD, .name = mood});
}

void publish_forget(struct proc *p)
{
    if (p->held)
        logs_drain_cancel(p->sup->logs, p);
    flush_held(p);
}
