/* The programs' output, seen from supd: streams, their pipes and their configuration. */
#include "supervisor/run/logs_impl.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/rng.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAIN_LIMIT DUR_MS(200)
#define FINISH_LIMIT DUR_MS(500)
#define AUTO_REST 32 /* of the name of an AUTO file: what is the same for all */
#define OWN_FDS 8    /* memory, channel, main log's pipe, and what a restart needs for a moment */

static struct logshm_stream *shared(const struct log_stream *s)
{
    return logshm_stream(s->logs->mem.h, s->slot);
}

/* ---- configuration of a stream ---- */

/* What goes into the shared record; strings are still the caller's. */
struct wanted {
    const char *path;
    char proc_path[40];
    int64_t maxbytes;
    int32_t backups;
    int32_t fd_sink;
    uint8_t kind, syslog, copy_to_stdout, gzip, prefix, json, strip_ansi, block;
};

/* N of /dev/stdout, /dev/stderr, /dev/fd/N, /proc/self/fd/N, /proc/1/fd/N; -1 for other paths. What
 * they mean is what supd itself has there. */
static int fd_of_path(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", "/proc/1/fd/"};
    if (strcmp(path, "/dev/stdout") == 0)
        return 1;
    if (strcmp(path, "/dev/stderr") == 0)
        return 2;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        size_t n = strlen(folders[i]);
        int64_t fd;
        if (strncmp(path, folders[i], n) == 0 && text_int(path + n, 0, 65535, &fd, NULL) == 0)
            return (int)fd;
    }
    return -1;
}

/* 0, 1 and 2 are the same in supd-log; others are opened through supd. */
static void set_sink(struct wanted *w, const char *path)
{
    int fd = fd_of_path(path);
    w->fd_sink = fd <= 2 ? fd : -1;
    w->kind = w->fd_sink >= 0 ? LOGSHM_FD : LOGSHM_FILE;
    w->path = path;
    if (fd > 2) {
        snprintf(w->proc_path, sizeof(w->proc_path), "/proc/%d/fd/%d", getpid(), fd);
        w->path = w->proc_path;
    }
}

static void want_program(const struct logs_conf *c, struct wanted *w)
{
    const struct gen_log *l = c->log;
    memset(w, 0, sizeof(*w));
    w->kind = LOGSHM_NONE;
    w->syslog = l->syslog;
    w->gzip = l->gzip;
    w->prefix = l->prefix;
    w->json = l->format == GEN_LOG_JSON;
    w->strip_ansi = l->strip_ansi;
    w->block = l->overflow == GEN_OVERFLOW_BLOCK;
    w->maxbytes = l->maxbytes;
    w->backups = l->backups;
    if (l->sink == GEN_SINK_AUTO)
        w->kind = LOGSHM_AUTO;
    else if (l->sink == GEN_SINK_FILE && c->path)
        set_sink(w, c->path);
}

static void want_main(const struct logs_main *m, struct wanted *w)
{
    memset(w, 0, sizeof(*w));
    w->syslog = m->syslog;
    w->copy_to_stdout = m->copy_to_stdout && !m->syslog;
    w->gzip = m->gzip;
    w->maxbytes = m->maxbytes;
    w->backups = m->backups;
    if (m->path)
        set_sink(w, m->path);
    else if (m->syslog)
        w->kind = LOGSHM_NONE;
    else
        set_sink(w, "/dev/stderr");
}

