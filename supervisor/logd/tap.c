/* Taps: text goes on to supd or to supd-agent as it is read.
 *
 * The agent's text that its socket does not take waits in the blocks where it lies, and goes on as
 * soon as there is room: it is *behind* then. supd's is skipped at once, since an event that comes
 * after the exit it belongs before is worth nothing. */
#include "supervisor/logd/tap_impl.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/capture.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

void tap_set_far(struct logshm_tap *x, struct logshm_far far)
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

void tap_watch(struct logd *d)
{
    for (uint32_t i = 0; i < LOGSHM_TAPS; i++)
        if (d->taps->full[i])
            reader_watch_tap(d, i, d->taps->fd[i], true);
}

static void close_socket(struct logd *d, uint32_t which)
{
    set_full(d, which, false);
    fd_close(&d->taps->fd[which]);
}

/* parts: h->len bytes of text, one piece or a few. */
static bool send_message(struct logd *d, uint32_t which, struct tap_head *h,
                         const struct iovec *parts, int n)
{
    struct taps *t = d->taps;
    struct iovec iov[MESSAGE_PARTS + 1] = {{h, sizeof(*h)}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n + 1};
    for (int i = 0; i < n; i++)
        iov[i + 1] = parts[i];
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

static struct tap_head head_of(const struct logd *d, const struct tap *t,
                               const struct logshm_run *run, uint32_t flags)
{
    const struct logshm_tap *x = tap_shared(d, t);
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
    t->named = send_message(d, t->which, &h, &(struct iovec){text, h.len}, 1);
    return t->named;
}

/* What is passed on at once, and how far the tap is after it. */
struct passage {
    const struct logshm_run *run;
    uint32_t flags;
    struct iovec parts[MESSAGE_PARTS];
    int n;
    size_t len;
    struct logshm_far after;
};

static bool ends_line(const struct passage *p)
{
    const struct iovec *last = &p->parts[p->n - 1];
    return ((const char *)last->iov_base)[last->iov_len - 1] == '\n';
}

/* True if what does not fit into the socket may wait. */
static bool may_wait(const struct logd *d, const struct tap *t)
{
    return t->which == LOGSHM_TAP_AGENT && d->taps->fd[t->which] >= 0 &&
           !(tap_shared(d, t)->wants & LOGSHM_WANT_CAPTURED);
}

/* Sends or skips, and notes it; false: it was not sent, and waits. */
static bool pass(struct logd *d, struct tap *t, struct passage *p)
{
    struct tap_head h = head_of(d, t, p->run, p->flags | (p->after.torn ? TAP_TORN : 0));
    h.len = (uint32_t)p->len;
    bool sent = tell_names(d, t, p->run) && send_message(d, t->which, &h, p->parts, p->n);
    t->behind = !sent && may_wait(d, t);
    if (t->behind)
        return false;
    if (sent)
        p->after.torn = 0;
    else if (p->len)
        p->after.torn = !ends_line(p);
    p->after.run = p->run->number;
    tap_set_far(tap_shared(d, t), p->after);
    t->owed = !sent;
    return true;
}

/* Text that stands for `used` bytes of the stream. */
struct text {
    uint32_t flags;
    const struct iovec *parts;
    size_t at; /* in the first of them */
    size_t len, used;
};

/* The next bytes of the text, as many as a message takes. */
static void take_message(struct text *x, struct passage *p)
{
    for (p->n = 0, p->len = 0; x->len && p->len < TAP_TEXT && p->n < MESSAGE_PARTS; p->n++) {
        size_t room = TAP_TEXT - p->len, here = x->parts->iov_len - x->at;
        size_t n = here < room ? here : room;
        p->parts[p->n] = (struct iovec){(char *)x->parts->iov_base + x->at, n};
        p->len += n;
        x->len -= n;
        x->at += n;
        if (x->at == x->parts->iov_len) {
            x->parts++;
            x->at = 0;
        }
    }
}

static void pass_text(struct logd *d, struct tap *t, const struct logshm_run *run, struct text x)
{
    const struct logshm_tap *shared = tap_shared(d, t);
    while (x.len) {
        struct logshm_far far = shared->far[shared->cur];
        struct passage p = {.run = run, .flags = x.flags | (far.begun ? TAP_BEGIN : 0)};
        take_message(&x, &p);
        size_t raw = x.used < p.len ? x.used : p.len;
        p.after = far;
        p.after.at += p.len;
        p.after.pos += raw;
        p.after.matched = 0;
        p.after.begun = 0;
        if (!pass(d, t, &p))
            return;
        x.used -= raw;
    }
}

/* A mark, or what may become one. */
static void pass_mark(struct logd *d, struct tap *t, const struct logshm_run *run,
                      enum capture_kind kind, size_t used, const struct capture *c)
{
    const struct logshm_tap *x = tap_shared(d, t);
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
    tap_set_far(tap_shared(d, t), p.after);
}

static void pass_plain(struct logd *d, struct tap *t, const struct logshm_run *run,
                       const struct capture_piece *piece, size_t used)
{
    struct logshm_tap *x = tap_shared(d, t);
    if (piece->kind == CAPTURE_DATA || (x->wants & LOGSHM_WANT_TEXT)) {
        struct iovec part = {(char *)(uintptr_t)piece->text, piece->len};
        uint32_t flags = piece->kind == CAPTURE_DATA ? TAP_CAPTURED : 0;
        pass_text(d, t, run, (struct text){flags, &part, 0, piece->len, used});
        return;
    }
    struct logshm_far far = x->far[x->cur];
    far.pos += used;
    far.matched = 0;
    far.run = run->number;
    tap_set_far(x, far);
}

/* Most captures are short and come whole: text and end are one message then. Returns the bytes that
 * the end took, 0 if it does not follow. */
static size_t pass_whole(struct logd *d, struct tap *t, const struct logshm_run *run,
                         const struct capture_piece *piece, const struct iovec *both, size_t used)
{
    const struct logshm_tap *x = tap_shared(d, t);
    struct capture c = {.on = true};
    struct capture_piece next;
    const char *p = both->iov_base;
    if (piece->len > TAP_TEXT || used == both->iov_len)
        return 0;
    size_t more = capture_next(&c, p + used, both->iov_len - used, &next);
    if (next.kind != CAPTURE_END)
        return 0;
    struct passage whole = {.run = run, .n = 1, .len = piece->len};
    whole.parts[0] = (struct iovec){(char *)(uintptr_t)piece->text, piece->len};
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
    const struct logshm_tap *x = tap_shared(d, t);
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
    struct logshm_tap *x = tap_shared(d, t);
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
    tap_set_far(x, far);
}

/* ---- a stretch of it ---- */

void tap_pass(struct logd *d, struct tap *t, const struct logshm_run *run,
              const struct iovec *parts, int n, size_t len)
{
    const struct logshm_tap *x = tap_shared(d, t);
    if (!(x->wants & LOGSHM_WANT_CAPTURED)) {
        pass_text(d, t, run, (struct text){0, parts, 0, len, len});
        return;
    }
    if (x->far[x->cur].run != run->number)
        end_scan(d, t, run);
    for (int i = 0; i < n; i++)
        pass_scanned(d, t, run, parts[i].iov_base, parts[i].iov_len);
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

/* ---- what was read ---- */

/* The bytes [from, from + len) of what lies in v; returns in how many pieces. */
static int cut_parts(const struct iovec *v, size_t from, size_t len, struct iovec *out)
{
    int n = 0;
    for (; from >= v->iov_len; v++)
        from -= v->iov_len;
    for (; len; v++, from = 0) {
        size_t here = v->iov_len - from < len ? v->iov_len - from : len;
        out[n++] = (struct iovec){(char *)v->iov_base + from, here};
        len -= here;
    }
    return n;
}

/* To all its taps; the text has this position in the stream. */
static void look_at(struct logd *d, struct stream *s, const struct logshm_run *run, uint64_t pos,
                    const struct iovec *parts, int n, size_t len)
{
    note_run(logshm_side(d->h, s->slot), run, pos);
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        struct tap *t = tap_of(d, s, which);
        if (t && !t->behind)
            tap_pass(d, t, run, parts, n, len);
        if (t && t->behind)
            tap_limit_lag(d, which);
    }
}

void tap_announce(struct logd *d, struct stream *s, size_t n)
{
    logshm_side(d->h, s->slot)->announced = n;
    LOGSHM_ORDER();
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
            pass_plain(d, t, tap_run(side, logshm_progress(d->h, s->slot)->bytes), &piece, 0);
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
    const struct logshm_run *run = tap_run(side, logshm_progress(d->h, t->stream->slot)->bytes);
    struct tap_head h = head_of(d, t, run, far->torn ? TAP_TORN : 0);
    t->owed = !tell_names(d, t, run) || !send_message(d, t->which, &h, NULL, 0);
}

/* What a killed predecessor had taken from the pipe, or might have, is still in the blocks: a read
 * is committed after its text was passed on, and what waits keeps its blocks. */
static void catch_up(struct logd *d, struct tap *t)
{
    tap_pass_lag(d, t);
    if (t->behind)
        return;
    tap_skip(d, t);
    tell_loss(d, t); /* of what the predecessor skipped, if it did */
}

/* Bytes of the newest run that were read before the tap was there. */
static uint64_t missed(const struct logd *d, const struct stream *s)
{
    const struct logshm_side *side = logshm_side(d->h, s->slot);
    uint32_t n = __atomic_load_n(&side->nruns, __ATOMIC_ACQUIRE);
    uint64_t bytes =
        stream_shared(d, s)->flags & LOGSHM_USED ? logshm_progress(d->h, s->slot)->bytes : 0;
    uint64_t from = n ? side->runs[(n - 1) % LOGSHM_RUNS].from : bytes;
    return bytes > from ? bytes - from : 0;
}

static void begin(struct logd *d, struct tap *t)
{
    struct logshm_tap *x = tap_shared(d, t);
    uint64_t before = x->wants & LOGSHM_WANT_RUN ? missed(d, t->stream) : 0;
    t->named = t->owed = false;
    tap_set_far(x, (struct logshm_far){.pos = stream_shared(d, t->stream)->read,
                                       .at = before,
                                       .torn = tap_is_mid_line(d, t->stream)});
    x->taken = x->key;
    if (before)
        tell_loss(d, t);
}

/* The taps as supd wants them. With the lock. */
static void follow(struct logd *d, struct stream *s)
{
    struct logshm_side *side = logshm_side(d->h, s->slot);
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        struct logshm_tap *x = &side->taps[which];
        struct tap *t = tap_of(d, s, which);
        bool wanted = __atomic_load_n(&x->key, __ATOMIC_ACQUIRE) && d->taps->fd[which] >= 0;
        bool is_new = wanted && !t;
        if (!wanted && t)
            tap_free(d, t);
        if (is_new)
            t = tap_new(d, s, which);
        if (wanted && !t) /* whoever counts its lines would not know that some are missing */
            logd_start_over(d, "no memory for a program whose output somebody wants");
        if (!wanted || !t)
            continue;
        if (x->key != x->taken)
            begin(d, t);
        else if (is_new)
            catch_up(d, t);
    }
}

