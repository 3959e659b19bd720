/* Supervisor's methods: one row of methods.def each, and what their handlers share. A method is a
 * translator: what it is asked it asks supd (docs/control-protocol.md), and what supd answers it
 * says in Supervisor's words. It writes its value straight into the answer, at once or later, and
 * ends with rpc_return or rpc_fault. */
#ifndef RPC_METHOD_H
#define RPC_METHOD_H

#include "supervisor/agent/channel.h"
#include "supervisor/agent/program.h"
#include "supervisor/base/str.h"
#include "supervisor/xmlrpc/fault.h"
#include "supervisor/xmlrpc/write.h"

#include <jansson.h>

#define RPC_PARAMS 3
#define RPC_ANSWER_MAX ((size_t)32 << 20) /* the largest answer */
#define RPC_CALLS_MAX 10000               /* calls in one system.multicall */

struct rpc_call;
typedef void rpc_fn(struct rpc_call *c);

enum rpc_type {
    RPC_NONE,
    RPC_STRING,  /* text without a NUL */
    RPC_BYTES,   /* text of any bytes */
    RPC_TEXT,    /* text without a NUL, or a number or truth value: rpc_text */
    RPC_INT,     /* or what is one: a string of digits, a boolean, a double */
    RPC_BOOLEAN, /* anything: false is what Python takes for it */
    RPC_SIGNAL,  /* a string or a number */
    RPC_ARRAY,
};

struct rpc_param {
    enum rpc_type type;
    const char *name;
    bool optional;
};

struct rpc_method {
    const char *name; /* "supervisor.startProcess" */
    rpc_fn *fn;
    const char *returns, *help; /* help: a sentence or more */
    struct rpc_param params[RPC_PARAMS];
};

/* All methods, sorted by name. */
const struct rpc_method *rpc_methods(size_t *out_n);
const struct rpc_method *rpc_method_find(const char *name);
/* "string" of RPC_STRING, as Supervisor's signatures name it. */
const char *rpc_type_name(enum rpc_type t);

/* One call being answered. */
struct rpc_call {
    struct agent_program *agent;
    const struct rpc_method *method;
    const json_t *params; /* an array; checked against the row */
    struct str *out;      /* the value goes here; bounded */
    size_t from;          /* where it begins */
    int fault;            /* with code and text: it ended so */
    struct str text;
    void (*end)(void *obj, struct rpc_call *c); /* of who called; called once */
    void *obj;
    bool beginning, ended;
    /* the handler's own */
    void *data;
    void (*drop)(struct rpc_call *c); /* frees data; also when nobody waits any more */
    int step;
    struct str note;
};

/* Calls a method. end(obj, call) is called when it has ended, and frees it; perhaps before this
 * returns, which is then NULL. */
struct rpc_call *rpc_begin(struct agent_program *a, const char *method, const json_t *params,
                           struct str *out, void (*end)(void *obj, struct rpc_call *c), void *obj);
/* Ended or not: forgets it. */
void rpc_free(struct rpc_call **c);

/* ---- for handlers ---- */

/* The value is written. */
void rpc_return(struct rpc_call *c);
void rpc_return_true(struct rpc_call *c);
/* "CODE", or "CODE: extra" unless that is NULL; what was written of the value is taken back. */
void rpc_fault(struct rpc_call *c, enum xmlrpc_fault code, const char *extra);
/* A record of what is wrong with a configuration: the fault of the refusal behind it has it. */
void rpc_note_wrong(struct rpc_call *c, const struct wire_pair *pairs, size_t n);
/* The fault of supd's refusal. named: what the fault is about where its code says it all. */
void rpc_refused(struct rpc_call *c, const struct wire_reply *r, const char *named);
/* A code of supd's as a fault, and whether its text (and not the name) belongs to it. */
enum xmlrpc_fault rpc_fault_of(const char *code, bool *out_by_text);

const char *rpc_string(const struct rpc_call *c, size_t i);
/* A RPC_TEXT, as Python prints it. */
void rpc_text(const struct rpc_call *c, size_t i, struct str *out);
int64_t rpc_int(const struct rpc_call *c, size_t i);
bool rpc_bool(const struct rpc_call *c, size_t i, bool otherwise);

/* A parameter "group:process", "name", "group:*" or "group:" as supd wants it, "GROUP:PROCESS" or
 * "GROUP:*"; the caller frees. out_all: the group is meant. */
char *rpc_name(const struct rpc_call *c, size_t i, bool *out_all);
/* Asks supd: ops get the call as their obj. args: the verb and its arguments, NULL at the end. */
void rpc_ask(struct rpc_call *c, const struct channel_call_ops *ops, const char *const *args);
/* The same about one process or group: its record is the end of the call, true or a fault. */
void rpc_ask_one(struct rpc_call *c, const char *const *args);
/* Its parts, for a handler that has more to say: the first record is taken, and ends the call. */
void rpc_on_one(void *obj, const struct wire_pair *pairs, size_t n);
void rpc_take_one(struct rpc_call *c, const char *code, const char *text);
void rpc_end_one(void *obj, const struct wire_reply *r);

#define METHOD(ns, name, fn, ...) rpc_fn fn;
#include "supervisor/rpc/methods.def"
#undef METHOD

#endif
