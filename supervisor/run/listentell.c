/* The payloads of events, as Supervisor writes them (supervisor-compat, section 13.3). */
#include "supervisor/base/log.h"
#include "supervisor/core/eventtext.h"
#include "supervisor/run/listeners_impl.h"

static void tell(struct sup *s, enum event_type type, struct str *payload)
{
    if (payload->failed)
        log_error("no memory for an event %s, which is lost", event_type_name(type));
    else
        listeners_tell(s, type, str_text(payload), payload->len);
    str_fini(payload);
}

static void put_process(struct str *out, const struct proc *p)
{
    str_printf(out, "processname:%s groupname:%s", proc_name(p), p->group->name);
}

static void tell_state(struct proc *p, enum event_type type, const struct proc_change *c,
                       bool expected)
{
    struct str payload = STR_INIT;
    put_process(&payload, p);
    str_printf(&payload, " from_state:%s", proc_state_name(c->from));
    if (type == EVENT_STATE_STARTING || type == EVENT_STATE_BACKOFF)
        str_printf(&payload, " tries:%u", c->tries);
    if (type == EVENT_STATE_EXITED)
        str_printf(&payload, " expected:%d", expected);
    if (type == EVENT_STATE_EXITED || type == EVENT_STATE_RUNNING || type == EVENT_STATE_STOPPING ||
        type == EVENT_STATE_STOPPED)
        str_printf(&payload, " pid:%d", c->pid);
    tell(proc_sup(p), type, &payload);
}

void listeners_tell_state(struct proc *p, const struct proc_change *c, bool expected)
{
    enum event_type type = event_type_of_state(c->to);
    if (type < EVENT_NTYPES && listeners_want(proc_sup(p), EVENT_BIT(type)))
        tell_state(p, type, c, expected);
    if (proc_sup(p)->listeners)
        listentold_note(proc_sup(p)->listeners, p, c->to, c->pid);
}

void listeners_tell_log(struct proc *p, int channel, int pid, const char *text, size_t n)
{
    enum event_type type = channel ? EVENT_LOG_STDERR : EVENT_LOG_STDOUT;
    struct str payload = STR_INIT;
    if (!n || !listeners_want(proc_sup(p), EVENT_BIT(type)))
        return;
    put_process(&payload, p);
    str_printf(&payload, " pid:%d channel:%s\n", pid, channel ? "stderr" : "stdout");
    event_put_data(&payload, text, n);
    tell(proc_sup(p), type, &payload);
}

void listeners_tell_captured(struct proc *p, int channel, int pid, const char *text, size_t n)
{
    enum event_type type = channel ? EVENT_COMM_STDERR : EVENT_COMM_STDOUT;
    struct str payload = STR_INIT;
    if (!listeners_want(proc_sup(p), EVENT_BIT(type)))
        return;
    put_process(&payload, p);
    str_printf(&payload, " pid:%d\n", pid);
    event_put_data(&payload, text, n);
    tell(proc_sup(p), type, &payload);
}

void listeners_tell_group(struct sup *s, const char *name, bool added)
{
    enum event_type type = added ? EVENT_GROUP_ADDED : EVENT_GROUP_REMOVED;
    struct str payload = STR_INIT;
    if (!listeners_want(s, EVENT_BIT(type)))
        return;
    str_printf(&payload, "groupname:%s\n", name);
    tell(s, type, &payload);
}

void listeners_tell_remote(struct sup *s, const char *type, const char *data)
{
    struct str payload = STR_INIT;
    if (!listeners_want(s, EVENT_BIT(EVENT_REMOTE)))
        return;
    str_printf(&payload, "type:%s\n%s", type, data);
    tell(s, EVENT_REMOTE, &payload);
}
