/* A place where output goes. */
#include "supervisor/logd/sink.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/gzip.h"
#include "supervisor/logd/rotate.h"
#include "supervisor/logd/syslog.h"
#include "supervisor/logd/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FULL_WAIT_MS 200
#define PACE_WINDOW DUR_MS(200)
#define PACE_BYTES 65536u /* in a window: a fair pace */

/* ---- finding ---- */

static bool is_it(const struct sink *s, enum sink_kind kind, int fd_number, const char *path)
{
    if (s->kind != kind)
        return false;
    return kind == SINK_SYSLOG || (kind == SINK_FD && s->fd_number == fd_number) ||
           (kind == SINK_FILE && strcmp(s->path, path) == 0);
}

static unsigned bucket_of(const char *path)
{
    return logshm_file(path) % LOGD_SINK_BUCKETS;
}

static struct sink *sink_new(struct logd *d, enum sink_kind kind, int fd_number, const char *path)
{
    struct sink *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->kind = kind;
    s->fd_number = fd_number;
    s->fd = -1;
    s->path = kind == SINK_FILE ? strdup(path) : NULL;
    if (kind == SINK_FILE && !s->path) {
        free(s);
        return NULL;
    }
    TAILQ_INIT(&s->outs);
    LIST_INSERT_HEAD(&d->sinks[kind == SINK_FILE ? bucket_of(path) : 0], s, link);
    return s;
}

static struct sink *find(const struct logd *d, enum sink_kind kind, int fd_number, const char *path)
{
    struct sink *s;
    LIST_FOREACH (s, &d->sinks[kind == SINK_FILE ? bucket_of(path) : 0], link)
        if (is_it(s, kind, fd_number, path))
            break;
    return s;
}

struct sink *sink_of_path(const struct logd *d, const char *path)
{
    return find(d, SINK_FILE, -1, path);
}

struct sink *sink_get(struct logd *d, const struct logshm_stream *r, unsigned which)
{
    enum sink_kind kind = SINK_FILE;
    int fd_number = -1;
    char buf[LOGSHM_PATH];
    const char *path = logshm_path(d->h, r, buf);
    if (which == 1) {
        kind = r->syslog ? SINK_SYSLOG : SINK_FD;
        fd_number = 1;
    } else if (r->kind == LOGSHM_FD) {
        kind = SINK_FD;
        fd_number = r->fd_sink;
    }
    struct sink *s = find(d, kind, fd_number, path);
    if (!s)
        s = sink_new(d, kind, fd_number, path);
    if (s && kind == SINK_FILE) {
        s->is_auto = r->kind == LOGSHM_AUTO;
        s->maxbytes = r->maxbytes;
        s->backups = r->backups;
        s->gzip = r->gzip;
    }
    return s;
}

void sink_look(struct logd *d, struct sink *k)
{
    k->want_look = true;
    writer_queue(d, k);
    writers_kick(d);
}

void sink_free(struct sink **sp)
{
    struct sink *s = *sp;
    *sp = NULL;
    LIST_REMOVE(s, link);
    fd_close(&s->fd);
    free(s->path);
    free(s);
}

void sink_took(struct sink *s, uint64_t bytes)
{
    mono_t now = mono_now();
    int64_t age = mono_sub(now, s->window).ns;
    if (age > PACE_WINDOW.ns) {
        s->taken_before = age > 2 * PACE_WINDOW.ns ? 0 : s->taken;
        s->taken = 0;
        s->window = now;
    }
    s->taken += bytes;
}

bool sink_is_healthy(const struct sink *s)
{
    mono_t now = mono_now();
    int64_t age = mono_sub(now, s->window).ns;
    if (s->failing)
        return false;
    if (mono_sub(now, s->pending_since).ns < PACE_WINDOW.ns)
        return true;
    if (age > 2 * PACE_WINDOW.ns)
        return false;
    return s->taken >= PACE_BYTES || (age <= PACE_WINDOW.ns && s->taken_before >= PACE_BYTES);
}

