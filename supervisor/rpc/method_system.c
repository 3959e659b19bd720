/* system.*: what methods there are, and many calls in one. */
#include "supervisor/rpc/method.h"
#include "supervisor/rpc/rpc.h"
#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define HALF_MADE_MAX ((size_t)64 << 20) /* answers of all multicalls that have not ended */
#define BATCH 64 /* calls begun in one turn of the loop: others want their turn */

void method_list(struct rpc_call *c)
{
    size_t n;
    const struct rpc_method *m = rpc_methods(&n);
    xmlrpc_array_begin(c->out);
    for (size_t i = 0; i < n; i++)
        xmlrpc_put_string(c->out, m[i].name);
    xmlrpc_array_end(c->out);
    rpc_return(c);
}

/* The method that the first parameter names; NULL, and the call has ended: there is none. */
static const struct rpc_method *named(struct rpc_call *c)
{
    const struct rpc_method *m = rpc_method_find(rpc_string(c, 0));
    if (!m)
        rpc_fault(c, XMLRPC_SIGNATURE_UNSUPPORTED, NULL);
    return m;
}

/* In the form that Supervisor's help has: a text, then a line for each parameter and the result. */
void method_help(struct rpc_call *c)
{
    struct str s = STR_INIT;
    const struct rpc_method *m = named(c);
    if (!m)
        return;
    str_printf(&s, " %s\n\n", m->help);
    for (size_t i = 0; i < RPC_PARAMS && m->params[i].type; i++)
        str_printf(&s, "        @param %s %s%s\n", rpc_type_name(m->params[i].type),
                   m->params[i].name, m->params[i].optional ? " (may be left out)" : "");
    str_printf(&s, "        @return %s result\n        ", m->returns);
    xmlrpc_put_bytes(c->out, s.s, s.len);
    str_fini(&s);
    rpc_return(c);
}

void method_signature(struct rpc_call *c)
{
    const struct rpc_method *m = named(c);
    if (!m)
        return;
    xmlrpc_array_begin(c->out);
    xmlrpc_put_string(c->out, m->returns);
    for (size_t i = 0; i < RPC_PARAMS && m->params[i].type; i++)
        xmlrpc_put_string(c->out, rpc_type_name(m->params[i].type));
    xmlrpc_array_end(c->out);
    rpc_return(c);
}

/* ---- multicall: strictly one after the other ---- */

struct multi {
    struct rpc_call *outer;
    struct rpc_call *inner; /* the one that is being answered later */
    const json_t *calls;
    json_t *none; /* an empty list of parameters */
    size_t next;
    size_t held;  /* of what all may */
    bool pending; /* the one before next has not ended */
    struct loop_defer more;
};

static void on_inner(void *obj, struct rpc_call *c);

/* Why this one cannot be called, or NULL. */
static const char *cannot(const json_t *call, const char *name, const json_t *params)
{
    if (!json_is_object(call))
        return "INCORRECT_PARAMETERS: a call is a struct";
    if (!name)
        return "INCORRECT_PARAMETERS: No methodName";
    if (params && !json_is_array(params))
        return "INCORRECT_PARAMETERS: params is no array";
    return strcmp(name, "system.multicall") == 0
               ? "INCORRECT_PARAMETERS: Recursive system.multicall forbidden"
               : NULL;
}

static void call_next(struct multi *m)
{
    const json_t *call = json_array_get(m->calls, m->next++);
    const char *name = json_string_value(json_object_get(call, "methodName"));
    const json_t *params = json_object_get(call, "params");
    const char *why = cannot(call, name, params);
    if (why) {
        xmlrpc_put_fault(m->outer->out, XMLRPC_INCORRECT_PARAMETERS, why);
        return;
    }
    m->pending = true;
    m->inner =
        rpc_begin(m->outer->agent, name, params ? params : m->none, m->outer->out, on_inner, m);
}

/* What its answers take so far; false: all together it is too much. */
static bool hold(struct multi *m)
{
    size_t *all = rpc_half_made(m->outer->agent);
    *all += m->outer->out->cap - m->held;
    m->held = m->outer->out->cap;
    return *all <= HALF_MADE_MAX;
}

/* Goes on until one is answered later, or others want their turn. */
static void go_on(struct multi *m)
{
    struct rpc_call *outer = m->outer;
    size_t n = json_array_size(m->calls);
    if (!hold(m)) {
        rpc_fault(outer, XMLRPC_FAILED, "too much is being answered at once; try again");
        return;
    }
    for (unsigned i = 0; i < BATCH && !m->pending && m->next < n && !outer->out->failed; i++)
        call_next(m);
    if (m->pending)
        return;
    if (outer->out->failed || m->next == n) {
        xmlrpc_array_end(outer->out);
        rpc_return(outer);
        return;
    }
    loop_defer(outer->agent->loop, &m->more);
    loop_again(outer->agent->loop);
}

static void on_inner(void *obj, struct rpc_call *c)
{
    struct multi *m = obj;
    bool later = !c->beginning && m->inner == c;
    m->pending = false;
    m->inner = NULL;
    if (c->fault && !c->out->failed)
        xmlrpc_put_fault(c->out, c->fault, str_text(&c->text));
    rpc_free(&c);
    if (later)
        go_on(m);
}

static void drop(struct rpc_call *c)
{
    struct multi *m = c->data;
    loop_defer_cancel(c->agent->loop, &m->more);
    rpc_free(&m->inner);
    if (m->held)
        *rpc_half_made(c->agent) -= m->held;
    json_decref(m->none);
    free(m);
}

void method_multicall(struct rpc_call *c)
{
    const json_t *calls = json_array_get(c->params, 0);
    if (json_array_size(calls) > RPC_CALLS_MAX) {
        rpc_fault(c, XMLRPC_INCORRECT_PARAMETERS, "more than 10000 calls in one");
        return;
    }
    struct multi *m = mem_zalloc(sizeof(*m));
    *m = (struct multi){.outer = c, .calls = calls, .none = json_array()};
    LOOP_DEFER(&m->more, go_on, m);
    c->data = m;
    c->drop = drop;
    xmlrpc_array_begin(c->out);
    go_on(m);
}
