/* The programs' output, seen from supd: streams, their pipes and their configuration. */
#include "supervisor/run/logs_impl.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAIN_LIMIT DUR_MS(200)
#define CLEAR_LIMIT DUR_S(2)
#define FINISH_LIMIT DUR_MS(500)
#define AUTO_REST 32 /* of the name of an AUTO file: what is the same for all */
#define OWN_FDS                                                                                    \
    14 /* memory, channel, main log's pipe, taps, files, and what a restart needs for a moment */

/* ---- configuration of a stream ---- */

/* A file's path in the shared memory; see logshm_path(). */
struct place {
    uint32_t folder, path;
};

static void place_free(struct logs *g, struct place *at)
{
    logmem_share_free(&g->mem, &at->folder);
    logmem_string_free(&g->mem, &at->path);
}

/* Odd from here to write_end: also where a fault cut short what was written before. */
static void write_begin(struct logshm_stream *r)
{
    __atomic_store_n(&r->seq, (r->seq + 1) | 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void write_end(struct logshm_stream *r)
{
    __atomic_store_n(&r->seq, r->seq + 1, __ATOMIC_RELEASE);
}

bool logs_is_torn(const struct log_stream *s)
{
    return logs_shared(s)->seq & 1;
}

/* Stores a configuration; the place is its own from now on. */
static void store(struct logshm_stream *r, const struct wanted *w, struct place at)
{
    write_begin(r);
    r->folder = at.folder;
    r->path = at.path;
    r->maxbytes = w->maxbytes;
    r->backups = w->backups;
    r->fd_sink = w->fd_sink < 0 ? 0 : (uint8_t)w->fd_sink;
    r->kind = w->kind;
    r->syslog = w->syslog;
    r->copy_to_stdout = w->copy_to_stdout;
    r->gzip = w->gzip;
    r->prefix = w->prefix;
    r->json = w->json;
    r->strip_ansi = w->strip_ansi;
    r->block = w->block;
    r->capture = w->capture;
    r->sided |= w->capture;
    write_end(r);
}

/* Stores another one with another place. */
static void replace(struct logs *g, struct logshm_stream *r, const struct wanted *w,
                    struct place at)
{
    struct place old = {r->folder, r->path};
    store(r, w, at);
    place_free(g, &old);
}

/* The part of an AUTO file's name that nothing else says; "" without a folder. */
static int auto_name(struct logs *g, const struct logs_conf *c, char out[9], struct err *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    uint64_t bits = rng_entropy();
    *out = '\0';
    if (!g->childlogdir)
        return 0;
    if (strlen(g->childlogdir) + strlen(c->process) + strlen(g->identifier) + AUTO_REST > PATH_MAX)
        return err_set(e, "the name of its AUTO log file is too long");
    for (int i = 0; i < 8; i++, bits /= 37)
        out[i] = letters[bits % 37];
    out[8] = '\0';
    return 0;
}

static int auto_place(struct logs *g, const struct logs_conf *c, struct wanted *w,
                      struct place *out, struct err *e)
{
    char name[9];
    if (auto_name(g, c, name, e) < 0)
        return -1;
    if (!*name)
        w->kind = LOGSHM_NONE;
    int64_t path = logmem_string(&g->mem, name, e);
    *out = (struct place){.path = path > 0 ? (uint32_t)path : 0};
    return path < 0 ? -1 : 0;
}

static int file_place(struct logs *g, const char *file, struct place *out, struct err *e)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    int64_t folder = slash ? logmem_share(&g->mem, file, (size_t)(slash + 1 - file), e) : 0;
    int64_t path = folder < 0 ? -1 : logmem_string(&g->mem, slash ? slash + 1 : file, e);
    *out = (struct place){.folder = folder > 0 ? (uint32_t)folder : 0,
                          .path = path > 0 ? (uint32_t)path : 0};
    if (path < 0)
        place_free(g, out);
    return path < 0 ? -1 : 0;
}

/* Its place is the caller's; none after an error. */
static int place_of(struct logs *g, const struct logs_conf *c, struct wanted *w, struct place *out,
                    struct err *e)
{
    return w->kind == LOGSHM_AUTO ? auto_place(g, c, w, out, e) : file_place(g, w->path, out, e);
}

/* ---- a stream's life ---- */

struct log_stream *logs_stream(struct logs *g, uint32_t slot)
{
    struct stream_bunch *b = slot < LOGSHM_STREAMS_MAX ? g->bunches[slot / LOGS_BUNCH] : NULL;
    struct log_stream *s = b ? &b->streams[slot % LOGS_BUNCH] : NULL;
    return s && s->used ? s : NULL;
}

struct log_stream *logs_use_slot(struct logs *g, uint32_t slot, struct err *e)
{
    struct stream_bunch **bunch = &g->bunches[slot / LOGS_BUNCH];
    if (!*bunch && !(*bunch = calloc(1, sizeof(**bunch)))) {
        err_errno(e, ENOMEM, "cannot keep its log stream");
        return NULL;
    }
    (*bunch)->logs = g;
    struct log_stream *s = &(*bunch)->streams[slot % LOGS_BUNCH];
    *s = (struct log_stream){.used = true, .slot = slot};
    g->nstreams++;
    return s;
}

static struct log_stream *stream_new(struct logs *g, struct err *e)
{
    int64_t slot = logmem_slot_new(&g->mem, e);
    struct log_stream *s = slot < 0 ? NULL : logs_use_slot(g, (uint32_t)slot, e);
    if (s)
        logs_shared(s)->fd = logs_shared(s)->wfd = -1;
    else if (slot >= 0)
        logmem_slot_free(&g->mem, (uint32_t)slot);
    return s;
}

static void close_pipe(struct log_stream *s)
{
    fd_close(&logs_shared(s)->wfd);
    fd_close(&logs_shared(s)->fd);
}

static void stream_free(struct log_stream *s)
{
    close_pipe(s);
    logmem_slot_free(&logs_of(s)->mem, s->slot);
    s->used = false;
    logs_of(s)->nstreams--;
}

static int make_pipe(struct log_stream *s, int64_t uid, struct err *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(e, errno, "cannot make a pipe for its output");
    fd_nonblock(ends[0], true);
    if (uid >= 0 && fchown(ends[1], (uid_t)uid, (gid_t)-1) < 0) {
        /* without it the program cannot open /dev/stdout by name; its output is captured anyhow */
    }
    logs_shared(s)->fd = ends[0];
    logs_shared(s)->wfd = ends[1];
    return 0;
}

static int share(struct logs *g, const char *text, uint32_t *out, struct err *e)
{
    int64_t off = logmem_share(&g->mem, text, text ? strlen(text) : 0, e);
    *out = off > 0 ? (uint32_t)off : 0;
    return off < 0 ? -1 : 0;
}

/* Fills the shared record of a new stream. */
static int describe(struct log_stream *s, const struct logs_conf *c, struct wanted *w,
                    struct err *e)
{
    struct logshm_stream *r = logs_shared(s);
    struct place at;
    r->channel = (uint8_t)c->channel;
    if (share(logs_of(s), c->process, &r->name, e) < 0 ||
        share(logs_of(s), c->program, &r->program, e) < 0 || place_of(logs_of(s), c, w, &at, e) < 0)
        return -1;
    store(r, w, at);
    return 0;
}

static struct log_stream *set_up(struct logs *g, const struct logs_conf *c, struct wanted *w,
                                 struct err *e)
{
    struct log_stream *s = stream_new(g, e);
    if (!s)
        return NULL;
    if (make_pipe(s, c->uid, e) < 0 || describe(s, c, w, e) < 0) {
        stream_free(s);
        return NULL;
    }
    struct logshm_stream *r = logs_shared(s);
    r->owner = c->owner;
    r->state = LOGSHM_LIVE;
    return s;
}

struct log_stream *logs_add(struct logs *g, const struct logs_conf *c, struct err *e)
{
    struct wanted w;
    logs_want(c, &w);
    struct log_stream *s = set_up(g, c, &w, e);
    if (s)
        logchan_tell(s, TELL_ADD);
    return s;
}

int logs_update(struct log_stream *s, const struct logs_conf *c, struct err *e)
{
    struct wanted w;
    logs_want(c, &w);
    struct logshm_stream *r = logs_shared(s);
    w.copy_to_stdout = r->copy_to_stdout && !w.syslog;
    if (w.kind == LOGSHM_AUTO && r->kind == LOGSHM_AUTO) {
        store(r, &w, (struct place){r->folder, r->path});
    } else {
        struct place at;
        if (place_of(logs_of(s), c, &w, &at, e) < 0)
            return -1;
        replace(logs_of(s), r, &w, at);
    }
    logchan_tell(s, TELL_UPDATE);
    return 0;
}

void logs_print(struct log_stream *s, bool on)
{
    struct logshm_stream *r = logs_shared(s);
    if (r->copy_to_stdout == (on && !r->syslog))
        return;
    write_begin(r);
    r->copy_to_stdout = on;
    write_end(r);
    logchan_tell(s, TELL_UPDATE);
}

void logs_del(struct log_stream **sp)
{
    struct log_stream *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    logs_shared(s)->state = LOGSHM_CLOSING;
    logchan_tell(s, TELL_DEL);
}

void logs_released(struct logs *g, uint32_t slot)
{
    struct log_stream *s = logs_stream(g, slot);
    if (!s || logs_shared(s)->state != LOGSHM_CLOSING)
        return;
    logchan_untell(s);
    stream_free(s);
}

int logs_write_fd(const struct log_stream *s)
{
    return logs_shared(s)->wfd;
}

const char *logs_path(const struct log_stream *s)
{
    if (!s)
        return "";
    const struct logshm_stream *r = logs_shared(s);
    if (r->kind == LOGSHM_AUTO && (r->flags & LOGSHM_AUTO_FAILED))
        return "";
    static char path[LOGSHM_PATH];
    return logshm_path(logs_of(s)->mem.h, r, path);
}

static void count(const struct log_stream *s, struct logs_counters *out)
{
    const struct logshm_stream *r = logs_shared(s);
    *out = (struct logs_counters){0};
    if (!(r->flags & LOGSHM_USED))
        return;
    const struct logshm_progress *p = logshm_progress(logs_of(s)->mem.h, s->slot);
    out->bytes = p->bytes;
    out->lost_bytes = p->lost_bytes;
    out->lost_lines = p->lost_lines;
    out->rotations = p->rotations;
    out->failures = p->failures;
    out->waiting = r->read > p->out.done ? r->read - p->out.done : 0;
}

void logs_counters(const struct log_stream *s, struct logs_counters *out)
{
    count(s, out);
}

void logs_main_counters(const struct logs *g, struct logs_counters *out)
{
    count(g->main, out);
}

/* ---- questions ---- */

/* True if all that its pipe and the memory held is written: no need to ask. What read() has taken
 * but not booked shows in the flags and in aim, which are set before. */
static bool is_dry(const struct log_stream *s)
{
    int waiting = 1;
    if (!s)
        return true;
    if (ioctl(logs_shared(s)->fd, FIONREAD, &waiting) < 0 || waiting)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    const struct logshm_stream *r = logs_shared(s);
    if (!(r->flags & LOGSHM_USED))
        return true;
    struct logshm_head *h = logs_of(s)->mem.h;
    bool second_done = !(r->flags & LOGSHM_SECOND) || logshm_out(h, s->slot, 1)->done >= r->read;
    return r->aim <= r->read && logshm_out(h, s->slot, 0)->done >= r->read && second_done;
}

void logs_drain(struct logs *g, struct log_stream *out, struct log_stream *err, loop_fn *fn,
                void *obj)
{
    struct log_request rq = {.op = LOGOP_DRAIN, .fn = fn, .obj = obj};
    if (!is_dry(out))
        rq.slots[rq.n++] = out->slot;
    if (!is_dry(err))
        rq.slots[rq.n++] = err->slot;
    rq.ready = rq.n == 0;
    logchan_ask(g, &rq, DRAIN_LIMIT);
}

void logs_clear(struct logs *g, struct log_stream *s, bool *out_done, loop_fn *fn, void *obj)
{
    if (!s)
        s = g->main;
    struct log_request rq = {.op = LOGOP_CLEAR, .fn = fn, .obj = obj, .out = out_done};
    rq.slots[rq.n++] = s->slot;
    logchan_ask(g, &rq, CLEAR_LIMIT);
}

void logs_finish(struct logs *g, loop_fn *fn, void *obj)
{
    struct log_request rq = {.op = LOGOP_FINISH, .fn = fn, .obj = obj, .ready = logs_pid(g) == 0};
    g->finishing = true;
    loop_timer_stop(&g->restart);
    logchan_ask(g, &rq, FINISH_LIMIT);
}

void logs_forget(struct logs *g, const void *obj)
{
    logchan_forget(g, obj);
}

void logs_reopen_all(struct logs *g)
{
    g->tell_reopen = true;
    logchan_pump(g);
}

/* ---- the whole ---- */

static int keep_text(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? -1 : 0;
}

static int set_texts(struct logs *g, const struct logs_setup *setup, struct err *e)
{
    if (keep_text(&g->program, setup->program) < 0 ||
        keep_text(&g->identifier, setup->identifier ? setup->identifier : "supervisor") < 0 ||
        keep_text(&g->childlogdir, setup->childlogdir) < 0)
        return err_errno(e, ENOMEM, "cannot set up log capture");
    struct logshm_head *h = g->mem.h;
    int64_t id = logmem_string(&g->mem, g->identifier, e);
    int64_t dir = id < 0 ? -1 : logmem_string(&g->mem, g->childlogdir, e);
    int64_t ident = dir < 0 ? -1 : logmem_string(&g->mem, setup->syslog_ident, e);
    if (ident < 0)
        return -1;
    h->identifier = (uint32_t)id;
    h->childlogdir = (uint32_t)dir;
    h->syslog_ident = (uint32_t)ident;
    h->nocleanup = setup->nocleanup;
    h->log_json = setup->log_json;
    return 0;
}

static int set_main(struct logs *g, const struct logs_main *main, struct err *e)
{
    struct logs_conf c = {.process = "supd", .program = "supd", .group = "supd", .uid = -1};
    struct wanted w;
    logs_want_main(main, &w);
    g->main = set_up(g, &c, &w, e);
    if (!g->main)
        return err_prefix(e, "main log");
    fd_nonblock(logs_write_fd(g->main), true);
    return 0;
}

struct logs *logs_alloc(struct loop *l, const struct logs_setup *setup, struct err *e)
{
    struct logs *g = calloc(1, sizeof(*g));
    if (!g) {
        err_errno(e, ENOMEM, "cannot set up log capture");
        return NULL;
    }
    g->loop = l;
    g->chan = g->files_sock = g->files_list = -1;
    g->backoff_max = setup->backoff_max.ns > 0 ? setup->backoff_max : DUR_S(1);
    g->has_fsize = setup->fsize;
    if (setup->fsize)
        g->fsize = *setup->fsize;
    logchan_init(g);
    logproc_init(g);
    g->mem.fd = -1;
    return g;
}

struct logs *logs_new(struct loop *l, const struct logs_setup *setup, struct err *e)
{
    struct logs *g = logs_alloc(l, setup, e);
    if (!g)
        return NULL;
    if (logmem_init(&g->mem, setup->memory, e) < 0 || set_texts(g, setup, e) < 0 ||
        set_main(g, &setup->main, e) < 0) {
        logs_free(&g);
        return NULL;
    }
    return g;
}

void logs_copy_output(struct logs *g, bool on)
{
    __atomic_store_n(&g->mem.h->log_debug, on, __ATOMIC_RELAXED);
}

int logs_main_fd(const struct logs *g)
{
    return g->moved ? STDERR_FILENO : logs_write_fd(g->main);
}

bool logs_main_is_torn(const struct logs *g)
{
    return logs_is_torn(g->main);
}

static bool main_is(const struct logs *g, const struct wanted *w)
{
    const struct logshm_stream *r = logs_shared(g->main);
    char buf[LOGSHM_PATH];
    const char *path = logshm_path(g->mem.h, r, buf);
    return !logs_main_is_torn(g) && r->kind == w->kind &&
           strcmp(path, w->path ? w->path : "") == 0 &&
           r->fd_sink == (w->fd_sink < 0 ? 0 : w->fd_sink) && r->maxbytes == w->maxbytes &&
           r->backups == w->backups && r->gzip == w->gzip && r->syslog == w->syslog &&
           r->copy_to_stdout == w->copy_to_stdout;
}

int logs_main_update(struct logs *g, const struct logs_main *main, struct err *e)
{
    struct wanted w;
    logs_want_main(main, &w);
    struct place at;
    if (main_is(g, &w))
        return 0;
    if (file_place(g, w.path, &at, e) < 0)
        return err_prefix(e, "main log");
    replace(g, logs_shared(g->main), &w, at);
    logchan_tell(g->main, TELL_UPDATE);
    return 1;
}

static void free_streams(struct logs *g)
{
    for (uint32_t i = 0; i < LOGSHM_STREAMS_MAX; i++) {
        struct log_stream *s = logs_stream(g, i);
        if (s)
            close_pipe(s);
    }
    for (uint32_t i = 0; i < LOGSHM_STREAMS_MAX / LOGS_BUNCH; i++)
        free(g->bunches[i]);
}

void logs_free(struct logs **gp)
{
    struct logs *g = *gp;
    *gp = NULL;
    if (!g)
        return;
    loop_timer_stop(&g->timeout);
    loop_timer_stop(&g->resend);
    loop_defer_cancel(g->loop, &g->pump);
    loop_defer_cancel(g->loop, &g->settle);
    logchan_forget(g, NULL);
    free_streams(g); /* our ends first: supd-log's close of a pipe is the last one */
    logchan_close(g);
    logproc_fini(g);
    logtap_fini(g);
    logfiles_fini(g);
    logmem_fini(&g->mem);
    free(g->program);
    free(g->identifier);
    free(g->childlogdir);
    free(g);
}

uint64_t logs_need_fds(uint64_t nstreams)
{
    return 2 * nstreams + OWN_FDS;
}
