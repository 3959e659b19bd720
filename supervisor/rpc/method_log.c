/* readLog and its kin: supd-log opens the file (agent/logsock.h), and it is read here, a part in
 * each turn of the loop, and never so that its disk is waited for. */
#include "supervisor/agent/logsock.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/logrange.h"
#include "supervisor/rpc/method.h"
#include "supervisor/rpc/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define CHUNK ((size_t)256 << 10) /* in one turn */
#define AGAIN DUR_MS(5)           /* what is not in memory is looked for again then */
#define PATIENCE DUR_S(10)
#define MUCH ((int64_t)64 << 10) /* is read by one call at a time: so much memory is there */
#define STUCK DUR_MS(50)         /* ... and let go by one whose disk takes longer */

struct part {
    struct rpc_call *call;
    enum logrange_kind kind;
    const char *channel; /* NULL: the main log */
    size_t first;        /* the parameter that is the offset */
    int fd;
    struct logrange whole, range; /* of it what is left */
    struct turn turn;
    int64_t lacks; /* where it was stuck */
    int64_t size;
    mono_t read; /* when something was, last */
    struct loop_timer timer;
    struct loop_defer more;
    bool asked; /* for the file: it has not come */
};

/* ---- the end ---- */

static void finish(struct part *p)
{
    struct rpc_call *c = p->call;
    bool tail = p->kind == LOGRANGE_TAIL;
    if (tail)
        xmlrpc_array_begin(c->out);
    xmlrpc_put_bytes(c->out, str_text(&c->note), c->note.len);
    if (tail) {
        xmlrpc_put_int(c->out, p->size);
        xmlrpc_put_bool(c->out, p->range.overflow);
        xmlrpc_array_end(c->out);
    }
    rpc_return(c);
}

/* There is none, or it cannot be read: a tail of it is empty. */
static void finish_without(struct part *p, int64_t offset)
{
    p->size = offset;
    p->range.overflow = false;
    str_clear(&p->call->note);
    finish(p);
}

static void fail(struct part *p, const char *why)
{
    if (p->kind == LOGRANGE_TAIL && !why)
        finish_without(p, rpc_int(p->call, p->first));
    else
        rpc_fault(p->call, XMLRPC_FAILED, why);
}

/* ---- reading ---- */

static int64_t clamp(int64_t n)
{
    return n > LOGRANGE_MAX ? LOGRANGE_MAX : n < -LOGRANGE_MAX ? -LOGRANGE_MAX : n;
}

/* What is in memory; where the file system cannot tell, what is there. */
static ssize_t read_now(int fd, void *buf, size_t n, int64_t at)
{
    struct iovec v = {buf, n};
    ssize_t got = preadv2(fd, &v, 1, at, RWF_NOWAIT);
    return got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? pread(fd, buf, n, at) : got;
}

/* Others have their turn until what this one lacks is there; then it begins anew. */
static void step_back(struct part *p)
{
    p->range = p->whole;
    str_fini(&p->call->note);
    turn_leave(&p->turn);
}

/* It is fetched, and looked at again soon. */
static void fetch(struct part *p, size_t n)
{
    mono_t now = loop_now(p->call->agent->loop);
    dur_t waits = mono_sub(now, p->read);
    posix_fadvise(p->fd, p->lacks, (off_t)n, POSIX_FADV_WILLNEED);
    if (waits.ns > PATIENCE.ns) {
        fail(p, "the disk of the log does not answer");
        return;
    }
    if (waits.ns > STUCK.ns && turn_is_wanted(&p->turn))
        step_back(p);
    loop_timer_at(&p->timer, mono_add(now, AGAIN));
}

static void go_on(struct part *p)
{
    struct rpc_call *c = p->call;
    struct str *s = &c->note;
    size_t n = p->range.n < (int64_t)CHUNK ? (size_t)p->range.n : CHUNK;
    if (!n || !str_reserve(s, n)) {
        if (n)
            fail(p, "too much at once");
        else
            finish(p);
        return;
    }
    ssize_t got = read_now(p->fd, s->s + s->len, n, p->range.from);
    if (got < 0 && errno == EAGAIN) {
        p->lacks = p->range.from;
        fetch(p, n);
        return;
    }
    if (got < 0) {
        fail(p, NULL);
        return;
    }
    s->len += (size_t)got;
    s->s[s->len] = '\0';
    p->range.from += got;
    p->range.n = got ? p->range.n - got : 0; /* it was cut short meanwhile */
    p->read = loop_now(c->agent->loop);
    loop_defer(c->agent->loop, &p->more);
}

static void want_turn(struct part *p)
{
    turn_want(rpc_log_turns(p->call->agent), &p->turn, LOOP_FN(go_on, p), p);
}