/* Stores a configuration; path_off is its own from now on. */
static void store(struct logs *g, struct logshm_stream *r, const struct wanted *w,
                  uint32_t path_off)
{
    uint32_t old = r->path;
    __atomic_store_n(&r->seq, r->seq + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    r->path = path_off;
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
    __atomic_store_n(&r->seq, r->seq + 1, __ATOMIC_RELEASE);
    if (old != path_off)
        logmem_string_free(&g->mem, &old);
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

static int64_t path_of(struct logs *g, const struct logs_conf *c, struct wanted *w, struct err *e)
{
    char name[9];
    if (w->kind == LOGSHM_AUTO) {
        if (auto_name(g, c, name, e) < 0)
            return -1;
        w->path = name;
        if (!*name)
            w->kind = LOGSHM_NONE;
    }
    return logmem_string(&g->mem, w->path, e);
}

/* ---- a stream's life ---- */

static int grow(struct logs *g, uint32_t slot, struct err *e)
{
    if (slot < g->capacity)
        return 0;
    uint32_t cap = g->capacity ? g->capacity * 2 : 64;
    struct log_stream **v = realloc(g->by_slot, cap * sizeof(*v));
    if (!v)
        return err_errno(e, ENOMEM, "cannot keep %u log streams", cap);
    memset(v + g->capacity, 0, (cap - g->capacity) * sizeof(*v));
    g->by_slot = v;
    g->capacity = cap;
    return 0;
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
    s->rfd = ends[0];
    s->wfd = ends[1];
    return 0;
}

static int take_slot(struct logs *g, struct log_stream *s, struct err *e)
{
    int64_t slot = logmem_slot_new(&g->mem, e);
    if (slot < 0)
        return -1;
    s->slot = (uint32_t)slot;
    if (grow(g, s->slot, e) < 0) {
        logmem_slot_free(&g->mem, s->slot);
        return -1;
    }
    g->by_slot[s->slot] = s;
    return 0;
}

static void drop_slot(struct log_stream *s)
{
    s->logs->by_slot[s->slot] = NULL;
    logmem_slot_free(&s->logs->mem, s->slot);
}

/* Most programs give their name to their process: one copy serves both. */
static int64_t name_of(struct logmem *m, const struct logshm_stream *r, const char *text,
                       struct err *e)
{
    if (text && strcmp(text, logshm_string(m->h, r->name)) == 0)
        return r->name;
    return logmem_string(m, text, e);
}

/* Fills the shared record of a new stream. */
static int describe(struct log_stream *s, const struct logs_conf *c, struct wanted *w,
                    struct err *e)
{
    struct logmem *m = &s->logs->mem;
    struct logshm_stream *r = shared(s);
    int64_t path = path_of(s->logs, c, w, e);
    int64_t name = path < 0 ? -1 : logmem_string(m, c->process, e);
    r->name = name > 0 ? (uint32_t)name : 0;
    int64_t program = name < 0 ? -1 : name_of(m, r, c->program, e);
    r->program = program > 0 ? (uint32_t)program : 0;
    r->channel = (uint8_t)c->channel;
    if (program < 0) {
        r->path = path > 0 ? (uint32_t)path : 0;
        return -1;
    }
    store(s->logs, r, w, (uint32_t)path);
    return 0;
}

static int set_up(struct log_stream *s, const struct logs_conf *c, struct wanted *w, struct err *e)
{
    if (make_pipe(s, c->uid, e) < 0)
        return -1;
    if (take_slot(s->logs, s, e) < 0) {
        fd_close(&s->rfd);
        fd_close(&s->wfd);
        return -1;
    }
    if (describe(s, c, w, e) < 0) {
        drop_slot(s);
        fd_close(&s->rfd);
        fd_close(&s->wfd);
        return -1;
    }
    struct logshm_stream *r = shared(s);
    r->fd = s->rfd;
    r->state = LOGSHM_LIVE;
    s->logs->nstreams++;
    return 0;
}

struct log_stream *logs_add(struct logs *g, const struct logs_conf *c, struct err *e)
{
    struct wanted w;
    want_program(c, &w);
    struct log_stream *s = calloc(1, sizeof(*s));
    if (!s) {
        err_errno(e, ENOMEM, "cannot keep its log stream");
        return NULL;
    }
    s->logs = g;
    s->rfd = s->wfd = -1;
    if (set_up(s, c, &w, e) < 0) {
        free(s);
        return NULL;
    }
    logchan_tell(s, TELL_ADD);
    return s;
}

int logs_update(struct log_stream *s, const struct logs_conf *c, struct err *e)
{
    struct wanted w;
    want_program(c, &w);
    struct logshm_stream *r = shared(s);
    if (w.kind == LOGSHM_AUTO && r->kind == LOGSHM_AUTO) {
        store(s->logs, r, &w, r->path);
    } else {
        int64_t path = path_of(s->logs, c, &w, e);
        if (path < 0)
            return -1;
        store(s->logs, r, &w, (uint32_t)path);
    }
    logchan_tell(s, TELL_UPDATE);
    return 0;
}

void logs_del(struct log_stream **sp)
{
    struct log_stream *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    shared(s)->state = LOGSHM_CLOSING;
    logchan_tell(s, TELL_DEL);
}

void logs_released(struct logs *g, uint32_t slot)
{
    struct log_stream *s = slot < g->capacity ? g->by_slot[slot] : NULL;
    if (!s || shared(s)->state != LOGSHM_CLOSING)
        return;
    logchan_untell(s);
    drop_slot(s);
    fd_close(&s->wfd);
    fd_close(&s->rfd);
    g->nstreams--;
    free(s);
}

int logs_write_fd(const struct log_stream *s)
{
    return s->wfd;
}

const char *logs_path(const struct log_stream *s)
{
    if (!s)
        return "";
    const struct logshm_stream *r = shared(s);
    if (r->kind == LOGSHM_AUTO && (r->flags & LOGSHM_AUTO_FAILED))
        return "";
    static char path[LOGSHM_PATH];
    return logshm_path(s->logs->mem.h, r, path);
}

static void count(const struct log_stream *s, struct logs_counters *out)
{
    const struct logshm_stream *r = shared(s);
    if (!(r->flags & LOGSHM_USED))
        return;
    const struct logshm_progress *p = logshm_progress(s->logs->mem.h, s->slot);
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
    count(&g->main, out);
}

/* ---- questions ---- */

/* True if all that its pipe and the memory held is written: no need to ask. What read() has taken
 * but not booked shows in the flags and in aim, which are set before. */
static bool is_dry(const struct log_stream *s)
{
    int waiting = 1;
    if (!s)
        return true;
    if (ioctl(s->rfd, FIONREAD, &waiting) < 0 || waiting)
        return false;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    const struct logshm_stream *r = shared(s);
    if (!(r->flags & LOGSHM_USED))
        return true;
    struct logshm_head *h = s->logs->mem.h;
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

void logs_clear(struct logs *g, struct log_stream *s, loop_fn *fn, void *obj)
{
    if (!s)
        s = &g->main;
    struct log_request rq = {.op = LOGOP_CLEAR, .fn = fn, .obj = obj};
    rq.slots[rq.n++] = s->slot;
    logchan_ask(g, &rq, DRAIN_LIMIT);
}

void logs_finish(struct logs *g, loop_fn *fn, void *obj)
{
    struct log_request rq = {.op = LOGOP_FINISH, .fn = fn, .obj = obj, .ready = g->pid == 0};
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
    want_main(main, &w);
    g->main = (struct log_stream){.logs = g, .rfd = -1, .wfd = -1};
    if (set_up(&g->main, &c, &w, e) < 0)
        return err_prefix(e, "main log");
    fd_nonblock(g->main.wfd, true);
    return 0;
}

struct logs *logs_new(struct loop *l, const struct logs_setup *setup, struct err *e)
{
    struct logs *g = calloc(1, sizeof(*g));
    if (!g) {
        err_errno(e, ENOMEM, "cannot set up log capture");
        return NULL;
    }
    g->loop = l;
    g->chan = -1;
    g->backoff_max = setup->backoff_max.ns > 0 ? setup->backoff_max : DUR_S(5);
    g->has_fsize = setup->fsize;
    if (setup->fsize)
        g->fsize = *setup->fsize;
    logchan_init(g);
    logproc_init(g);
    g->mem.fd = -1;
    if (logmem_init(&g->mem, setup->memory, e) < 0 || set_texts(g, setup, e) < 0 ||
        set_main(g, &setup->main, e) < 0) {
        logs_free(&g);
        return NULL;
    }
    return g;
}

int logs_main_fd(const struct logs *g)
{
    return g->main.wfd;
}

static bool main_is(const struct logs *g, const struct wanted *w)
{
    const struct logshm_stream *r = shared(&g->main);
    const char *path = r->path ? logshm_string(g->mem.h, r->path) : "";
    return r->kind == w->kind && strcmp(path, w->path ? w->path : "") == 0 &&
           r->fd_sink == (w->fd_sink < 0 ? 0 : w->fd_sink) && r->maxbytes == w->maxbytes &&
           r->backups == w->backups && r->gzip == w->gzip && r->syslog == w->syslog &&
           r->copy_to_stdout == w->copy_to_stdout;
}

int logs_main_update(struct logs *g, const struct logs_main *main, struct err *e)
{
    struct wanted w;
    want_main(main, &w);
    if (main_is(g, &w))
        return 0;
    int64_t path = logmem_string(&g->mem, w.path, e);
    if (path < 0)
        return err_prefix(e, "main log");
    store(g, shared(&g->main), &w, (uint32_t)path);
    logchan_tell(&g->main, TELL_UPDATE);
    return 1;
}

static void free_streams(struct logs *g)
{
    for (uint32_t i = 0; i < g->capacity; i++) {
        struct log_stream *s = g->by_slot[i];
        if (!s)
            continue;
        fd_close(&s->wfd);
        fd_close(&s->rfd);
        if (s != &g->main)
            free(s);
    }
    free(g->by_slot);
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
