/* A method from its name to its end. */
#include "supervisor/rpc/method.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rpc_method methods[] = {
#define NEED(type_, name_)                                                                         \
    {                                                                                              \
        .type = RPC_##type_, .name = #name_                                                        \
    }
#define MAY(type_, name_)                                                                          \
    {                                                                                              \
        .type = RPC_##type_, .name = #name_, .optional = true                                      \
    }
#define METHOD(ns_, name_, fn_, returns_, help_, ...)                                              \
    {.name = #ns_ "." #name_,                                                                      \
     .fn = fn_,                                                                                    \
     .returns = returns_,                                                                          \
     .help = help_,                                                                                \
     .params = {__VA_ARGS__}},
#include "supervisor/rpc/methods.def"
#undef METHOD
};

#define NMETHODS (sizeof(methods) / sizeof(methods[0]))

const struct rpc_method *rpc_methods(size_t *out_n)
{
    *out_n = NMETHODS;
    return methods;
}

static int by_name(const void *key, const void *row)
{
    return strcmp(key, ((const struct rpc_method *)row)->name);
}

const struct rpc_method *rpc_method_find(const char *name)
{
    return bsearch(name, methods, NMETHODS, sizeof(methods[0]), by_name);
}

const char *rpc_type_name(enum rpc_type t)
{
    static const char *const names[] = {
        [RPC_NONE] = "",       [RPC_STRING] = "string",   [RPC_BYTES] = "string",
        [RPC_INT] = "int",     [RPC_BOOLEAN] = "boolean", [RPC_SIGNAL] = "string",
        [RPC_ARRAY] = "array", [RPC_TEXT] = "string",
    };
    return names[t];
}

/* ---- parameters ---- */

static bool has_nul(const json_t *v)
{
    return strlen(json_string_value(v)) != json_string_length(v);
}

/* A number, or what stands for one; false: neither. */
static bool int_of(const json_t *v, int64_t *out)
{
    struct err e;
    double d = json_real_value(v);
    if (json_is_string(v) && !has_nul(v))
        return text_int(json_string_value(v), INT64_MIN, INT64_MAX, out, &e) == 0;
    if (json_is_real(v) && fabs(d) < 9e15)
        *out = (int64_t)d;
    else if (json_is_integer(v))
        *out = json_integer_value(v);
    else if (json_is_boolean(v))
        *out = json_is_true(v);
    else
        return false;
    return true;
}

/* What Python takes for true. */
static bool is_true(const json_t *v)
{
    return json_is_true(v) || json_string_length(v) || json_integer_value(v) != 0 ||
           json_real_value(v) != 0 || json_array_size(v) || json_object_size(v);
}

static bool fits(enum rpc_type t, const json_t *v)
{
    int64_t n;
    switch (t) {
    case RPC_STRING:
        return json_is_string(v) && !has_nul(v);
    case RPC_BYTES:
        return json_is_string(v);
    case RPC_TEXT:
        return json_is_number(v) || json_is_boolean(v) || (json_is_string(v) && !has_nul(v));
    case RPC_INT:
        return int_of(v, &n);
    case RPC_SIGNAL:
        return json_is_integer(v) || (json_is_string(v) && !has_nul(v));
    case RPC_ARRAY:
        return json_is_array(v);
    case RPC_BOOLEAN:
        return true;
    case RPC_NONE:
        return false;
    }
    return false;
}

static bool wrong(struct rpc_call *c, const struct rpc_param *p)
{
    struct str text = STR_INIT;
    if (p)
        str_printf(&text, "%s is no %s", p->name, rpc_type_name(p->type));
    rpc_fault(c, XMLRPC_INCORRECT_PARAMETERS, p ? str_text(&text) : NULL);
    str_fini(&text);
    return false;
}

/* The call's parameters against the row's; false, and it has ended: they do not fit. */
static bool check(struct rpc_call *c)
{
    const struct rpc_param *p = c->method->params;
    size_t n = json_array_size(c->params), least = 0, most = 0;
    for (; most < RPC_PARAMS && p[most].type; most++)
        least += !p[most].optional;
    if (n < least || n > most)
        return wrong(c, NULL);
    for (size_t i = 0; i < n; i++)
        if (!fits(p[i].type, json_array_get(c->params, i)))
            return wrong(c, &p[i]);
    return true;
}