void tap_configure(struct logd *d, struct stream *s)
{
    if (stream_shared(d, s)->flags & LOGSHM_USED)
        note_taken(d, s, logshm_progress(d->h, s->slot)->bytes);
    follow(d, s);
}

/* Text may be here before the word that it is wanted: its run was begun after that was written. */
static void follow_in_time(struct logd *d, struct stream *s)
{
    const struct logshm_side *side = logshm_side(d->h, s->slot);
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        const struct logshm_tap *x = &side->taps[which];
        uint32_t key = __atomic_load_n(&x->key, __ATOMIC_ACQUIRE);
        if (!key || key == x->taken)
            continue;
        pthread_mutex_lock(&d->lock);
        follow(d, s);
        pthread_mutex_unlock(&d->lock);
    }
}

void tap_text(struct logd *d, struct stream *s, const struct iovec *iov, int n, size_t got)
{
    struct logshm_side *side = logshm_side(d->h, s->slot);
    uint64_t pos = stream_shared(d, s)->read, byte = logshm_progress(d->h, s->slot)->bytes;
    struct iovec parts[TAP_PARTS];
    size_t len;
    (void)n;
    follow_in_time(d, s);
    note_taken(d, s, byte + got);
    for (size_t at = 0; at < got; at += len) {
        len = (size_t)(tap_next_run(side, byte + at, byte + got) - byte - at);
        int pieces = cut_parts(iov, at, len, parts);
        look_at(d, s, tap_run(side, byte + at), pos + at, parts, pieces, len);
    }
}

