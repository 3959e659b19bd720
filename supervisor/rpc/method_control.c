/* start, stop, signal and clear: one process, a group, or all. supd answers with a record for each
 * process: of one that is the result or the fault, of many an array of structs. */
#include "supervisor/rpc/method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of many, Supervisor leaves out whom it does not concern. */
enum { CLEAR_ONE, CLEAR_ALL, START, STOP, SIGNAL };
static const char *const left_out[] = {
    [START] = "ALREADY_STARTED", [STOP] = "NOT_RUNNING", [SIGNAL] = "NOT_RUNNING"};

/* ---- records ---- */

static void put_status(struct rpc_call *c, const char *full, int code, const char *text)
{
    const char *colon = strchr(full, ':');
    struct str group = STR_INIT;
    str_put(&group, full, colon ? (size_t)(colon - full) : strlen(full));
    xmlrpc_struct_begin(c->out);
    xmlrpc_member_string(c->out, "name", colon ? colon + 1 : full);
    xmlrpc_member_string(c->out, "group", str_text(&group));
    xmlrpc_member_int(c->out, "status", code);
    xmlrpc_member_string(c->out, "description", text);
    xmlrpc_struct_end(c->out);
    str_fini(&group);
}

/* "NO_FILE: can't find command '/x'": what a fault would say */
static int fault_text(struct str *out, const char *code, const char *text, const char *name)
{
    bool by_text;
    int fault = (int)rpc_fault_of(code, &by_text);
    const char *extra = by_text ? text : name;
    str_puts(out, xmlrpc_fault_name(fault));
    if (extra && *extra)
        str_printf(out, ": %s", extra);
    return fault;
}

/* One of many. */
static void take_status(struct rpc_call *c, const char *name, const char *code, const char *text)
{
    const char *leave = left_out[c->step];
    struct str what = STR_INIT;
    if (strcmp(code, "BAD_NAME") == 0) {
        str_puts(&c->note, code);
    } else if (strcmp(code, "OK") == 0) {
        put_status(c, name, XMLRPC_SUCCESS, "OK");
    } else if (!leave || strcmp(code, leave) != 0) {
        int fault = fault_text(&what, code, text, name);
        put_status(c, name, fault, str_text(&what));
    }
    str_fini(&what);
}

static void on_many(void *obj, const struct wire_pair *pairs, size_t n)
{
    const char *name = wire_value(pairs, n, "name"), *code = wire_value(pairs, n, "code");
    if (name && code)
        take_status(obj, name, code, wire_value(pairs, n, "text"));
}

/* ---- last lines ---- */

static void end_many(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind != WIRE_OK) {
        rpc_refused(c, r, rpc_string(c, 0));
    } else if (c->note.len) {
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
    } else {
        xmlrpc_array_end(c->out);
        rpc_return(c);
    }
}

static const struct channel_call_ops many = {.record = on_many, .done = end_many};

/* ---- start, stop ---- */

static void ask_many(struct rpc_call *c, const char *verb, const char *name, bool wait)
{
    c->step = strcmp(verb, "start") == 0 ? START : STOP;
    xmlrpc_array_begin(c->out);
    rpc_ask(c, &many, (const char *const[]){verb, name, wait ? NULL : "wait=0", NULL});
}

static void ask_named(struct rpc_call *c, const char *verb)
{
    bool all, wait = rpc_bool(c, 1, true);
    char *name = rpc_name(c, 0, &all);
    if (all)
        ask_many(c, verb, name, wait);
    else
        rpc_ask_one(c, (const char *const[]){verb, name, wait ? NULL : "wait=0", NULL});
    free(name);
}

/* The whole group of that name; a colon in it is no part of any name. */
static char *whole_group(struct rpc_call *c)
{
    struct str s = STR_INIT;
    const char *name = rpc_string(c, 0);
    if (strchr(name, ':')) {
        rpc_fault(c, XMLRPC_BAD_NAME, name);
        return NULL;
    }
    str_printf(&s, "%s:*", name);
    return str_take(&s);
}

static void ask_group(struct rpc_call *c, const char *verb)
{
    char *name = whole_group(c);
    if (name)
        ask_many(c, verb, name, rpc_bool(c, 1, true));
    free(name);
}

void method_start(struct rpc_call *c)
{
    ask_named(c, "start");
}

void method_start_group(struct rpc_call *c)
{
    ask_group(c, "start");
}

void method_start_all(struct rpc_call *c)
{
    ask_many(c, "start", "*", rpc_bool(c, 0, true));
}

void method_stop(struct rpc_call *c)
{
    ask_named(c, "stop");
}

void method_stop_group(struct rpc_call *c)
{
    ask_group(c, "stop");
}

void method_stop_all(struct rpc_call *c)
{
    ask_many(c, "stop", "*", rpc_bool(c, 0, true));
}

/* ---- signal ---- */

/* As text; the caller frees. */
static char *signal_text(const struct rpc_call *c, size_t i)
{
    const json_t *v = json_array_get(c->params, i);
    struct str s = STR_INIT;
    if (json_is_integer(v))
        str_printf(&s, "%lld", (long long)json_integer_value(v));
    else
        str_puts(&s, json_string_value(v));
    return str_take(&s);
}

/* Without the blanks around it, in place. */
static char *without_blanks(char *text)
{
    size_t from = strspn(text, " \t\n"), n = strlen(text + from);
    while (n && strchr(" \t\n", text[from + n - 1]))
        n--;
    memmove(text, text + from, n);
    text[n] = '\0';
    return text;
}

