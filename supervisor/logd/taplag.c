/* Text for the agent that its socket did not take: it waits in the blocks where it lies. */
#include "supervisor/logd/stream.h"
#include "supervisor/logd/tap_impl.h"

/* What is older than all that are remembered is nobody's: number and pid 0. */
const struct logshm_run *tap_run(const struct logshm_side *side, uint64_t byte)
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

uint64_t tap_next_run(const struct logshm_side *side, uint64_t byte, uint64_t end)
{
    uint32_t n = __atomic_load_n(&side->nruns, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n && i < LOGSHM_RUNS; i++) {
        uint64_t from = side->runs[i].from;
        end = from > byte && from < end ? from : end;
    }
    return end;
}

/* ---- what waits ---- */

static uint64_t far_pos(const struct logshm_tap *x)
{
    uint32_t cur = __atomic_load_n(&x->cur, __ATOMIC_ACQUIRE); /* asked by writers, too */
    return __atomic_load_n(&x->far[cur].pos, __ATOMIC_RELAXED);
}

static uint64_t lag(const struct logd *d, const struct tap *t)
{
    uint64_t pos = far_pos(tap_shared(d, t)), read = stream_shared(d, t->stream)->read;
    return t->behind && read > pos ? read - pos : 0;
}

bool tap_needs(const struct logd *d, const struct stream *s, uint64_t start, uint64_t end)
{
    for (uint32_t which = 0; s->sided && which < LOGSHM_TAPS; which++) {
        const struct tap *t = tap_of(d, s, which);
        if (t && t->behind && d->taps->fd[which] >= 0 && end > far_pos(tap_shared(d, t)) &&
            start < stream_shared(d, s)->read)
            return true;
    }
    return false;
}

bool tap_is_mid_line(struct logd *d, const struct stream *s)
{
    struct iovec last;
    int n;
    uint64_t read = stream_shared(d, s)->read;
    return read && ring_view(&d->ring, &d->chains[s->slot], read - 1, read, &last, 1, &n) &&
           *(const char *)last.iov_base != '\n';
}

void tap_skip(struct logd *d, struct tap *t)
{
    struct logshm_tap *x = tap_shared(d, t);
    struct logshm_far far = x->far[x->cur];
    uint64_t read = stream_shared(d, t->stream)->read;
    if (far.pos >= read)
        return;
    far.at += read - far.pos;
    far.pos = read;
    far.torn = tap_is_mid_line(d, t->stream);
    tap_set_far(x, far);
    t->owed = true;
}

uint32_t tap_give_up(struct logd *d, struct stream *s)
{
    uint64_t waits = 0;
    for (uint32_t which = 0; s->sided && which < LOGSHM_TAPS; which++) {
        struct tap *t = tap_of(d, s, which);
        waits += t ? lag(d, t) : 0;
        if (t && lag(d, t))
            tap_skip(d, t);
    }
    return waits ? stream_reclaim(d, s, 0, true) : 0;
}

bool tap_relieve(struct logd *d)
{
    uint32_t freed = 0;
    struct tap *t;
    LIST_FOREACH (t, &d->taps->list[LOGSHM_TAP_AGENT], link)
        if (!t->stream->reading) /* or the reader is about to pass on its text */
            freed += tap_give_up(d, t->stream);
    return freed > 0;
}

void tap_limit_lag(struct logd *d, uint32_t which)
{
    uint64_t all = 0, most = 0;
    struct tap *t, *worst = NULL;
    LIST_FOREACH (t, &d->taps->list[which], link) {
        uint64_t n = t->behind ? lag(d, t) : 0;
        all += n;
        worst = n > most ? t : worst;
        most = n > most ? n : most;
    }
    if (!worst || all <= (uint64_t)d->h->nblocks * LOGSHM_BLOCK / 4)
        return;
    pthread_mutex_lock(&d->lock);
    tap_give_up(d, worst->stream);
    pthread_mutex_unlock(&d->lock);
}

void tap_pass_lag(struct logd *d, struct tap *t)
{
    const struct logshm_tap *x = tap_shared(d, t);
    struct stream *s = t->stream;
    uint64_t read = stream_shared(d, s)->read, bytes = logshm_progress(d->h, s->slot)->bytes;
    struct logshm_side *side = logshm_side(d->h, s->slot);
    struct iovec parts[TAP_PARTS];
    t->behind = false;
    while (!t->behind && x->far[x->cur].pos < read) {
        int n;
        uint64_t pos = x->far[x->cur].pos, byte = bytes - (read - pos);
        uint64_t end = pos + (tap_next_run(side, byte, bytes) - byte);
        size_t len = ring_view(&d->ring, &d->chains[s->slot], pos, end, parts, TAP_PARTS, &n);
        if (!len)
            break;
        tap_pass(d, t, tap_run(side, byte), parts, n, len);
    }
}