const char *sink_name(const struct sink *s)
{
    static const char *const fds[] = {"stdin", "/dev/stdout", "/dev/stderr"};
    if (s->kind == SINK_FILE)
        return s->path;
    if (s->kind == SINK_SYSLOG)
        return "/dev/log";
    return s->fd_number <= 2 ? fds[s->fd_number] : "an inherited descriptor";
}

/* ---- opening ---- */

static int open_fd(struct sink *s, struct err *e)
{
    s->fd = fcntl(s->fd_number, F_DUPFD_CLOEXEC, 3);
    if (s->fd < 0)
        return err_errno(e, errno, "cannot copy descriptor %d", s->fd_number);
    return 0;
}

/* Non-blocking matters for FIFOs and terminals: without a reader the open fails instead of
 * waiting. */
static int open_file(struct sink *s, struct err *e)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat st;
    s->fd = open(s->path, flags, s->is_auto ? 0600 : 0666);
    if (s->fd < 0)
        return err_errno(e, errno, "cannot open %s", s->path);
    s->regular = fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode);
    return 0;
}

int sink_open(struct sink *s, struct err *e)
{
    if (s->fd >= 0)
        return 0;
    if (s->kind == SINK_SYSLOG)
        return syslog_open(&s->fd, e);
    return s->kind == SINK_FD ? open_fd(s, e) : open_file(s, e);
}

void sink_close(struct sink *s)
{
    fd_close(&s->fd);
}

bool sink_in_place(const struct sink *s)
{
    struct stat open, named;
    if (s->kind != SINK_FILE || !s->regular || s->fd < 0 || fstat(s->fd, &open) < 0)
        return true;
    return stat(s->path, &named) == 0 && named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

bool sink_clear(struct sink *s)
{
    bool clean =
        s->kind != SINK_FILE || !s->regular || unlink(s->path) == 0 || errno == ENOENT ||
        (s->fd >= 0 && ftruncate(s->fd, 0) == 0); /* the folder may not be ours to change */
    if (!clean)
        log_warn("cannot empty %s: %s", s->path, strerror(errno));
    sink_close(s);
    s->mid_line = false;
    return clean;
}

/* ---- writing ---- */

/* Whoever listened at /dev/log is gone: there may be another one. */
static bool reconnect(struct sink *s)
{
    struct err e;
    int errnum = errno;
    if (s->kind == SINK_SYSLOG) {
        sink_close(s);
        if (syslog_open(&s->fd, &e) == 0)
            return true;
    }
    errno = errnum;
    return false;
}

ssize_t sink_write(struct sink *s, const struct span *data)
{
    for (int tries = 0;; tries++) {
        ssize_t n = writev(s->fd, data->iov, data->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n >= 0 || tries > 0 || (errno != EAGAIN && !reconnect(s)))
            return n;
        struct pollfd p = {.fd = s->fd, .events = POLLOUT};
        poll(&p, 1, FULL_WAIT_MS);
    }
}

int64_t sink_size(struct sink *s, struct err *e)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0)
        return err_errno(e, errno, "cannot look at %s", s->path);
    if (st.st_nlink > 0 || !s->regular)
        return st.st_size;
    sink_close(s);
    s->mid_line = false;
    if (sink_open(s, e) < 0)
        return -1;
    return fstat(s->fd, &st) == 0 ? st.st_size : err_errno(e, errno, "cannot look at %s", s->path);
}

static int truncate_it(struct sink *s, struct err *e)
{
    if (ftruncate(s->fd, 0) < 0)
        return err_errno(e, errno, "cannot truncate %s", s->path);
    return 0;
}

int sink_rotate(struct logd *d, struct sink *s, struct logshm_rotation *note, struct err *e)
{
    if (s->backups <= 0)
        return truncate_it(s, e);
    note->backups = s->backups;
    note->file = logshm_file(s->path);
    LOGSHM_ORDER();
    note->step = s->backups;
    LOGSHM_ORDER();
    struct gzips_hold hold;
    gzips_lock(d->gzips, &hold, s->path);
    int rc = rotate_files(s->path, s->backups, &note->step, e);
    gzips_unlock(d->gzips, &hold);
    if (rc < 0)
        return -1;
    sink_close(s);
    return sink_open(s, e);
}