/* No such signal: that is told after a name that means nothing, and for many in the status of each
 * that could have got it. So ask who could. */
static void on_could_one(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    char *sig = signal_text(c, 1);
    if (r->kind != WIRE_OK)
        rpc_refused(c, r, rpc_string(c, 0));
    else if (strncmp(str_text(&c->note), "BAD_NAME", 8) == 0)
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
    else
        rpc_fault(c, XMLRPC_BAD_SIGNAL, sig);
    free(sig);
}

static void on_could_many(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct rpc_call *c = obj;
    const char *name = wire_value(pairs, n, "name"), *code = wire_value(pairs, n, "code");
    if (!name || !code)
        return;
    if (strcmp(code, "BAD_NAME") == 0)
        str_puts(&c->note, code);
    if (strcmp(code, "OK") != 0)
        return;
    struct str text = STR_INIT;
    char *sig = signal_text(c, json_array_size(c->params) - 1);
    str_printf(&text, "BAD_SIGNAL: %s", sig);
    put_status(c, name, XMLRPC_BAD_SIGNAL, str_text(&text));
    str_fini(&text);
    free(sig);
}

static const struct channel_call_ops could_one = {.record = rpc_on_one, .done = on_could_one};
static const struct channel_call_ops could_many = {.record = on_could_many, .done = end_many};

static void ask_signal(struct rpc_call *c, const char *sig, const char *name,
                       const struct channel_call_ops *ops)
{
    rpc_ask(c, ops, (const char *const[]){"signal", sig, name, NULL});
}

/* Whom the call means: "G:P", "G:*" or "*"; the caller frees, NULL: it has ended. */
static char *target(struct rpc_call *c, bool *out_many)
{
    bool by_name = json_array_size(c->params) == 2;
    *out_many = true;
    if (!by_name)
        return strdup("*");
    if (strcmp(c->method->name, "supervisor.signalProcessGroup") == 0)
        return whole_group(c);
    return rpc_name(c, 0, out_many);
}

static bool is_bad_signal(const struct wire_reply *r)
{
    return r->kind == WIRE_ERROR && strcmp(r->code, "BAD_SIGNAL") == 0;
}

static void who_could(struct rpc_call *c)
{
    bool all;
    char *name = target(c, &all);
    ask_signal(c, "0", name, all ? &could_many : &could_one);
    free(name);
}

static void end_signal_one(void *obj, const struct wire_reply *r)
{
    if (is_bad_signal(r))
        who_could(obj);
    else
        rpc_end_one(obj, r);
}

static void end_signal_many(void *obj, const struct wire_reply *r)
{
    if (is_bad_signal(r))
        who_could(obj);
    else
        end_many(obj, r);
}

static void signal_to(struct rpc_call *c)
{
    static const struct channel_call_ops to_one = {.record = rpc_on_one, .done = end_signal_one};
    static const struct channel_call_ops to_many = {.record = on_many, .done = end_signal_many};
    bool all;
    char *name = target(c, &all),
         *sig = name ? signal_text(c, json_array_size(c->params) - 1) : NULL;
    c->step = SIGNAL;
    if (name && all)
        xmlrpc_array_begin(c->out);
    if (name)
        ask_signal(c, sig ? without_blanks(sig) : "", name, all ? &to_many : &to_one);
    free(name);
    free(sig);
}

void method_signal(struct rpc_call *c)
{
    signal_to(c);
}

void method_signal_group(struct rpc_call *c)
{
    signal_to(c);
}

void method_signal_all(struct rpc_call *c)
{
    signal_to(c);
}

/* ---- clear ---- */

/* A process without a log has an empty one. */
static void on_cleared(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct rpc_call *c = obj;
    const char *name = wire_value(pairs, n, "name"), *code = wire_value(pairs, n, "code");
    if (!name || !code)
        return;
    if (strcmp(code, "NO_FILE") == 0)
        code = "OK";
    if (c->step == CLEAR_ALL)
        take_status(c, name, code, NULL);
    else
        rpc_take_one(c, code, NULL);
}

static void end_cleared(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind == WIRE_OK && strncmp(str_text(&c->note), "FAILED", 6) == 0)
        rpc_fault(c, XMLRPC_FAILED, rpc_string(c, 0));
    else
        rpc_end_one(obj, r);
}

void method_clear_logs(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_cleared, .done = end_cleared};
    bool all;
    char *name = rpc_name(c, 0, &all);
    if (all)
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
    else
        rpc_ask(c, &ops, (const char *const[]){"clear", name, NULL});
    free(name);
}

void method_clear_all_logs(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_cleared, .done = end_many};
    c->step = CLEAR_ALL;
    xmlrpc_array_begin(c->out);
    rpc_ask(c, &ops, (const char *const[]){"clear", "*", NULL});
}

static void end_main(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    bool none = r->kind == WIRE_ERROR && strcmp(r->code, "NO_FILE") == 0;
    if (none || strncmp(str_text(&c->note), "NO_FILE", 7) == 0)
        rpc_fault(c, XMLRPC_NO_FILE, NULL);
    else if (strncmp(str_text(&c->note), "FAILED", 6) == 0)
        rpc_fault(c, XMLRPC_FAILED, NULL);
    else if (r->kind != WIRE_OK)
        rpc_refused(c, r, NULL);
    else
        rpc_return_true(c);
}

void method_clear_main(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = rpc_on_one, .done = end_main};
    rpc_ask(c, &ops, (const char *const[]){"clear", "main", NULL});
}
