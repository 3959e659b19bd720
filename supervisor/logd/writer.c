/* Writer threads. */
#include "supervisor/logd/writer.h"
#include "supervisor/base/log.h"
#include "supervisor/base/str.h"
#include "supervisor/logd/batch.h"
#include "supervisor/logd/device.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define IDLE_END DUR_S(5) /* a writer with nothing to do for so long ends */
#define FINDER_LIMIT DUR_MS(200)
#define LOST_FINDERS 64u /* folders on dead mounts */
#ifdef __SANITIZE_ADDRESS__
#define STACK_BYTES (512 << 10)
#else
#define STACK_BYTES (96 << 10)
#endif

/* ---- threads ---- */

static struct timespec at_time(mono_t t)
{
    return (struct timespec){.tv_sec = t.ns / 1000000000, .tv_nsec = t.ns % 1000000000};
}

/* Puts what is due back into the queue; returns the next deadline. */
static mono_t take_due(struct writer *w, mono_t now)
{
    mono_t next = MONO_NEVER;
    struct sink *k = TAILQ_FIRST(&w->later), *after;
    for (; k; k = after) {
        after = TAILQ_NEXT(k, later);
        if (mono_reached(k->due, now))
            writer_queue_now(w->d, k);
        else
            next = mono_min(next, k->due);
    }
    return next;
}

/* Waits for work; false: it is time to end. */
static bool wait_for_work(struct writer *w)
{
    if (w->lost)
        return false;
    mono_t now = mono_now(), next = take_due(w, now);
    if (!TAILQ_EMPTY(&w->queue))
        return true;
    bool may_end = TAILQ_EMPTY(&w->later);
    struct timespec until = at_time(may_end ? mono_add(now, IDLE_END) : next);
    w->idle = true;
    w->fresh = false; /* what it was told of while it was awake, it has done */
    int rc = pthread_cond_timedwait(&w->cond, &w->d->lock, &until);
    w->idle = false;
    return !(rc == ETIMEDOUT && may_end && TAILQ_EMPTY(&w->queue));
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    pthread_mutex_lock(&w->d->lock);
    while (wait_for_work(w)) {
        struct sink *k;
        while ((k = TAILQ_FIRST(&w->queue))) {
            TAILQ_REMOVE(&w->queue, k, queue);
            k->queued = false;
            if (w->finder)
                device_find(w, k);
            else
                batch_serve(w, k);
        }
    }
    writer_release_buffers(w);
    w->running = false;
    struct logd *d = w->d;
    if (w->lost) {
        LIST_REMOVE(w, lost_link);
        d->lost_finders--;
        pthread_cond_destroy(&w->cond);
        free(w);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

bool writer_thread(void *(*main)(void *arg), void *arg)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool runs = pthread_create(&thread, &attr, main, arg) == 0;
    pthread_attr_destroy(&attr);
    return runs;
}

static bool start(struct writer *w)
{
    w->running = writer_thread(writer_main, w);
    if (!w->running && LOG_LIMIT(60))
        log_error("cannot start a writer thread; output waits in memory");
    return w->running;
}

struct writer *writer_new(struct logd *d, unsigned index)
{
    struct writer *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->d = d;
    w->index = index;
    w->finder = index == 0;
    TAILQ_INIT(&w->queue);
    TAILQ_INIT(&w->later);
    str_init(&w->out, 0);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->cond, &attr);
    pthread_condattr_destroy(&attr);
    d->writers[index] = w;
    return w;
}

void writer_release_buffers(struct writer *w)
{
    str_fini(&w->out);
    free(w->in);
    w->in = NULL;
}

/* ---- queues ---- */

static void leave_later(struct sink *k)
{
    if (k->waits)
        TAILQ_REMOVE(&k->writer->later, k, later);
    k->waits = false;
}

void writer_wait(struct sink *k, mono_t due)
{
    leave_later(k);
    k->due = due;
    k->waits = true;
    TAILQ_INSERT_TAIL(&k->writer->later, k, later);
}

void writer_queue_now(struct logd *d, struct sink *k)
{
    struct writer *w = k->writer ? k->writer : d->writers[0];
    k->writer = w;
    leave_later(k);
    if (k->queued || (w->finder && k->busy)) /* what a finder has found goes to its writer */
        return;
    if (!k->busy)
        k->pending_since = mono_now();
    k->queued = true;
    TAILQ_INSERT_TAIL(&w->queue, k, queue);
    w->fresh = true;
}

void writer_queue(struct logd *d, struct sink *k)
{
    if (!k->failing)
        writer_queue_now(d, k);
}

bool writers_kick(struct logd *d)
{
    bool all = true;
    for (unsigned i = 0; i < LOGSHM_WRITERS; i++) {
        struct writer *w = d->writers[i];
        if (!w || !w->fresh)
            continue;
        w->fresh = false;
        if (!w->running)
            w->fresh = !start(w);
        else if (w->idle)
            pthread_cond_signal(&w->cond);
        all &= !w->fresh;
    }
    return all;
}

void writer_move(struct sink *k, struct writer *to)
{
    leave_later(k);
    k->writer = to;
}

void writer_orphan(struct sink *k)
{
    if (k->busy)
        return; /* its writer frees it */
    leave_later(k);
    if (k->queued)
        TAILQ_REMOVE(&k->writer->queue, k, queue);
    sink_free(&k);
}

static void replace_finder(struct logd *d, struct writer *old)
{
    struct sink *k;
    struct writer *w = writer_new(d, 0);
    if (!w)
        return;
    old->lost = true;
    LIST_INSERT_HEAD(&d->lost, old, lost_link);
    d->lost_finders++;
    while ((k = TAILQ_FIRST(&old->queue))) {
        TAILQ_REMOVE(&old->queue, k, queue);
        k->writer = w;
        TAILQ_INSERT_TAIL(&w->queue, k, queue);
    }
    w->fresh = true;
}

bool writers_relieve_finder(struct logd *d)
{
    struct writer *w = d->writers[0];
    if (TAILQ_EMPTY(&w->queue) || !w->looking.ns || d->lost_finders >= LOST_FINDERS)
        return false;
    if (mono_reached(mono_add(w->looking, FINDER_LIMIT), mono_now()))
        replace_finder(d, w);
    return true;
}

bool writers_idle(const struct logd *d)
{
    if (d->unmade || d->maker)
        return false;
    const struct sink *k;
    for (unsigned i = 0; i < LOGD_SINK_BUCKETS; i++)
        LIST_FOREACH (k, &d->sinks[i], link)
            if (k->queued || k->busy)
                return false;
    return true;
}