void tap_jump(struct logd *d, struct stream *s, uint64_t next)
{
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
        struct tap *t = tap_of(d, s, which);
        if (!t)
            continue;
        struct logshm_far far = tap_shared(d, t)->far[tap_shared(d, t)->cur];
        far.pos = next;
        tap_set_far(tap_shared(d, t), far);
    }
}

void tap_forget(struct logd *d, struct stream *s)
{
    for (uint32_t which = 0; which < LOGSHM_TAPS; which++)
        if (tap_of(d, s, which))
            tap_free(d, tap_of(d, s, which));
}

static bool is_same(int a, int b)
{
    struct stat x, y;
    return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
           x.st_dev == y.st_dev;
}

void tap_socket(struct logd *d, uint32_t which, int fd)
{
    struct taps *t = d->taps;
    if (is_same(t->fd[which], fd)) { /* another supd goes on with it, and so do we */
        fd_close(&fd);
        return;
    }
    pthread_mutex_lock(&d->lock);
    while (!LIST_EMPTY(&t->list[which]))
        tap_free(d, LIST_FIRST(&t->list[which]));
    close_socket(d, which);
    t->fd[which] = fd;
    pthread_mutex_unlock(&d->lock);
}

/* With the lock. */
static void go_on(struct logd *d, struct tap *t)
{
    struct stream *s = t->stream;
    if (t->behind) {
        tap_pass_lag(d, t);
        stream_reclaim(d, s, s->keep ? HISTORY_BYTES : 0, false);
    }
    if (t->owed && !t->behind)
        tell_loss(d, t);
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
    pthread_mutex_lock(&d->lock);
    LIST_FOREACH (t, &all->list[which], link)
        if ((t->owed || t->behind) && !all->full[which])
            go_on(d, t);
    pthread_mutex_unlock(&d->lock);
}
