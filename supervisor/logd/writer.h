/* Writer threads: one per device, made when first needed, gone when idle for long. */
#ifndef LOGD_WRITER_H
#define LOGD_WRITER_H

#include "supervisor/base/str.h"
#include "supervisor/logd/logd.h"
#include "supervisor/logd/sink.h"

struct writer {
    struct logd *d;
    unsigned index;
    bool finder;        /* the first: finds out on which device a new sink lies */
    uint64_t key, key2; /* the device */
    pthread_cond_t cond;
    TAILQ_HEAD(, sink) queue, later;
    bool running, idle, fresh;
    bool lost; /* a finder that hung: another took its place, it ends by itself */
    LIST_ENTRY(writer) lost_link; /* logd->lost */
    mono_t looking;               /* a finder: since when it looks at a disk; 0: it does not */
    struct sink *at;              /* ... and for which sink */
    char *in;                     /* lines to be formatted */
    struct str out;               /* what became of them */
};

/* A writer in this place of logd->writers; its thread starts with its first work. NULL for lack of
 * memory. */
struct writer *writer_new(struct logd *d, unsigned index);
/* Frees its buffers. */
void writer_release_buffers(struct writer *w);

/* Starts a thread with a small stack; false: there is none. */
bool writer_thread(void *(*main)(void *arg), void *arg);

/* All want the lock. */

/* The sink has something to do: its writer takes it up (when a retry is due, if it is failing). */
void writer_queue(struct logd *d, struct sink *k);
/* The same, and a waiting time (partial lines) ends. */
void writer_queue_now(struct logd *d, struct sink *k);
/* Its writer looks at the sink again at that time. */
void writer_wait(struct sink *k, mono_t due);
/* Gives the sink to another writer; it is in no queue then. */
void writer_move(struct sink *k, struct writer *to);
/* The sink's last output went: it is freed, by its writer if that works on it. */
void writer_orphan(struct sink *k);
/* Wakes the writers that were given something since the last call. False: a thread could not be
 * made, call it again soon. */
bool writers_kick(struct logd *d);
/* True while sinks wait for the finder. A finder that hangs on a dead mount is given up and another
 * one takes the others over; with the lock. */
bool writers_relieve_finder(struct logd *d);
/* True if no writer has anything to do and all AUTO files are made. */
bool writers_idle(const struct logd *d);

#endif