const char *rpc_string(const struct rpc_call *c, size_t i)
{
    return json_string_value(json_array_get(c->params, i));
}

/* With as many digits as it takes to get the same number back. */
static void put_real(struct str *out, double d)
{
    char text[40];
    int digits = 1;
    do
        snprintf(text, sizeof(text), "%.*e", digits - 1, d);
    while (strtod(text, NULL) != d && digits++ < 17);
    const char *e = strchr(text, 'e');
    long exponent = e ? strtol(e + 1, NULL, 10) : INT32_MAX; /* none in "inf" */
    int decimals = digits - 1 - (int)exponent;
    if (exponent >= -4 && exponent < 16)
        snprintf(text, sizeof(text), "%.*f", decimals > 1 ? decimals : 1, d);
    str_puts(out, text);
}

void rpc_text(const struct rpc_call *c, size_t i, struct str *out)
{
    const json_t *v = json_array_get(c->params, i);
    if (json_is_real(v))
        put_real(out, json_real_value(v));
    else if (json_is_integer(v))
        str_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        str_puts(out, json_is_true(v) ? "True" : "False");
    else
        str_puts(out, json_string_value(v));
}

int64_t rpc_int(const struct rpc_call *c, size_t i)
{
    int64_t n = 0;
    int_of(json_array_get(c->params, i), &n);
    return n;
}

bool rpc_bool(const struct rpc_call *c, size_t i, bool otherwise)
{
    const json_t *v = json_array_get(c->params, i);
    return v ? is_true(v) : otherwise;
}

char *rpc_name(const struct rpc_call *c, size_t i, bool *out_all)
{
    struct str s = STR_INIT;
    const char *name = rpc_string(c, i), *colon = strchr(name, ':');
    bool all = colon && (!colon[1] || strcmp(colon + 1, "*") == 0);
    if (all)
        str_printf(&s, "%.*s:*", (int)(colon - name), name);
    else if (colon)
        str_puts(&s, name);
    else
        str_printf(&s, "%s:%s", name, name);
    *out_all = all;
    return str_take(&s);
}

/* ---- the end ---- */

static void end(struct rpc_call *c)
{
    c->ended = true;
    if (!c->beginning)
        c->end(c->obj, c);
}

void rpc_return(struct rpc_call *c)
{
    if (c->out->failed)
        rpc_fault(c, XMLRPC_FAILED, "the answer is too large");
    else
        end(c);
}

void rpc_return_true(struct rpc_call *c)
{
    xmlrpc_put_bool(c->out, true);
    rpc_return(c);
}

void rpc_fault(struct rpc_call *c, enum xmlrpc_fault code, const char *extra)
{
    c->fault = (int)code;
    str_clear(&c->text);
    str_puts(&c->text, xmlrpc_fault_name((int)code));
    if (extra)
        str_printf(&c->text, ": %s", extra);
    if (!c->out->failed && c->out->len > c->from)
        c->out->len = c->from;
    end(c);
}

enum xmlrpc_fault rpc_fault_of(const char *code, bool *out_by_text)
{
    int wire = wire_code_by_name(code);
    *out_by_text = wire < 0 || wire == WIRE_NO_FILE || wire == WIRE_NOT_EXECUTABLE ||
                   wire == WIRE_FAILED || wire == WIRE_CANT_REREAD || wire == WIRE_TIMEOUT ||
                   wire == WIRE_DENIED || wire == WIRE_BUSY;
    return wire < 0 ? XMLRPC_FAILED : (enum xmlrpc_fault)wire_code_fault((enum wire_code)wire);
}

/* Enough for a person; `supd --check` has them all. */
#define WRONG_MAX 2048

