/* sendProcessStdin: in pieces that a pipe takes whole or not at all. While the process does not
 * read, the call waits; it gives up when nothing was taken for a while. */
#include "supervisor/base/b64.h"
#include "supervisor/base/mem.h"
#include "supervisor/rpc/method.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 4096u
#define AGAIN DUR_MS(20)
#define PATIENCE DUR_S(10)

struct sending {
    struct rpc_call *call;
    char *name;
    const char *text;
    size_t n, sent;
    struct loop_timer timer;
    mono_t taken; /* when the last piece was */
};

static void on_answer(void *obj, const struct wire_reply *r);
static const struct channel_call_ops ops = {.done = on_answer};

static size_t piece(const struct sending *s)
{
    return s->n - s->sent < PIECE ? s->n - s->sent : PIECE;
}

static void send_piece(struct sending *s)
{
    struct str b64 = STR_INIT;
    b64_put(&b64, s->text + s->sent, piece(s));
    rpc_ask(s->call, &ops, (const char *const[]){"stdin", s->name, str_text(&b64), NULL});
    str_fini(&b64);
}

static void wait_for_it(struct sending *s)
{
    struct rpc_call *c = s->call;
    mono_t now = loop_now(c->agent->loop);
    if (mono_sub(now, s->taken).ns < PATIENCE.ns) {
        loop_timer_at(&s->timer, mono_add(now, AGAIN));
        return;
    }
    str_clear(&c->note);
    str_printf(&c->note, "%s does not read its standard input; %zu of %zu bytes are written",
               rpc_string(c, 0), s->sent, s->n);
    rpc_fault(c, XMLRPC_FAILED, str_text(&c->note));
}

static void on_answer(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    struct sending *s = c->data;
    if (r->kind == WIRE_ERROR && strcmp(r->code, "BUSY") == 0) {
        wait_for_it(s);
    } else if (r->kind == WIRE_ERROR && strcmp(r->code, "NO_FILE") == 0) {
        rpc_fault(c, XMLRPC_NO_FILE, rpc_string(c, 0));
    } else if (r->kind == WIRE_ERROR) {
        rpc_refused(c, r, rpc_string(c, 0));
    } else {
        s->sent += piece(s);
        s->taken = loop_now(c->agent->loop);
        if (s->sent == s->n)
            rpc_return_true(c);
        else
            send_piece(s);
    }
}

static void drop(struct rpc_call *c)
{
    struct sending *s = c->data;
    loop_timer_stop(&s->timer);
    free(s->name);
    free(s);
}

void method_send_stdin(struct rpc_call *c)
{
    bool all;
    char *name = rpc_name(c, 0, &all);
    const json_t *chars = json_array_get(c->params, 1);
    if (all) {
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
        free(name);
        return;
    }
    struct sending *s = mem_zalloc(sizeof(*s));
    *s = (struct sending){.call = c,
                          .name = name,
                          .text = json_string_value(chars),
                          .n = json_string_length(chars),
                          .taken = loop_now(c->agent->loop)};
    LOOP_TIMER(&s->timer, c->agent->loop, send_piece, s);
    c->data = s;
    c->drop = drop;
    send_piece(s);
}
