/* getProcessInfo, getAllProcessInfo: what supd says of processes, in Supervisor's words. */
#include "supervisor/base/mono.h"
#include "supervisor/core/proc.h"
#include "supervisor/rpc/method.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One process, as supd tells it. */
struct info {
    const char *name, *group, *spawnerr, *out, *err;
    int64_t start, stop, now, state, pid, exitstatus;
};

static int64_t number(const struct wire_pair *pairs, size_t n, const char *key)
{
    const char *text = wire_value(pairs, n, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

static const char *text(const struct wire_pair *pairs, size_t n, const char *key)
{
    const char *value = wire_value(pairs, n, key);
    return value ? value : "";
}

static void take(struct info *p, const struct wire_pair *pairs, size_t n)
{
    *p = (struct info){
        .name = text(pairs, n, "name"),
        .group = text(pairs, n, "group"),
        .spawnerr = text(pairs, n, "spawnerr"),
        .out = text(pairs, n, "stdout"),
        .err = text(pairs, n, "stderr"),
        .start = number(pairs, n, "start"),
        .stop = number(pairs, n, "stop"),
        .now = wall_now().ns / 1000000000,
        .state = number(pairs, n, "state"),
        .pid = number(pairs, n, "pid"),
        .exitstatus = number(pairs, n, "exitstatus"),
    };
}

/* ---- the description ---- */

/* "0:00:09", "1 day, 2:03:04", as Python writes a timedelta */
static void put_uptime(struct str *s, int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (days)
        str_printf(s, "%lld day%s, ", (long long)days, days == 1 ? "" : "s");
    str_printf(s, "%d:%02d:%02d", (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static void put_stopped(struct str *s, const struct info *p)
{
    char buf[64];
    struct tm tm;
    time_t at = (time_t)p->stop;
    if (!p->start)
        str_puts(s, "Not started");
    else if (localtime_r(&at, &tm) && strftime(buf, sizeof(buf), "%b %d %I:%M %p", &tm))
        str_puts(s, buf);
}

static void describe(struct str *s, const struct info *p)
{
    switch (p->state) {
    case PROC_RUNNING:
        str_printf(s, "pid %lld, uptime ", (long long)p->pid);
        put_uptime(s, p->now > p->start ? p->now - p->start : 0);
        return;
    case PROC_FATAL:
    case PROC_BACKOFF:
        if (*p->spawnerr)
            str_puts(s, p->spawnerr);
        else
            str_printf(s, "unknown error (try \"tail %s\")", p->name);
        return;
    case PROC_STOPPED:
    case PROC_EXITED:
        put_stopped(s, p);
        return;
    default:
        return;
    }
}

/* ---- the struct; its members in the order of Supervisor's ---- */

static void put_info(struct rpc_call *c, const struct info *p)
{
    struct str *o = c->out;
    xmlrpc_struct_begin(o);
    xmlrpc_member_string(o, "name", p->name);
    xmlrpc_member_string(o, "group", p->group);
    xmlrpc_member_int(o, "start", p->start);
    xmlrpc_member_int(o, "stop", p->stop);
    xmlrpc_member_int(o, "now", p->now);
    xmlrpc_member_int(o, "state", p->state);
    xmlrpc_member_string(o, "statename", proc_state_name((enum proc_state)p->state));
    xmlrpc_member_string(o, "spawnerr", p->spawnerr);
    xmlrpc_member_int(o, "exitstatus", p->exitstatus);
    xmlrpc_member_string(o, "logfile", p->out);
    xmlrpc_member_string(o, "stdout_logfile", p->out);
    xmlrpc_member_string(o, "stderr_logfile", p->err);
    xmlrpc_member_int(o, "pid", p->pid);
    str_clear(&c->note);
    describe(&c->note, p);
    xmlrpc_member_string(o, "description", str_text(&c->note));
    xmlrpc_struct_end(o);
}

static void on_record(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct rpc_call *c = obj;
    struct info p;
    if (wire_value(pairs, n, "code")) /* BAD_NAME */
        return;
    take(&p, pairs, n);
    put_info(c, &p);
    c->step++;
}

static void on_one(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind != WIRE_OK)
        rpc_refused(c, r, rpc_string(c, 0));
    else if (c->step == 1)
        rpc_return(c);
    else
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
}

static void on_all(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind != WIRE_OK) {
        rpc_refused(c, r, NULL);
        return;
    }
    xmlrpc_array_end(c->out);
    rpc_return(c);
}

void method_info(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_record, .done = on_one};
    bool all;
    char *name = rpc_name(c, 0, &all);
    if (all)
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
    else
        rpc_ask(c, &ops, (const char *const[]){"procinfo", name, NULL});
    free(name);
}

void method_all_info(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_record, .done = on_all};
    xmlrpc_array_begin(c->out);
    rpc_ask(c, &ops, (const char *const[]){"procinfo", NULL});
}