void rpc_note_wrong(struct rpc_call *c, const struct wire_pair *pairs, size_t n)
{
    const char *text = wire_value(pairs, n, "text");
    if (text && c->note.len < WRONG_MAX)
        str_printf(&c->note, "%s%s", c->note.len ? "; " : "", text);
}

void rpc_refused(struct rpc_call *c, const struct wire_reply *r, const char *named)
{
    bool by_text;
    enum xmlrpc_fault code = rpc_fault_of(r->code, &by_text);
    const char *extra = by_text ? r->text : named;
    if (code == XMLRPC_CANT_REREAD && c->note.len)
        extra = str_text(&c->note);
    rpc_fault(c, code, by_text && extra && !*extra ? NULL : extra);
}

/* supd closes a connection whose line is too long, and what clients send has no such limit. */
static bool is_short(const char *const *args)
{
    struct str line;
    str_init(&line, WIRE_LINE_MAX - 64);
    for (; *args; args++)
        wire_put_field(&line, *args);
    bool ok = !line.failed;
    str_fini(&line);
    return ok;
}

void rpc_ask(struct rpc_call *c, const struct channel_call_ops *ops, const char *const *args)
{
    if (!is_short(args))
        rpc_fault(c, XMLRPC_INCORRECT_PARAMETERS, "too long");
    else if (!channel_call(c->agent->channel, args[0], args + 1, ops, c))
        rpc_fault(c, XMLRPC_FAILED, "supd is busy");
}

/* noted as "CODE text" */
void rpc_take_one(struct rpc_call *c, const char *code, const char *text)
{
    if (!c->note.len)
        str_printf(&c->note, "%s %s", code, text ? text : "");
}

void rpc_on_one(void *obj, const struct wire_pair *pairs, size_t n)
{
    const char *code = wire_value(pairs, n, "code");
    if (code)
        rpc_take_one(obj, code, wire_value(pairs, n, "text"));
}

void rpc_end_one(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind != WIRE_OK) {
        rpc_refused(c, r, rpc_string(c, 0));
        return;
    }
    char *code = str_take(&c->note), *text = strchr(code, ' ');
    if (text)
        *text++ = '\0';
    struct wire_reply said = {.kind = WIRE_ERROR, .code = code, .text = text};
    if (strcmp(code, "OK") == 0)
        rpc_return_true(c);
    else
        rpc_refused(c, &said, rpc_string(c, 0));
    free(code);
}

void rpc_ask_one(struct rpc_call *c, const char *const *args)
{
    static const struct channel_call_ops ops = {.record = rpc_on_one, .done = rpc_end_one};
    rpc_ask(c, &ops, args);
}

/* ---- the beginning ---- */

/* Refused as such while everything is being stopped. */
static bool needs_running(const struct rpc_method *m)
{
    return strncmp(m->name, "supervisor.", 11) == 0 &&
           strcmp(m->name, "supervisor.sendRemoteCommEvent") != 0;
}

struct rpc_call *rpc_begin(struct agent_program *a, const char *method, const json_t *params,
                           struct str *out, void (*end_fn)(void *obj, struct rpc_call *c),
                           void *obj)
{
    struct rpc_call *c = mem_zalloc(sizeof(*c));
    *c = (struct rpc_call){.agent = a, .params = params, .out = out, .from = out->len};
    c->end = end_fn;
    c->obj = obj;
    c->beginning = true;
    c->method = rpc_method_find(method);
    if (!c->method)
        rpc_fault(c, XMLRPC_UNKNOWN_METHOD, NULL);
    else if (check(c) && a->stopping && needs_running(c->method))
        rpc_fault(c, XMLRPC_SHUTDOWN_STATE, NULL);
    else if (!c->ended)
        c->method->fn(c);
    c->beginning = false;
    if (!c->ended)
        return c;
    c->end(c->obj, c);
    return NULL;
}

void rpc_free(struct rpc_call **cp)
{
    struct rpc_call *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    if (!c->ended)
        channel_forget(c->agent->channel, c);
    if (c->drop)
        c->drop(c);
    str_fini(&c->text);
    str_fini(&c->note);
    free(c);
}
