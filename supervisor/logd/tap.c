/* Taps: text goes on to supd or to supd-agent as it is read. */
#include "supervisor/logd/tap.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/capture.h"
#include "supervisor/core/tap.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/span.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A stream with a tap; what must survive a kill is in the stream's side. */
struct tap {
    LIST_ENTRY(tap) link;
    struct stream *stream;
    uint8_t which;
    bool named; /* this process has told the names */
    bool owed;  /* bytes were skipped since the last message */
};
LIST_HEAD(tap_list, tap);

struct taps {
    int fd[LOGSHM_TAPS];
    bool full[LOGSHM_TAPS]; /* did not take a message: nothing is tried until it is writable */
    struct tap_list list[LOGSHM_TAPS];
    struct tap *(*by_slot)[LOGSHM_TAPS]; /* made with the first tap */
};

struct taps *taps_new(const struct logshm_head *h)
{
    struct taps *t = calloc(1, sizeof(*t));
    for (uint32_t i = 0; t && i < LOGSHM_TAPS; i++) {
        LIST_INIT(&t->list[i]);
        t->fd[i] = h->tap_fds[i] > 0 ? h->tap_fds[i] : -1;
        if (t->fd[i] >= 0)
            fd_cloexec(t->fd[i], true);
    }
    return t;
}

static struct tap *tap_of(const struct logd *d, const struct stream *s, uint32_t which)
{
    return d->taps->by_slot ? d->taps->by_slot[s->slot][which] : NULL;
}

static struct logshm_tap *shared_tap(const struct logd *d, const struct tap *t)
{
    return &logshm_side(d->h, t->stream->slot)->taps[t->which];
}

static void set_far(struct logshm_tap *x, struct logshm_far far)
{
    uint32_t next = !x->cur;
    x->far[next] = far;
    LOGSHM_ORDER();
    x->cur = next;
    LOGSHM_ORDER();
}

/* ---- the socket ---- */

static void set_full(struct logd *d, uint32_t which, bool full)
{
    struct taps *t = d->taps;
    if (t->full[which] != full && t->fd[which] >= 0)
        reader_watch_tap(d, which, t->fd[which], full);
    t->full[which] = full;
}

static void close_socket(struct logd *d, uint32_t which)
{
    set_full(d, which, false);
    fd_close(&d->taps->fd[which]);
}

