/* The agent's end of its channel to supd. */
#include "supervisor/agent/channel.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/hand.h"
#include "supervisor/base/vec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX (HAND_ARGS_MAX + 4) /* of a request: type, ref, admin, verb */
#define OUT_MAX (4u << 20)
#define SUB_ID "sub"

struct asked {
    uint32_t id;
    bool answered;
    channel_reply_fn *fn;
    const struct channel_call_ops *ops; /* of channel_call; NULL */
    void *obj;
};

struct channel {
    struct loop *loop;
    struct loop_io io;
    struct loop_defer flush;
    int fd;
    struct wire_buf in;
    struct str out;
    size_t skip;             /* raw bytes of a bulk follow, and a newline */
    uint32_t bulk_of;        /* the request whose answer they are; 0: nobody's */
    VEC(struct asked) asked; /* in their order, which is that of most answers */
    size_t answered;         /* so many of its first ones are */
    size_t nanswered;        /* ... and of all of them */
    uint32_t ids;
    const struct channel_ops *ops;
    void *obj;
    bool closed;
};

static void end(struct channel *c, const char *why)
{
    if (c->closed)
        return;
    c->closed = true;
    log_debug("channel to supd is gone: %s", why);
    loop_io_close(&c->io, &c->fd);
    c->ops->closed(c->obj);
}

/* ---- out ---- */

static void flush(struct channel *c)
{
    if (c->closed)
        return;
    if (c->out.failed) {
        end(c, "supd does not read");
        return;
    }
    ssize_t n = c->out.len ? send(c->fd, c->out.s, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n > 0)
        str_drop(&c->out, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        end(c, strerror(errno));
    if (!c->closed)
        loop_io_set(&c->io, c->fd, LOOP_READ | (c->out.len ? LOOP_WRITE : 0));
}

static void flush_later(struct channel *c)
{
    loop_defer(c->loop, &c->flush);
}

static uint32_t put_id(struct channel *c)
{
    char id[WIRE_ID_MAX + 1];
    snprintf(id, sizeof(id), "a%u", ++c->ids);
    wire_put_field(&c->out, id);
    return c->ids;
}

static bool ask(struct channel *c, const char *verb, const char *const *args, struct asked who)
{
    if (c->out.len > OUT_MAX / 2)
        return false;
    who.id = put_id(c);
    VEC_PUSH(&c->asked, who);
    wire_put_field(&c->out, verb);
    for (; args && *args; args++)
        wire_put_field(&c->out, *args);
    str_putc(&c->out, '\n');
    flush_later(c);
    return true;
}

bool channel_ask(struct channel *c, const char *verb, const char *const *args, channel_reply_fn *fn,
                 void *obj)
{
    return ask(c, verb, args, (struct asked){.fn = fn, .obj = obj});
}

bool channel_call(struct channel *c, const char *verb, const char *const *args,
                  const struct channel_call_ops *ops, void *obj)
{
    return ask(c, verb, args, (struct asked){.fn = ops->done, .ops = ops, .obj = obj});
}

static void ignore(void *obj, const struct wire_reply *r)
{
    (void)obj, (void)r;
}

void channel_forget(struct channel *c, const void *obj)
{
    for (size_t i = c->answered; i < c->asked.n; i++) {
        if (c->asked.v[i].obj != obj)
            continue;
        c->asked.v[i].fn = ignore;
        c->asked.v[i].ops = NULL;
    }
}

static void answer_begin(struct channel *c, uint32_t ref, const char *word)
{
    char num[16];
    snprintf(num, sizeof(num), "%u", ref);
    put_id(c);
    wire_put_field(&c->out, "answer");
    wire_put_field(&c->out, num);
    wire_put_field(&c->out, word);
}

void channel_row_begin(struct channel *c, uint32_t ref)
{
    answer_begin(c, ref, "+");
}

void channel_ok_begin(struct channel *c, uint32_t ref)
{
    answer_begin(c, ref, "ok");
}

void channel_kv_fmt(struct channel *c, const char *key, const char *fmt, ...)
{
    struct str pair = STR_INIT;
    va_list ap;
    str_printf(&pair, "%s=", key);
    va_start(ap, fmt);
    str_vprintf(&pair, fmt, ap);
    va_end(ap);
    wire_put_field(&c->out, str_text(&pair));
    str_fini(&pair);
}

void channel_kv(struct channel *c, const char *key, const char *value)
{
    channel_kv_fmt(c, key, "%s", value);
}

void channel_kv_int(struct channel *c, const char *key, int64_t value)
{
    channel_kv_fmt(c, key, "%" PRId64, value);
}

void channel_end(struct channel *c)
{
    str_putc(&c->out, '\n');
    flush_later(c);
}

void channel_ok(struct channel *c, uint32_t ref)
{
    channel_ok_begin(c, ref);
    channel_end(c);
}

void channel_error(struct channel *c, uint32_t ref, enum wire_code code, const char *text)
{
    answer_begin(c, ref, "error");
    wire_put_field(&c->out, wire_code_name(code));
    wire_put_field(&c->out, text);
    channel_end(c);
}

/* ---- in ---- */

static void on_request(struct channel *c, const struct wire_pair *pairs, size_t n)
{
    char *args[PAIRS_MAX];
    size_t nargs = 0;
    const char *ref = wire_value(pairs, n, "ref"), *verb = wire_value(pairs, n, "verb");
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[i].key, "arg") == 0)
            args[nargs++] = pairs[i].value;
    if (!ref || !verb)
        return;
    const char *admin = wire_value(pairs, n, "admin");
    struct channel_req rq = {.ref = (uint32_t)strtoul(ref, NULL, 10),
                             .verb = verb,
                             .admin = admin && strcmp(admin, "1") == 0};
    c->ops->request(c->obj, &rq, args, nargs);
}

