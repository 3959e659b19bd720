/* Supervisor's events about output. A message is looked at, its event told, and that noted, before
 * it leaves the socket: whoever takes our place in between finds it again. */
#include "supervisor/run/textevents.h"
#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/ansi.h"
#include "supervisor/core/tap.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/heard.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TURN_MESSAGES 4 /* so little delays nothing else */
#define CATCH_UP 512    /* more than the socket holds */
#define PART 15360u     /* bytes of data in one event: escaped fourfold, they fit a line */

/* A stream whose text is published. */
struct source {
    struct proc *proc;
    struct heard heard;
    uint8_t channel;
};

struct textevents {
    struct sup *sup;
    struct listenmem *mem; /* that of listeners; NULL: there are none */
    int fd;
    struct loop_io io;
    struct loop_defer leave;
    struct source **by_slot;
    uint32_t capacity;
    bool busy; /* with a message */
    char message[TAP_MESSAGE];
};

/* ---- events ---- */

static const char *const log_types[] = {"PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR"};
static const char *const comm_types[] = {"PROCESS_COMMUNICATION_STDOUT",
                                         "PROCESS_COMMUNICATION_STDERR"};

struct part {
    const char *type;
    int pid;
    bool says_channel, more;
    uint64_t skipped;
    const char *text;
    size_t len;
};

static void emit_part(const struct source *x, const struct part *p)
{
    char name[PROC_NAME_MAX];
    struct wire_out *w = ctl_text_event(proc_sup(x->proc)->ctl, p->type);
    if (!w)
        return;
    wire_kv(w, "name", proc_fullname(x->proc, name, sizeof(name)));
    wire_kv(w, "processname", proc_name(x->proc));
    wire_kv(w, "groupname", x->proc->group->name);
    wire_kv_int(w, "pid", p->pid);
    if (p->says_channel)
        wire_kv(w, "channel", x->channel ? "stderr" : "stdout");
    if (p->skipped)
        wire_kv_int(w, "skipped", (int64_t)p->skipped);
    if (p->more)
        wire_kv_int(w, "more", 1);
    wire_kv_bytes(w, "data", p->text, p->len);
    ctl_text_event_end(proc_sup(x->proc)->ctl);
}

static void emit(const struct source *x, struct part p)
{
    size_t left = p.len;
    do {
        p.len = left < PART ? left : PART;
        left -= p.len;
        p.more = left > 0;
        emit_part(x, &p);
        p.text += p.len;
        p.skipped = 0;
    } while (left);
}

/* ---- captures ---- */

static size_t capture_limit(const struct source *x)
{
    return (size_t)proc_opts(x->proc)->log[x->channel].capture;
}

static void capture_end(const struct source *x, const struct heard_at *at, int pid)
{
    size_t limit = capture_limit(x), drop = at->len > limit ? at->len - limit : 0;
    const char *text = heard_text(&x->heard, at) + drop;
    if (at->unheard && listeners_want(proc_sup(x->proc), EVENT_TEXT))
        log_warn("%s: %" PRIu64 " bytes of what it sent to event listeners are missing: it came "
                 "faster than it could be passed on",
                 proc_name(x->proc), at->unheard);
    listeners_tell_captured(x->proc, x->channel, pid, text, at->len - drop);
    emit(x, (struct part){.type = comm_types[x->channel],
                          .pid = pid,
                          .skipped = at->unheard,
                          .text = text,
                          .len = at->len - drop});
}

static void take_captured(struct source *x, const struct tap_head *h, const char *text,
                          struct heard_at *at)
{
    if ((h->flags & TAP_BEGIN) || h->run != at->run)
        at->unheard = at->len = 0;
    at->run = h->run;
    at->unheard += at->skipped;
    at->skipped = 0;
    heard_put(&x->heard, at, text, h->len, capture_limit(x));
    if (!(h->flags & TAP_END))
        return;
    capture_end(x, at, h->pid);
    at->unheard = at->len = 0;
}

/* ---- messages ---- */

static struct source *find(const struct textevents *t, const struct tap_head *h)
{
    struct source *x = h->slot < t->capacity ? t->by_slot[h->slot] : NULL;
    return x && x->heard.key == h->key ? x : NULL;
}

/* A sequence that was cut by two reads stays, as with Supervisor. */
static void take_text(const struct source *x, const struct tap_head *h, const char *text,
                      struct heard_at *at)
{
    const struct gen_log *l = &proc_opts(x->proc)->log[x->channel];
    struct str plain = STR_INIT;
    if (!l->events || (!h->len && !at->skipped))
        return;
    bool strips = l->strip_ansi && memchr(text, '\x1b', h->len);
    if (strips)
        ansi_strip(text, h->len, true, &plain);
    strips &= !plain.failed; /* no memory: better coloured than lost */
    struct part all = {.type = log_types[x->channel],
                       .pid = h->pid,
                       .says_channel = true,
                       .skipped = at->skipped,
                       .text = strips ? str_text(&plain) : text,
                       .len = strips ? plain.len : h->len};
    emit(x, all);
    listeners_tell_log(x->proc, x->channel, h->pid, all.text, all.len);
    str_fini(&plain);
    at->skipped = 0;
}

static void tell_message(struct source *x, const struct tap_head *h, const char *text,
                         struct heard_at *at)
{
    struct sup *s = proc_sup(x->proc);
    listeners_before_text(x->proc, h->pid, h->key, at->at);
    publish_before_text(x->proc, h->pid);
    listeners_about(s, h->key, at->at);
    if (h->flags & TAP_CAPTURED)
        take_captured(x, h, text, at);
    else
        take_text(x, h, text, at);
    heard_commit(&x->heard, at);
    listeners_about_nothing(s);
}

