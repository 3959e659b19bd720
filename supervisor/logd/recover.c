/* Opening a sink for the first time in this run. */
#include "supervisor/logd/recover.h"
#include "supervisor/logd/gzip.h"
#include "supervisor/logd/rotate.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct logshm_rotation *rotation_note(struct logd *d, uint32_t slot)
{
    struct logshm_rotation *r = NULL;
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; !r && i < LOGSHM_WRITERS; i++)
        if (!d->h->rotations[i].slot)
            r = &d->h->rotations[i];
    if (r) {
        r->step = -1; /* nothing was moved yet */
        LOGSHM_ORDER();
        r->slot = slot + 1;
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}

/* The stream may have got another file since: what was left of the old one's rotation makes do with
 * a number that is free. */
static bool is_of(struct logshm_rotation *r, const struct sink *k)
{
    if (r->step < 0 || !r->file || r->file == logshm_file(k->path))
        return true;
    r->slot = 0;
    return false;
}

static struct logshm_rotation *rotation_of(struct logd *d, const struct sink *k)
{
    const struct out *o;
    TAILQ_FOREACH (o, &k->outs, link) {
        struct logshm_rotation *r = d->h->rotations;
        for (; k->kind == SINK_FILE && o->which == 0 && r < d->h->rotations + LOGSHM_WRITERS; r++)
            if (r->slot == o->stream->slot + 1 && is_of(r, k))
                return r;
    }
    return NULL;
}

static int finish_rotation(struct logd *d, struct sink *k, struct logshm_rotation *r, struct err *e)
{
    int rc = r->backups > 0 ? rotate_files(k->path, r->backups, &r->step, e) : 0;
    LOGSHM_ORDER();
    uint32_t slot = r->slot - 1;
    r->slot = 0;
    if (rc == 0)
        logshm_progress(d->h, slot)->rotations++;
    return rc;
}

/* What another file got of it cannot be known any more: it is written again, into this one. */
static bool has_note(const struct logshm_out *x, const struct sink *k)
{
    return x->note_from == x->done && x->note_to > x->note_from &&
           (!x->note_file || x->note_file == logshm_file(k->path));
}

/* What the file got of the write under way. One that appended byte for byte goes on behind that;
 * a formatted one is taken back and made again. */
static int settle(struct sink *k, struct logshm_out *x, struct err *e)
{
    struct stat st;
    if (fstat(k->fd, &st) < 0)
        return err_errno(e, errno, "cannot look at %s", k->path);
    uint64_t size = (uint64_t)st.st_size, full = x->note_size + x->note_len;
    if (size >= full) {
        x->done = x->note_to;
    } else if (size > x->note_size) {
        if (x->note_len == x->note_to - x->note_from) {
            x->done += size - x->note_size;
            return 0; /* the note stays: half_out() */
        }
        if (ftruncate(k->fd, (off_t)x->note_size) < 0)
            return err_errno(e, errno, "cannot truncate %s", k->path);
    }
    LOGSHM_ORDER();
    x->note_to = 0;
    return 0;
}

static struct logshm_out *noted_out(struct logd *d, const struct sink *k)
{
    struct out *o;
    TAILQ_FOREACH (o, &k->outs, link)
        if (has_note(out_shared(d, o), k))
            return out_shared(d, o);
    return NULL;
}

/* The output of which a part of a write went out and the rest did not. */
static struct out *half_out(struct logd *d, const struct sink *k)
{
    struct out *o;
    TAILQ_FOREACH (o, &k->outs, link) {
        const struct logshm_out *x = out_shared(d, o);
        if (x->note_from < x->done && x->done < x->note_to)
            return o;
    }
    return NULL;
}

/* Its streams' last bytes stay in memory where no file keeps them. */
static void settled(struct sink *k)
{
    struct out *o;
    k->recovered = true;
    TAILQ_FOREACH (o, &k->outs, link)
        if (o->which == 0)
            o->stream->keep = !k->regular;
}

int recover_sink(struct writer *w, struct sink *k, struct err *e)
{
    struct logd *d = w->d;
    bool fresh = !k->recovered;
    struct logshm_rotation *r = fresh ? rotation_of(d, k) : NULL;
    struct logshm_out *x = fresh && k->kind == SINK_FILE ? noted_out(d, k) : NULL;
    pthread_mutex_unlock(&d->lock);
    int rc = r ? finish_rotation(d, k, r, e) : 0;
    if (rc == 0)
        rc = sink_open(k, e);
    if (rc == 0 && x && k->regular)
        rc = settle(k, x, e);
    if (rc == 0 && k->regular && (k->size = sink_size(k, e)) < 0)
        rc = -1;
    if (rc == 0 && fresh && k->regular && k->gzip && k->backups > 0)
        gzips_add(d, k->path, k->backups);
    pthread_mutex_lock(&d->lock);
    if (rc == 0 && fresh)
        k->half = half_out(d, k);
    if (rc == 0)
        settled(k);
    else if (k->fd >= 0)
        sink_close(k);
    return rc;
}
