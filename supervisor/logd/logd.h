/* What the parts of supd-log share. One thread reads pipes and obeys supd; one thread per device
 * writes (and reads for a fast stream: pull.h); they meet in the structures below, under one lock
 * that is never held over I/O. */
#ifndef LOGD_LOGD_H
#define LOGD_LOGD_H

#include "supervisor/base/mono.h"
#include "supervisor/core/logshm.h"
#include "supervisor/logd/ring.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct logd;
struct sink;
struct stream;
struct writer;
struct gzips;
struct maker;
struct tails;
struct taps;

#define LOGD_SINK_BUCKETS 512u

/* One output of a stream: its place in a sink's list. */
struct out {
    TAILQ_ENTRY(out) link; /* sink->outs */
    struct stream *stream;
    struct sink *sink;  /* NULL: nobody takes it */
    unsigned which;     /* 0, 1: logshm_out */
    uint64_t pinned;    /* a write of [done, pinned) is under way; not above done: none */
    uint64_t flush_to;  /* up to here partial lines are written at once */
    mono_t held_since;  /* a partial line waits since then; 0: none does */
    uint64_t last_from; /* where the latest read() began, and when it was */
    int64_t last_wall;
    mono_t pulled_until; /* its writer reads the pipe itself: the reader leaves it alone so long */
    mono_t look_at;      /* ... and not before this */
    dur_t nap;           /* ... and how long it lets the pipe fill */
};
TAILQ_HEAD(out_list, out);

/* Small, since most programs are silent: what writing needs is made at the first byte. The flags
 * share a word, and so change with the lock only. */
struct stream {
    uint32_t slot;
    int fd;           /* the pipe's read end */
    int capacity;     /* of the pipe, 0: not asked yet */
    uint32_t waiters; /* questions that wait for it */
    uint32_t rest;    /* closing: bytes in its pipe for which there was no room so far */
    bool used : 1;    /* the slot has a stream */
    bool paused : 1;  /* log_overflow=block: not read for now */
    bool left : 1;    /* not watched, since its writer looks after it: pull.h */
    bool keep : 1;    /* no regular file: the last bytes stay for `tail` */
    bool closing : 1; /* supd wants it gone */
    bool lazy : 1;    /* its file's sink is made when there is something to write */
    bool unmade : 1;  /* lazy, and its file is to be created */
    bool making : 1;  /* a thread does that */
    bool reading : 1; /* a thread reads its pipe: nobody else may */
    bool fast : 1;    /* its pipe was found rather full: its writer may read it */
    uint8_t run;      /* logshm_stream.run, as last seen */
    bool sided : 1;   /* its text is looked at as it is read: tap.h */
    struct out *outs; /* [LOGSHM_OUTS]; without a sink so far: one that all share */
};

struct logd {
    struct logshm_head *h;
    int memory_fd, chan, epoll, poke; /* poke: an eventfd that wakes the reader */
    uint32_t epoch;
    pthread_mutex_t lock;
    pthread_cond_t read_over; /* for the reader: a writer ended the read that it waits for */
    bool wants_pipe;          /* it does */
    struct ring ring;
    struct chain *chains;                       /* [nstreams] */
    struct stream *streams;                     /* [nstreams], by slot */
    LIST_HEAD(, sink) sinks[LOGD_SINK_BUCKETS]; /* by path */
    struct writer *writers[LOGSHM_WRITERS];
    LIST_HEAD(, writer) lost; /* finders that hang on a dead mount ... */
    unsigned lost_finders;    /* ... so many */
    struct gzips *gzips;
    struct tails *tails;
    struct taps *taps;
    uint32_t unmade;     /* streams whose file is to be created ... */
    struct maker *maker; /* ... by a thread; NULL: none runs */
    unsigned lost_makers;
    TAILQ_HEAD(, question) questions;
    size_t unkicked;   /* bytes read since writers were last woken; reader only */
    bool some_paused;  /* npaused, as the reader last saw it */
    uint32_t npaused;  /* streams whose pipe is not watched for now */
    bool finder_busy;  /* look at it again soon */
    bool answer_waits; /* the channel was full */
    bool trimmed;      /* memory of the start, or of new streams, was given back */
    bool start_over;   /* something could not be taken in: a new start inherits all of it */
    bool supd_gone;
    mono_t gone_at;
    unsigned mask; /* umask */
};

/* A question of supd that waits for streams to be written. */
struct question {
    TAILQ_ENTRY(question) link;
    uint32_t op, id;
    uint32_t n;
    uint32_t slots[2];
    uint64_t upto[2];
};

/* The whole program. argv: memory, channel and main log descriptors, epoch. */
int logd_main(int argc, char **argv);

/* Ends as soon as the reader looks: whoever takes our place finds everything in the shared memory
 * and in the pipes. For what cannot be done now and would be lost; said once. */
void logd_start_over(struct logd *d, const char *why);

/* The stream in this slot, or NULL. */
static inline struct stream *stream_at(const struct logd *d, uint32_t slot)
{
    return d->streams[slot].used ? &d->streams[slot] : NULL;
}
static inline struct logshm_stream *stream_shared(const struct logd *d, const struct stream *s)
{
    return logshm_stream(d->h, s->slot);
}
static inline struct logshm_out *out_shared(const struct logd *d, const struct out *o)
{
    return logshm_out(d->h, o->stream->slot, o->which);
}
/* True while the output takes part in keeping blocks. */
static inline bool out_active(const struct out *o)
{
    return o->sink != NULL;
}

#endif