static void on_event(struct channel *c, struct wire_reply *r)
{
    struct wire_pair pairs[PAIRS_MAX];
    int64_t n = wire_pairs(r->rest, pairs, PAIRS_MAX);
    const char *type = n > 0 ? wire_value(pairs, (size_t)n, "type") : NULL;
    if (!type)
        return;
    if (strcmp(type, "request") == 0)
        on_request(c, pairs, (size_t)n);
    else
        c->ops->event(c->obj, pairs, (size_t)n);
}

/* The request of that id that waits for its answer, or NULL. */
static struct asked *find_asked(struct channel *c, uint32_t id)
{
    for (size_t i = c->answered; id && i < c->asked.n; i++)
        if (c->asked.v[i].id == id && !c->asked.v[i].answered)
            return &c->asked.v[i];
    return NULL;
}

static uint32_t number_of(const char *id)
{
    return id[0] == 'a' ? (uint32_t)strtoul(id + 1, NULL, 10) : 0;
}

static void on_record(struct channel *c, const struct wire_reply *r)
{
    struct wire_pair pairs[PAIRS_MAX];
    bool sub = strcmp(r->id, SUB_ID) == 0;
    const struct asked *a = sub ? NULL : find_asked(c, number_of(r->id));
    bool wanted = sub || (a && a->ops && a->ops->record);
    int64_t n = wanted ? wire_pairs(r->rest, pairs, PAIRS_MAX) : 0;
    if (n > 0 && sub)
        c->ops->record(c->obj, pairs, (size_t)n);
    else if (n > 0)
        a->ops->record(a->obj, pairs, (size_t)n); /* which may ask: a is not valid any more */
}

static void on_bulk(struct channel *c, const char *p)
{
    const struct asked *a = find_asked(c, c->bulk_of);
    size_t n = c->skip - 1;
    c->skip = 0;
    if (a && a->ops && a->ops->bytes)
        a->ops->bytes(a->obj, p, n);
}

static void on_subscribed(struct channel *c, const struct wire_reply *r)
{
    struct wire_pair pairs[PAIRS_MAX];
    int64_t n = wire_pairs(r->rest, pairs, PAIRS_MAX);
    const char *instance = n > 0 ? wire_value(pairs, (size_t)n, "instance") : NULL;
    c->ops->snapshot(c->obj, instance ? strtoull(instance, NULL, 16) : 0);
}

/* An early one may wait for long, while many behind it are answered. */
static void compact(struct channel *c)
{
    size_t n = 0;
    for (size_t i = c->answered; i < c->asked.n; i++)
        if (!c->asked.v[i].answered)
            c->asked.v[n++] = c->asked.v[i];
    c->asked.n = n;
    c->answered = c->nanswered = 0;
}