/* Is what it stepped back for there? */
static void look(struct part *p)
{
    char byte;
    if (turn_has(&p->turn) || p->whole.n <= MUCH)
        go_on(p);
    else if (read_now(p->fd, &byte, 1, p->lacks) < 0 && errno == EAGAIN)
        fetch(p, CHUNK);
    else
        want_turn(p);
}

static void start(struct part *p)
{
    p->whole = p->range;
    p->lacks = p->range.from;
    if (p->whole.n > MUCH)
        want_turn(p);
    else
        go_on(p);
}

static void begin(struct part *p)
{
    struct stat st;
    const struct rpc_call *c = p->call;
    if (fstat(p->fd, &st) < 0) {
        fail(p, NULL);
        return;
    }
    p->size = st.st_size;
    p->read = loop_now(c->agent->loop);
    if (!logrange(p->kind, p->size, clamp(rpc_int(c, p->first)), clamp(rpc_int(c, p->first + 1)),
                  &p->range))
        rpc_fault(p->call, XMLRPC_BAD_ARGUMENTS, NULL);
    else if (p->range.n > (int64_t)RPC_ANSWER_MAX)
        rpc_fault(p->call, XMLRPC_FAILED, "more than 32 MiB at once");
    else
        start(p);
}

/* ---- asking ---- */

/* The fault tells the path that there should be a file at. */
static void on_path(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct rpc_call *c = obj;
    const struct part *p = c->data;
    const char *path = wire_value(pairs, n, p->channel);
    if (path)
        str_printf(&c->note, ": %s", path);
}

static void on_paths(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    (void)r;
    rpc_fault(c, XMLRPC_NO_FILE, c->note.len ? c->note.s + strlen(": ") : NULL);
}

static void no_file(struct part *p)
{
    static const struct channel_call_ops ops = {.record = on_path, .done = on_paths};
    bool all;
    if (p->kind == LOGRANGE_TAIL) {
        finish_without(p, 0);
    } else if (!p->channel) {
        rpc_fault(p->call, XMLRPC_NO_FILE, NULL);
    } else {
        char *name = rpc_name(p->call, 0, &all);
        rpc_ask(p->call, &ops, (const char *const[]){"procinfo", name, NULL});
        free(name);
    }
}

static void on_file(void *obj, int fd, const char *code, const char *text)
{
    struct part *p = obj;
    (void)text;
    p->asked = false;
    p->fd = fd;
    if (fd >= 0)
        begin(p);
    else if (strcmp(code, "NO_FILE") == 0)
        no_file(p);
    else if (strcmp(code, "BAD_NAME") == 0)
        rpc_fault(p->call, XMLRPC_BAD_NAME, rpc_string(p->call, 0));
    else
        fail(p, NULL);
}

static void drop(struct rpc_call *c)
{
    struct part *p = c->data;
    if (p->asked)
        logsock_forget(c->agent, p);
    loop_timer_stop(&p->timer);
    loop_defer_cancel(c->agent->loop, &p->more);
    turn_leave(&p->turn);
    fd_close(&p->fd);
    free(p);
}

static void ask(struct rpc_call *c, const char *name, const char *channel, enum logrange_kind kind)
{
    struct part *p = mem_zalloc(sizeof(*p));
    *p = (struct part){
        .call = c, .kind = kind, .channel = channel, .first = channel ? 1 : 0, .fd = -1};
    LOOP_TIMER(&p->timer, c->agent->loop, look, p);
    LOOP_DEFER(&p->more, go_on, p);
    str_init(&c->note, RPC_ANSWER_MAX);
    c->data = p;
    c->drop = drop;
    p->asked = logsock_file(c->agent, name, channel ? channel : "stdout", on_file, p);
    if (!p->asked)
        rpc_fault(c, XMLRPC_FAILED, "supd is busy");
}

#define NAME_MAX_BYTES 4096u /* of what can be the name of a process */

static void ask_process(struct rpc_call *c, const char *channel, enum logrange_kind kind)
{
    bool all;
    char *name = rpc_name(c, 0, &all);
    if (all || strlen(name) > NAME_MAX_BYTES)
        rpc_fault(c, XMLRPC_BAD_NAME, rpc_string(c, 0));
    else
        ask(c, name, channel, kind);
    free(name);
}

void method_read_main(struct rpc_call *c)
{
    ask(c, NULL, NULL, LOGRANGE_READ);
}

void method_read_stdout(struct rpc_call *c)
{
    ask_process(c, "stdout", LOGRANGE_READ);
}

void method_read_stderr(struct rpc_call *c)
{
    ask_process(c, "stderr", LOGRANGE_READ);
}

void method_tail_stdout(struct rpc_call *c)
{
    ask_process(c, "stdout", LOGRANGE_TAIL);
}

void method_tail_stderr(struct rpc_call *c)
{
    ask_process(c, "stderr", LOGRANGE_TAIL);
}