static bool send_message(struct logd *d, uint32_t which, struct tap_head *h, const char *text)
{
    struct taps *t = d->taps;
    struct iovec iov[2] = {{h, sizeof(*h)}, {(void *)(uintptr_t)text, h->len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    if (t->full[which] || t->fd[which] < 0)
        return false;
    if (sendmsg(t->fd[which], &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR)
        set_full(d, which, true);
    else
        close_socket(d, which); /* the consumer is gone; supd says when there is another */
    return false;
}

/* ---- messages ---- */

/* Which run wrote it. What is older than all that are remembered is nobody's: number and pid 0. */
static const struct logshm_run *run_at(const struct logshm_side *side, uint64_t byte)
{
    static const struct logshm_run forgotten;
    uint32_t n = __atomic_load_n(&side->nruns, __ATOMIC_ACQUIRE);
    uint32_t first = n > LOGSHM_RUNS ? n - LOGSHM_RUNS : 0;
    while (n > first && side->runs[(n - 1) % LOGSHM_RUNS].from > byte)
        n--;
    if (n > first)
        return &side->runs[(n - 1) % LOGSHM_RUNS];
    return first ? &forgotten : &side->runs[0];
}

static struct tap_head head_of(const struct logd *d, const struct tap *t,
                               const struct logshm_run *run, uint32_t flags)
{
    const struct logshm_tap *x = shared_tap(d, t);
    return (struct tap_head){.size = sizeof(struct tap_head),
                             .flags = (uint8_t)flags,
                             .channel = stream_shared(d, t->stream)->channel,
                             .slot = t->stream->slot,
                             .key = x->taken,
                             .run = run->number,
                             .pid = run->pid,
                             .at = x->far[x->cur].at};
}

static bool tell_names(struct logd *d, struct tap *t, const struct logshm_run *run)
{
    const struct logshm_stream *r = stream_shared(d, t->stream);
    const char *program = logshm_string(d->h, r->program), *name = logshm_string(d->h, r->name);
    char text[TAP_TEXT];
    size_t n = strlen(program) + 1, m = strlen(name) + 1;
    if (t->named || n + m > sizeof(text))
        return t->named;
    memcpy(text, program, n);
    memcpy(text + n, name, m);
    struct tap_head h = head_of(d, t, run, TAP_NAMES);
    h.at = 0;
    h.len = (uint32_t)(n + m);
    t->named = send_message(d, t->which, &h, text);
    return t->named;
}

/* What is passed on at once, and how far the tap is after it. */
struct passage {
    const struct logshm_run *run;
    uint32_t flags;
    const char *text;
    size_t len;
    struct logshm_far after;
};

/* Sends or skips, and notes it. */
static void pass(struct logd *d, struct tap *t, struct passage *p)
{
    struct tap_head h = head_of(d, t, p->run, p->flags | (p->after.torn ? TAP_TORN : 0));
    h.len = (uint32_t)p->len;
    bool sent = tell_names(d, t, p->run) && send_message(d, t->which, &h, p->text);
    if (sent)
        p->after.torn = 0;
    else if (p->len)
        p->after.torn = p->text[p->len - 1] != '\n';
    p->after.run = p->run->number;
    set_far(shared_tap(d, t), p->after);
    t->owed = !sent;
}

/* A piece of text; used: how many bytes of the stream it stands for. */
static void pass_text(struct logd *d, struct tap *t, const struct logshm_run *run,
                      const struct capture_piece *piece, size_t used)
{
    const struct logshm_tap *x = shared_tap(d, t);
    const char *text = piece->text;
    size_t len = piece->len;
    uint32_t flags = piece->kind == CAPTURE_DATA ? TAP_CAPTURED : 0;
    while (len) {
        size_t n = len < TAP_TEXT ? len : TAP_TEXT;
        size_t raw = used < n ? used : n;
        struct logshm_far far = x->far[x->cur];
        struct passage p = {run, flags | (far.begun ? TAP_BEGIN : 0), text, n, far};
        p.after.at += n;
        p.after.pos += raw;
        p.after.matched = 0;
        p.after.begun = 0;
        pass(d, t, &p);
        text += n;
        len -= n;
        used -= raw;
    }
}

/* A mark, or what may become one. */
static void pass_mark(struct logd *d, struct tap *t, const struct logshm_run *run,
                      enum capture_kind kind, size_t used, const struct capture *c)
{
    const struct logshm_tap *x = shared_tap(d, t);
    struct passage p = {.run = run, .after = x->far[x->cur]};
    p.flags = TAP_END | TAP_CAPTURED | (p.after.begun ? TAP_BEGIN : 0);
    p.after.pos += used;
    p.after.on = c->on;
    p.after.matched = c->matched;
    if (kind != CAPTURE_HELD)
        p.after.begun = kind == CAPTURE_BEGIN;
    if (kind == CAPTURE_END) {
        p.after.at++;
        pass(d, t, &p);
        return;
    }
    p.after.run = run->number;
    set_far(shared_tap(d, t), p.after);
}

static void pass_plain(struct logd *d, struct tap *t, const struct logshm_run *run,
                       const struct capture_piece *piece, size_t used)
{
    struct logshm_tap *x = shared_tap(d, t);
    if (piece->kind == CAPTURE_DATA || (x->wants & LOGSHM_WANT_TEXT)) {
        pass_text(d, t, run, piece, used);
        return;
    }
    struct logshm_far far = x->far[x->cur];
    far.pos += used;
    far.matched = 0;
    far.run = run->number;
    set_far(x, far);
}

/* Most captures are short and come whole: text and end are one message then. Returns the bytes that
 * the end took, 0 if it does not follow. */
static size_t pass_whole(struct logd *d, struct tap *t, const struct logshm_run *run,
                         const struct capture_piece *piece, const struct iovec *both, size_t used)
{
    const struct logshm_tap *x = shared_tap(d, t);
    struct capture c = {.on = true};
    struct capture_piece next;
    const char *p = both->iov_base;
    if (piece->len > TAP_TEXT || used == both->iov_len)
        return 0;
    size_t more = capture_next(&c, p + used, both->iov_len - used, &next);
    if (next.kind != CAPTURE_END)
        return 0;
    struct passage whole = {.run = run, .text = piece->text, .len = piece->len};
    whole.after = x->far[x->cur];
    whole.flags = TAP_CAPTURED | TAP_END | (whole.after.begun ? TAP_BEGIN : 0);
    whole.after.pos += used + more;
    whole.after.at += piece->len + 1;
    whole.after.on = whole.after.matched = whole.after.begun = 0;
    pass(d, t, &whole);
    return more;
}

static void pass_scanned(struct logd *d, struct tap *t, const struct logshm_run *run, const char *p,
                         size_t n)
{
    const struct logshm_tap *x = shared_tap(d, t);
    struct capture c = {x->far[x->cur].on, x->far[x->cur].matched};
    struct capture_piece piece;
    while (n) {
        size_t used = capture_next(&c, p, n, &piece), more = 0;
        if (piece.kind == CAPTURE_DATA)
            more = pass_whole(d, t, run, &piece, &(struct iovec){(char *)(uintptr_t)p, n}, used);
        if (more) {
            used += more;
            c = (struct capture){0};
        } else if (piece.kind == CAPTURE_PLAIN || piece.kind == CAPTURE_DATA)
            pass_plain(d, t, run, &piece, used);
        else
            pass_mark(d, t, run, piece.kind, used, &c);
        p += used;
        n -= used;
    }
}

/* What is held back of an old run is text, and its capture has no end. */
static void end_scan(struct logd *d, struct tap *t, const struct logshm_run *next)
{
    struct logshm_tap *x = shared_tap(d, t);
    const struct logshm_run *runs = logshm_side(d->h, t->stream->slot)->runs, *run = next;
    for (uint32_t i = 0; i < LOGSHM_RUNS; i++)
        if (runs[i].number == x->far[x->cur].run)
            run = &runs[i];
    struct logshm_far far = x->far[x->cur];
    struct capture c = {far.on, far.matched};
    struct capture_piece piece;
    if (capture_flush(&c, &piece))
        pass_plain(d, t, run, &piece, 0);
    if (!far.on)
        return;
    far = x->far[x->cur];
    far.on = far.begun = 0;
    set_far(x, far);
}

/* ---- what was read ---- */

/* A stretch of text that one run wrote goes to one tap. */
static void pass_stretch(struct logd *d, struct tap *t, const struct logshm_run *run, const char *p,
                         size_t n)
{
    const struct logshm_tap *x = shared_tap(d, t);
    if (!(x->wants & LOGSHM_WANT_CAPTURED)) {
        pass_text(d, t, run, &(struct capture_piece){CAPTURE_PLAIN, p, n}, n);
        return;
    }
    if (x->far[x->cur].run != run->number)
        end_scan(d, t, run);
    pass_scanned(d, t, run, p, n);
}

/* Where the next run's bytes begin after `byte`, at most end. */
static uint64_t next_run(const struct logshm_side *side, uint64_t byte, uint64_t end)
{
    uint32_t n = __atomic_load_n(&side->nruns, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n && i < LOGSHM_RUNS; i++) {
        uint64_t from = side->runs[i].from;
        end = from > byte && from < end ? from : end;
    }
    return end;
}

/* Text of another run than before: writers leave capture mode there, too. */
static void note_run(struct logshm_side *side, const struct logshm_run *run, uint64_t pos)
{
    if (side->seen_run == run->number)
        return;
    side->begins[side->nbegins % LOGSHM_RUNS] = pos;
    LOGSHM_ORDER();
    side->nbegins++;
    side->seen_run = run->number;
}

static void note_taken(struct logd *d, const struct stream *s, uint64_t bytes)
{
    struct logshm_side *side = logshm_side(d->h, s->slot);
    side->taken = bytes;
    LOGSHM_ORDER();
    side->announced = 0;
    LOGSHM_ORDER();
}

/* The bytes of part have this position in the stream and this number among its bytes. */
static void look_at(struct logd *d, struct stream *s, const struct iovec *part, uint64_t pos,
                    uint64_t byte)
{
    struct logshm_side *side = logshm_side(d->h, s->slot);
    size_t n;
    for (size_t at = 0; at < part->iov_len; at += n) {
        n = (size_t)(next_run(side, byte + at, byte + part->iov_len) - byte - at);
        const struct logshm_run *run = run_at(side, byte + at);
        note_run(side, run, pos + at);
        for (uint32_t which = 0; which < LOGSHM_TAPS; which++)
            if (tap_of(d, s, which))
                pass_stretch(d, tap_of(d, s, which), run, (char *)part->iov_base + at, n);
    }
}

void tap_announce(struct logd *d, struct stream *s, size_t n)
{
    logshm_side(d->h, s->slot)->announced = n;
    LOGSHM_ORDER();
}

void tap_text(struct logd *d, struct stream *s, const struct iovec *iov, int n, size_t got)
{
    uint64_t pos = stream_shared(d, s)->read, byte = logshm_progress(d->h, s->slot)->bytes;
    note_taken(d, s, byte + got);
    for (int i = 0; i < n && got; i++) {
        struct iovec part = iov[i];
        part.iov_len = part.iov_len < got ? part.iov_len : got;
        look_at(d, s, &part, pos, byte);
        pos += part.iov_len;
        byte += part.iov_len;
        got -= part.iov_len;
    }
}

void tap_flush(struct logd *d, struct stream *s)
{
    struct logshm_side *side = s->sided ? logshm_side(d->h, s->slot) : NULL;
    for (uint32_t which = 0; side && which < LOGSHM_TAPS; which++) {
        struct tap *t = tap_of(d, s, which);
        const struct logshm_far *far = t ? &side->taps[which].far[side->taps[which].cur] : NULL;
        struct capture c = {far && far->on, far ? far->matched : 0};
        struct capture_piece piece;
        if (t && capture_flush(&c, &piece))
            pass_plain(d, t, run_at(side, logshm_progress(d->h, s->slot)->bytes), &piece, 0);
    }
}

/* ---- a tap's life ---- */

static void tap_free(struct logd *d, struct tap *t)
{
    d->taps->by_slot[t->stream->slot][t->which] = NULL;
    LIST_REMOVE(t, link);
    free(t);
}

static struct tap *tap_new(struct logd *d, struct stream *s, uint32_t which)
{
    struct taps *all = d->taps;
    if (!all->by_slot)
        all->by_slot = calloc(d->h->nstreams, sizeof(*all->by_slot));
    struct tap *t = all->by_slot ? calloc(1, sizeof(*t)) : NULL;
    if (!t)
        return NULL;
    t->stream = s;
    t->which = (uint8_t)which;
    all->by_slot[s->slot][which] = t;
    LIST_INSERT_HEAD(&all->list[which], t, link);
    return t;
}

/* An empty message says how far the text would be. */
static void tell_loss(struct logd *d, struct tap *t)
{
    const struct logshm_side *side = logshm_side(d->h, t->stream->slot);
    const struct logshm_far *far = &side->taps[t->which].far[side->taps[t->which].cur];
    const struct logshm_run *run = run_at(side, logshm_progress(d->h, t->stream->slot)->bytes);
    struct tap_head h = head_of(d, t, run, far->torn ? TAP_TORN : 0);
    t->owed = !tell_names(d, t, run) || !send_message(d, t->which, &h, "");
}

/* What a killed predecessor had taken from the pipe, or might have, is still in the blocks: a read
 * is committed after its text was passed on. */
static void catch_up(struct logd *d, struct tap *t)
{
    const struct logshm_tap *x = shared_tap(d, t);
    struct stream *s = t->stream;
    uint64_t read = stream_shared(d, s)->read, bytes = logshm_progress(d->h, s->slot)->bytes;
    struct logshm_side *side = logshm_side(d->h, s->slot);
    while (x->far[x->cur].pos < read) {
        uint64_t pos = x->far[x->cur].pos, byte = bytes - (read - pos);
        uint64_t end = pos + (next_run(side, byte, bytes) - byte);
        struct iovec part;
        int n;
        if (!ring_view(&d->ring, &d->chains[s->slot], pos, end, &part, 1, &n))
            break;
        pass_stretch(d, t, run_at(side, byte), part.iov_base, part.iov_len);
    }
    struct logshm_far far = x->far[x->cur];
    far.pos = read;
    set_far(shared_tap(d, t), far);
    tell_loss(d, t); /* of what the predecessor skipped, if it did */
}

/* True if the stream stands inside a line, as far as its last byte is still there. */
static bool is_mid_line(struct logd *d, const struct stream *s)
{
    struct iovec last;
    int n;
    uint64_t read = stream_shared(d, s)->read;
    return read && ring_view(&d->ring, &d->chains[s->slot], read - 1, read, &last, 1, &n) &&
           *(const char *)last.iov_base != '\n';
}

static void begin(struct logd *d, struct tap *t)
{
    struct logshm_tap *x = shared_tap(d, t);
    t->named = t->owed = false;
    set_far(x, (struct logshm_far){.pos = stream_shared(d, t->stream)->read,
                                   .torn = is_mid_line(d, t->stream)});
    x->taken = x->key;
}

void tap_configure(struct logd *d, struct stream *s)
{
    struct logshm_side *side = logshm_side(d->h, s->slot);
    if (stream_shared(d, s)->flags & LOGSHM_USED)
        note_taken(d, s, logshm_progress(d->h, s->slot)->bytes);
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        struct logshm_tap *x = &side->taps[which];
        struct tap *t = tap_of(d, s, which);
        bool wanted = __atomic_load_n(&x->key, __ATOMIC_ACQUIRE) && d->taps->fd[which] >= 0;
        bool is_new = wanted && !t;
        if (!wanted && t)
            tap_free(d, t);
        if (is_new)
            t = tap_new(d, s, which);
        if (!wanted || !t)
            continue;
        if (x->key != x->taken)
            begin(d, t);
        else if (is_new)
            catch_up(d, t);
    }
}

void tap_jump(struct logd *d, struct stream *s, uint64_t next)
{
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        struct tap *t = tap_of(d, s, which);
        if (!t)
            continue;
        struct logshm_far far = shared_tap(d, t)->far[shared_tap(d, t)->cur];
        far.pos = next;
        set_far(shared_tap(d, t), far);
    }
}

void tap_forget(struct logd *d, struct stream *s)
{
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++)
        if (tap_of(d, s, which))
            tap_free(d, tap_of(d, s, which));
}

void tap_socket(struct logd *d, uint32_t which, int fd)
{
    struct taps *t = d->taps;
    pthread_mutex_lock(&d->lock);
    while (!LIST_EMPTY(&t->list[which]))
        tap_free(d, LIST_FIRST(&t->list[which]));
    close_socket(d, which);
    t->fd[which] = fd;
    pthread_mutex_unlock(&d->lock);
}

void tap_writable(struct logd *d, uint32_t which, bool open)
{
    struct taps *all = d->taps;
    struct tap *t;
    if (!open) {
        close_socket(d, which);
        return;
    }
    set_full(d, which, false);
    LIST_FOREACH (t, &all->list[which], link)
        if (t->owed && !all->full[which])
            tell_loss(d, t);
}
