/* Keeps what stands between the capture marks out of the sinks. */
#include "supervisor/logd/cut.h"
#include "supervisor/core/capture.h"

static struct logshm_cut *cut_of(const struct logd *d, const struct out *o)
{
    return &logshm_side(d->h, o->stream->slot)->cuts[o->which];
}

/* The state at `done`: that of a change before it, unless another run of the program began since.
 */
static bool is_on(const struct logd *d, const struct out *o, uint64_t done)
{
    const struct logshm_cut *c = cut_of(d, o);
    const struct logshm_side *side = logshm_side(d->h, o->stream->slot);
    uint8_t i = c->pos[c->cur] <= done ? c->cur : !c->cur;
    for (uint32_t k = 0; k < LOGSHM_RUNS && k < side->nbegins; k++)
        if (side->begins[k] > c->pos[i] && side->begins[k] <= done)
            return false;
    return c->on[i] && c->pos[i] <= done;
}

static uint64_t next_begin(const struct logd *d, const struct out *o, uint64_t from, uint64_t to)
{
    const struct logshm_side *side = logshm_side(d->h, o->stream->slot);
    for (uint32_t k = 0; k < LOGSHM_RUNS && k < side->nbegins; k++)
        if (side->begins[k] > from && side->begins[k] < to)
            to = side->begins[k];
    return to;
}

/* Bytes up to the first mark, at most `most`; *out_mark: those of the mark, complete or not. */
static uint64_t scan(struct capture *c, const struct span *view, uint64_t most, uint64_t *out_mark,
                     bool *out_complete)
{
    uint64_t before = 0;
    *out_mark = 0;
    *out_complete = false;
    for (int i = 0; i < view->n; i++) {
        const char *p = view->iov[i].iov_base;
        size_t left = view->iov[i].iov_len;
        uint64_t rest = most - before - *out_mark;
        for (left = left < rest ? left : (size_t)rest; left;) {
            struct capture_piece piece;
            size_t used = capture_next(c, p, left, &piece);
            p += used;
            left -= used;
            *out_mark += used;
            *out_complete = piece.kind == CAPTURE_BEGIN || piece.kind == CAPTURE_END;
            if (*out_complete)
                return before;
            if (piece.kind != CAPTURE_HELD) {
                before += *out_mark;
                *out_mark = 0;
            }
        }
    }
    return before;
}

void cut_find(const struct logd *d, const struct out *o, const struct span *view, bool flush,
              struct cut *out)
{
    uint64_t done = out_shared(d, o)->done, end = next_begin(d, o, done, done + view->len), mark;
    bool on = is_on(d, o, done), complete, new_run = end < done + view->len;
    struct capture c = {.on = on};
    uint64_t before = scan(&c, view, end - done, &mark, &complete);
    if (!complete && (flush || new_run)) {
        before += mark;
        mark = 0;
    }
    *out = (struct cut){.to = done, .skip = done, .ends = complete || new_run, .on = c.on};
    if (on)
        out->skip = done + before + (complete ? mark : 0);
    else if (before)
        out->to = done + before;
    else
        out->skip = done + (complete ? mark : 0);
}

void cut_note(struct logd *d, const struct out *o, uint64_t pos, bool on)
{
    struct logshm_cut *c = cut_of(d, o);
    uint8_t next = !c->cur;
    c->pos[next] = pos;
    c->on[next] = on;
    LOGSHM_ORDER();
    c->cur = next;
    LOGSHM_ORDER();
}
