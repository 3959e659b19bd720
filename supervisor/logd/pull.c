/* A fast stream's pipe is read by the thread that writes its file.
 *
 *   reader reads --- pipe over half full ---> writer reads
 *        ^                                        |
 *        +-- little in it after NAP_MOST, or -----+
 *            nothing from the writer for STUCK
 */
#include "supervisor/logd/pull.h"
#include "supervisor/logd/intake.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/stream.h"

#define STUCK DUR_MS(40) /* its disk is slow: the reader reads on */
#define NAP_LEAST ((dur_t){250000})
#define NAP_MOST DUR_MS(16)
#define LITTLE 20 /* so full, in percent, that it may as well wait longer */
#define HALF_FULL                                                                                  \
    45 /* it is to be found so full: each look costs, and the program must not wait                \
        */

/* The one output that the sink and its stream have, if its bytes go as they are into a file. */
static struct out *fast_out(const struct logd *d, const struct sink *k)
{
    struct out *o = k->regular && k->nouts == 1 ? TAILQ_FIRST(&k->outs) : NULL;
    struct format format;
    if (!o || !o->stream->fast || o->stream->closing || o->stream->paused || o->stream->sided)
        return NULL;
    if (o->which != 0 || o->stream->outs[1].sink)
        return NULL;
    stream_format(d, o->stream, o->which, &format);
    return format_needed(&format) ? NULL : o;
}

/* The fuller the pipe is found, the shorter the nap. False: it is too empty for all this. */
static bool adapt(struct out *o, int percent)
{
    if (percent > LITTLE)
        o->nap.ns = o->nap.ns * HALF_FULL / percent;
    else
        o->nap.ns = o->nap.ns ? o->nap.ns * 2 : NAP_LEAST.ns;
    if (o->nap.ns < NAP_LEAST.ns)
        o->nap.ns = 0;
    return o->nap.ns <= NAP_MOST.ns;
}

static void hand_back(struct logd *d, struct out *o)
{
    o->stream->fast = false;
    o->pulled_until = o->look_at = MONO_NEVER;
    o->nap = (dur_t){0};
    if (o->stream->left)
        reader_resume(d, o->stream);
}

/* Until its time comes, unless there is an order for the sink. */
static void nap(struct sink *k, mono_t until)
{
    if (k->want_clear || k->want_reopen)
        return;
    if (k->queued)
        TAILQ_REMOVE(&k->writer->queue, k, queue);
    k->queued = false;
    writer_wait(k, until);
}

bool pull(struct writer *w, struct sink *k)
{
    struct out *o = fast_out(w->d, k);
    mono_t now = mono_now();
    if (!o)
        return false;
    if (o->look_at.ns && !mono_reached(o->look_at, now)) {
        nap(k, o->look_at);
        return false;
    }
    struct stream *s = o->stream;
    int percent;
    if (!intake_begin(w->d, s, false))
        return false;
    o->pulled_until = mono_add(now, STUCK);
    size_t got = intake_some(w->d, s, &percent);
    intake_end(w->d, s);
    if ((percent && !got) || !adapt(o, percent))
        hand_back(w->d, o);
    else if (o->nap.ns)
        o->look_at = mono_add(now, o->nap);
    else
        o->look_at = MONO_NEVER;
    if (!got && o->sink == k && o->look_at.ns)
        nap(k, o->look_at);
    return got > 0;
}