static void take_message(struct textevents *t, size_t n)
{
    struct tap_head h;
    const char *text;
    uint64_t skipped;
    struct source *x = tap_read(t->message, n, &h, &text) ? find(t, &h) : NULL;
    if (!x || (h.flags & TAP_NAMES))
        return;
    struct heard_at at = heard_now(&x->heard);
    struct tap_join join = {at.at};
    if (!tap_join(&join, &h, &text, &skipped))
        return;
    at.at = join.at;
    at.skipped += skipped;
    if (!h.pid) /* supd-log was faster than our note of the pid */
        h.pid = logs_run_pid(x->proc->log[x->channel], h.run);
    tell_message(x, &h, text, &at);
}

/* True if there may be more. */
static bool receive(struct textevents *t)
{
    ssize_t n = recv(t->fd, t->message, sizeof(t->message), MSG_DONTWAIT | MSG_TRUNC | MSG_PEEK);
    if (n > 0 && (size_t)n <= sizeof(t->message))
        take_message(t, (size_t)n);
    if (n > 0)
        recv(t->fd, t->message, 0, MSG_DONTWAIT); /* it is one datagram: all of it goes */
    FAULT_POINT();
    return n > 0;
}

static void receive_some(struct textevents *t, int most)
{
    if (t->busy)
        return;
    t->busy = true;
    while (most-- > 0 && receive(t))
        ;
    t->busy = false;
}

static bool is_heard(const struct textevents *t)
{
    return (t->sup->ctl && ctl_has_text_subscribers(t->sup->ctl)) ||
           listeners_want(t->sup, EVENT_TEXT);
}

static void on_text(struct textevents *t)
{
    if (is_heard(t))
        receive_some(t, TURN_MESSAGES);
    else
        loop_defer(t->sup->loop, &t->leave);
}

void textevents_catch_up(struct textevents *t)
{
    if (is_heard(t))
        receive_some(t, CATCH_UP);
}

/* ---- sources ---- */

static void source_free(struct source *x)
{
    heard_close(&x->heard);
    free(x);
}

static bool grow(struct textevents *t, uint32_t slot)
{
    uint32_t cap = t->capacity ? t->capacity : 64;
    while (cap <= slot)
        cap *= 2;
    if (cap == t->capacity)
        return true;
    struct source **v = realloc(t->by_slot, cap * sizeof(*v));
    if (!v)
        return false;
    for (uint32_t i = t->capacity; i < cap; i++)
        v[i] = NULL;
    t->by_slot = v;
    t->capacity = cap;
    return true;
}

void textevents_add(struct textevents *t, struct proc *p, int channel)
{
    const struct log_stream *s = p->log[channel];
    uint32_t slot = logs_slot(s), key = logs_tap_key(s, LOGS_TAP_SUPD);
    struct source *x = slot < t->capacity ? t->by_slot[slot] : NULL;
    if (x && x->heard.key == key && x->proc == p)
        return;
    textevents_del(t, p, channel);
    x = grow(t, slot) ? calloc(1, sizeof(*x)) : NULL;
    if (!x || !heard_open(&x->heard, t->mem, slot, key)) {
        free(x);
        return; /* its text goes unheard */
    }
    x->proc = p;
    x->channel = (uint8_t)channel;
    t->by_slot[slot] = x;
}

void textevents_del(struct textevents *t, struct proc *p, int channel)
{
    uint32_t slot = logs_slot(p->log[channel]);
    if (!t || slot >= t->capacity || !t->by_slot[slot])
        return;
    source_free(t->by_slot[slot]);
    t->by_slot[slot] = NULL;
}

struct textevents *textevents_new(struct sup *s, int fd, loop_fn *unlisten, void *obj,
                                  struct err *e)
{
    struct textevents *t = calloc(1, sizeof(*t));
    if (!t) {
        fd_close(&fd);
        err_set(e, "out of memory");
        return NULL;
    }
    t->sup = s;
    t->fd = fd;
    LOOP_IO(&t->io, s->loop, on_text, t);
    loop_defer_init(&t->leave, unlisten, obj);
    loop_io_set(&t->io, fd, LOOP_READ);
    textevents_keep(t);
    return t;
}

void textevents_keep(struct textevents *t)
{
    struct listenmem *mem = listeners_memory(t->sup);
    if (!mem || t->mem == mem)
        return;
    t->mem = mem;
    for (uint32_t i = 0; i < t->capacity; i++)
        if (t->by_slot[i] && !heard_move(&t->by_slot[i]->heard, mem))
            log_warn("%s: no memory to keep what it sends to event listeners over an upgrade",
                     proc_name(t->by_slot[i]->proc));
    listeners_note_text(t->sup, t->fd, logs_tap_end(t->sup->logs, LOGS_TAP_SUPD));
}

void textevents_free(struct textevents **tp)
{
    struct textevents *t = *tp;
    *tp = NULL;
    if (!t)
        return;
    listeners_note_text(t->sup, 0, 0);
    loop_defer_cancel(t->sup->loop, &t->leave);
    loop_io_close(&t->io, &t->fd);
    for (uint32_t i = 0; i < t->capacity; i++)
        if (t->by_slot[i])
            source_free(t->by_slot[i]);
    free(t->by_slot);
    free(t);
}
