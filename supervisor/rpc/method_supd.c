/* Methods about the supervisor itself. */
#include "supervisor/conf/load.h"
#include "supervisor/rpc/method.h"

#include <unistd.h>

#define API_VERSION "3.0" /* what supervisorctl insists on */

static void return_string(struct rpc_call *c, const char *text)
{
    xmlrpc_put_string(c->out, text);
    rpc_return(c);
}

void method_api_version(struct rpc_call *c)
{
    return_string(c, API_VERSION);
}

void method_version(struct rpc_call *c)
{
    return_string(c, SUPERVISOR_VERSION);
}

void method_identification(struct rpc_call *c)
{
    const struct agentgen *g = c->agent->gen;
    return_string(c, g && g->identifier ? g->identifier : "supervisor");
}

void method_state(struct rpc_call *c)
{
    xmlrpc_struct_begin(c->out);
    xmlrpc_member_int(c->out, "statecode", 1);
    xmlrpc_member_string(c->out, "statename", "RUNNING");
    xmlrpc_struct_end(c->out);
    rpc_return(c);
}

void method_pid(struct rpc_call *c)
{
    xmlrpc_put_int(c->out, getppid()); /* supd has started us, and we end with it */
    rpc_return(c);
}

/* ---- what has no more to say than that it was done ---- */

static void on_done(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind == WIRE_OK)
        rpc_return_true(c);
    else
        rpc_refused(c, r, NULL);
}

static const struct channel_call_ops plain = {.done = on_done};

void method_shutdown(struct rpc_call *c)
{
    rpc_ask(c, &plain, (const char *const[]){"shutdown", NULL});
}

static void on_wrong(void *obj, const struct wire_pair *pairs, size_t n)
{
    rpc_note_wrong(obj, pairs, n);
}

void method_restart(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_wrong, .done = on_done};
    rpc_ask(c, &ops, (const char *const[]){"reload", "wait=0", NULL});
}

void method_remote_event(struct rpc_call *c)
{
    struct str type = STR_INIT, data = STR_INIT;
    rpc_text(c, 0, &type);
    rpc_text(c, 1, &data);
    rpc_ask(c, &plain,
            (const char *const[]){"remote_event", str_text(&type), str_text(&data), NULL});
    str_fini(&type);
    str_fini(&data);
}
