/* What the parts of supd's log side share: logs.c (streams), logswant.c (their configuration),
 * logtap.c (who gets their text), logfiles.c (what it opens for the agent), logproc.c (the process
 * supd-log), logchan.c (what is told to it and what it answers). Included by these only. */
#ifndef RUN_LOGS_IMPL_H
#define RUN_LOGS_IMPL_H

#include "supervisor/run/logmem.h"
#include "supervisor/run/logs.h"

#include <stddef.h>
#include <sys/queue.h>

/* What supd-log has not been told of a stream yet. */
enum { TELL_ADD = 1, TELL_UPDATE = 2, TELL_DEL = 4, TELL_RUN = 8 };

struct log_stream {
    STAILQ_ENTRY(log_stream) tell_link;
    uint32_t slot;
    uint8_t tell;
    bool queued; /* in logs.tell */
    bool used;   /* false: the slot is free */
};
STAILQ_HEAD(stream_queue, log_stream);

/* The streams of neighbouring slots, made together. */
#define LOGS_BUNCH 128u
struct stream_bunch {
    struct logs *logs;
    struct log_stream streams[LOGS_BUNCH];
};

/* A question to supd-log that somebody waits for. */
struct log_request {
    TAILQ_ENTRY(log_request) link;
    uint32_t op; /* LOGOP_DRAIN, LOGOP_CLEAR, LOGOP_FINISH */
    uint32_t id;
    uint32_t slots[2];
    uint32_t n;
    bool sent, ready;
    bool ok;   /* with ready: it was done, not only too late */
    bool *out; /* is told so; or NULL */
    mono_t deadline;
    loop_fn *fn;
    void *obj;
};
TAILQ_HEAD(request_queue, log_request);

/* What goes into the shared record; strings are still the caller's. */
struct wanted {
    const char *path;
    char proc_path[40];
    int64_t maxbytes;
    int32_t backups;
    int32_t fd_sink;
    uint8_t kind;
    bool syslog, copy_to_stdout, gzip, prefix, json, strip_ansi, block, capture;
};

#define LOGS_SPARE_REQUESTS 64

struct logs {
    struct loop *loop;
    struct logmem mem;
    char *program, *identifier, *childlogdir, *syslog_ident;
    struct log_stream *main;
    struct stream_bunch *bunches[LOGSHM_STREAMS_MAX / LOGS_BUNCH];
    uint32_t nstreams;
    /* the process */
    int chan;     /* our end, or -1; also in the shared memory, as is its pid */
    bool leaving; /* the one that runs belongs to our predecessor, and ends by itself */
    struct loop_io chan_io;
    struct loop_timer restart;
    dur_t backoff, backoff_max;
    struct rlimit fsize;
    bool has_fsize;
    mono_t started;
    bool began, finishing;
    unsigned failures; /* deaths in a row soon after the start, KILL by somebody not counted */
    bool moved;        /* our own log does not go through supd-log now */
    /* what it is to be told */
    struct stream_queue tell;
    struct request_queue requests;
    struct request_queue spare;
    bool tell_reopen;
    uint8_t tell_taps;          /* bits by enum logs_tap: its socket is another one */
    uint32_t tap_keys;          /* given out so far */
    int files_sock, files_list; /* of the agent's files (core/fileask.h); -1: none */
    bool tell_files;
    uint32_t next_id;
    struct loop_timer timeout, resend;
    struct loop_defer pump, settle;
    struct log_request reserve[LOGS_SPARE_REQUESTS];
};

/* ---- logs.c ---- */
/* The whole that a stream belongs to. */
static inline struct logs *logs_of(const struct log_stream *s)
{
    const char *first = (const char *)(s - s->slot % LOGS_BUNCH);
    return ((const struct stream_bunch *)(const void *)(first -
                                                        offsetof(struct stream_bunch, streams)))
        ->logs;
}
/* What supd-log sees of it, and its descriptors. */
static inline struct logshm_stream *logs_shared(const struct log_stream *s)
{
    return logshm_stream(logs_of(s)->mem.h, s->slot);
}
/* The stream of a slot, or NULL. */
struct log_stream *logs_stream(struct logs *g, uint32_t slot);
/* Everything but the memory. NULL and the reason. */
struct logs *logs_alloc(struct loop *l, const struct logs_setup *setup, struct err *e);
/* The stream of a slot in use. NULL and the reason. */
struct log_stream *logs_use_slot(struct logs *g, uint32_t slot, struct err *e);
/* supd-log let go of a closing stream: frees it with its slot. */
void logs_released(struct logs *g, uint32_t slot);

/* ---- logtap.c ---- */
void logtap_fini(struct logs *g);
/* Taps of an earlier supd: their sockets are closed, but for supd's if it has this end. */
void logtap_forget(struct logs *g, int kept);

/* ---- logfiles.c ---- */
void logfiles_fini(struct logs *g);

/* ---- logproc.c ---- */
void logproc_init(struct logs *g);
/* Goes on with the supd-log of an earlier supd if it is the same; else waits for it to end, ends it
 * if it does not, and starts ours. */
void logproc_go_on(struct logs *g, bool same);
void logproc_fini(struct logs *g);

/* ---- logchan.c ---- */
void logchan_init(struct logs *g);
/* A new supd-log on this channel, which inherited every stream that exists now. */
void logchan_open(struct logs *g, int fd);
void logchan_close(struct logs *g);
/* The channel of an earlier supd, which may not have said all that there was to say. */
void logchan_go_on(struct logs *g);
/* The stream has something to tell. */
void logchan_tell(struct log_stream *s, int what);
void logchan_untell(struct log_stream *s);
/* Sends what waits, as far as the channel takes it. */
void logchan_pump(struct logs *g);
/* Asks, and calls fn(obj) on the answer or after limit. */
void logchan_ask(struct logs *g, const struct log_request *rq, dur_t limit);
void logchan_forget(struct logs *g, const void *obj);

/* ---- logswant.c ---- */
void logs_want(const struct logs_conf *c, struct wanted *w);
void logs_want_main(const struct logs_main *m, struct wanted *w);

#endif