/* Takes the request of that id off the list; false if none waits for its answer. */
static bool take_asked(struct channel *c, const char *id, struct asked *out)
{
    struct asked *a = find_asked(c, number_of(id));
    if (!a)
        return false;
    *out = *a;
    a->answered = true;
    c->nanswered++;
    while (c->answered < c->asked.n && c->asked.v[c->answered].answered)
        c->answered++;
    if (c->nanswered > 64 && c->nanswered > c->asked.n / 2)
        compact(c);
    return true;
}

static void on_last_line(struct channel *c, const struct wire_reply *r)
{
    struct asked a;
    if (r->kind == WIRE_OK && strcmp(r->id, SUB_ID) == 0)
        on_subscribed(c, r);
    if (take_asked(c, r->id, &a))
        a.fn(a.obj, r);
    else if (r->kind == WIRE_ERROR)
        log_warn("supd answered %s: %s %s", r->id, r->code, r->text);
}

static void begin_bulk(struct channel *c, const struct wire_reply *r)
{
    c->skip = r->nbytes + 1;
    c->bulk_of = number_of(r->id);
}

static void on_line(struct channel *c, char *line, size_t n)
{
    struct wire_reply r;
    struct err e;
    int protocol;
    if (wire_parse_greeting(line, &protocol) == 0) {
        if (protocol != WIRE_PROTOCOL)
            end(c, "supd speaks another protocol version");
        return;
    }
    if (wire_parse_reply(line, n, &r, &e) < 0)
        end(c, e.msg);
    else if (r.kind == WIRE_EVENT)
        on_event(c, &r);
    else if (r.kind == WIRE_BYTES)
        begin_bulk(c, &r);
    else if (r.kind == WIRE_RECORD)
        on_record(c, &r);
    else
        on_last_line(c, &r);
}

static void take_lines(struct channel *c)
{
    char *p;
    size_t n;
    while (!c->closed) {
        int got = c->skip ? wire_buf_bytes(&c->in, c->skip - 1, &p) : wire_buf_line(&c->in, &p, &n);
        if (got < 0)
            end(c, "it broke the protocol");
        if (got <= 0)
            break;
        if (c->skip)
            on_bulk(c, p);
        else
            on_line(c, p, n);
    }
    wire_buf_compact(&c->in);
}

static void receive(struct channel *c)
{
    char *room = wire_buf_room(&c->in, 65536);
    if (!room) {
        end(c, "too much at once");
        return;
    }
    ssize_t n = recv(c->fd, room, 65536, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        end(c, n == 0 ? "closed" : strerror(errno));
        return;
    }
    wire_buf_added(&c->in, n > 0 ? (size_t)n : 0);
    take_lines(c);
}

static void on_io(struct channel *c)
{
    if (loop_io_events(&c->io) & LOOP_READ)
        receive(c);
    flush_later(c);
}

struct channel *channel_new(struct loop *l, int fd, const struct channel_ops *ops, void *obj,
                            struct err *e)
{
    struct channel *c = mem_zalloc(sizeof(*c));
    *c = (struct channel){.loop = l, .fd = fd, .ops = ops, .obj = obj};
    wire_buf_init(&c->in, 8u << 20);
    str_init(&c->out, OUT_MAX);
    LOOP_IO(&c->io, l, on_io, c);
    LOOP_DEFER(&c->flush, flush, c);
    if (loop_io_set(&c->io, fd, LOOP_READ) < 0) {
        err_errno(e, errno, "descriptor %d is no channel", fd);
        channel_free(&c);
        return NULL;
    }
    wire_put_field(&c->out, SUB_ID);
    wire_put_field(&c->out, "subscribe");
    str_putc(&c->out, '\n');
    flush_later(c);
    return c;
}

void channel_free(struct channel **cp)
{
    struct channel *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    loop_defer_cancel(c->loop, &c->flush);
    if (c->fd >= 0)
        loop_io_close(&c->io, &c->fd);
    VEC_FINI(&c->asked);
    wire_buf_fini(&c->in);
    str_fini(&c->out);
    free(c);
}
