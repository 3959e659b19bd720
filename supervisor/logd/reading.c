/* Hands out log files to be read. */
#include "supervisor/logd/reading.h"
#include "supervisor/base/fd.h"
#include "supervisor/core/fileask.h"
#include "supervisor/io/usock.h"
#include "supervisor/logd/sink.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define THREADS 64 /* at once; those that hang are among them */
#define OF_ONE 4   /* ... and want the same log */
#define LOOK_MS 5
#define LOOKS 60 /* for what was read to be written, and for the file to be opened */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

struct reading {
    LIST_ENTRY(reading) link;
    struct logd *d;
    uint32_t slot;
    uint64_t upto; /* what was read when it was asked */
    bool makes;    /* a file that is not there */
    bool opens;    /* its file is being opened */
    int sock;
};

static LIST_HEAD(, reading) running; /* with the lock */

/* ---- the file ---- */

/* What is looked for, found with the lock. */
struct found {
    int fd;     /* a copy of its writer's, or -1 */
    char *path; /* where that is */
    bool wait;  /* it is not all there yet */
};

static int find(struct reading *r, struct found *f)
{
    struct logd *d = r->d;
    struct stream *s = r->slot < d->h->used ? stream_at(d, r->slot) : NULL;
    if (!s)
        return ENOENT;
    stream_sink(d, s);
    const struct sink *k = s->outs[0].sink;
    if (!k)
        return ENOENT;
    bool device = k->fd >= 0 && !k->regular && strcmp(k->path, "/dev/null") != 0;
    if (k->kind != SINK_FILE || device)
        return EINVAL;
    f->wait = k->busy || (r->opens && k->fd < 0) || out_shared(d, &s->outs[0])->done < r->upto;
    f->fd = k->fd >= 0 && !k->busy ? fcntl(k->fd, F_DUPFD_CLOEXEC, 3) : -1;
    f->path = strdup(k->path);
    return f->path ? 0 : ENOMEM;
}

/* Through /proc it is the same file, whatever has become of its path. */
static int open_again(int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, READ_FLAGS);
}

/* It is what lies at its path, or was removed from there: no other file, which somebody has put in
 * its place by a link. */
static bool is_in_place(const struct stat *st, const char *path)
{
    struct stat at;
    if (lstat(path, &at) < 0)
        return st->st_nlink == 0;
    if (S_ISLNK(at.st_mode))
        return at.st_uid == geteuid();
    return (at.st_ino == st->st_ino && at.st_dev == st->st_dev) || st->st_nlink == 0;
}

/* Of what is no file only this may be read, as an empty one. */
static bool is_null(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static int judge(int fd, const char *path)
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return errno;
    return (S_ISREG(st.st_mode) || is_null(&st)) && is_in_place(&st, path) ? 0 : EINVAL;
}

/* One look; what it found, if it is not to be waited for. 0 or an errno. */
static int look(struct reading *r, bool last, int *out_fd, bool *out_wait)
{
    struct found f = {.fd = -1};
    pthread_mutex_lock(&r->d->lock);
    int wrong = find(r, &f);
    pthread_mutex_unlock(&r->d->lock);
    *out_wait = !wrong && f.wait && !last;
    if (!wrong && !*out_wait) {
        *out_fd = f.fd >= 0 ? open_again(f.fd) : -1;
        if (f.fd < 0)
            *out_fd = open(f.path, READ_FLAGS | O_NOFOLLOW);
        wrong = judge(*out_fd, f.path);
        if (wrong)
            fd_close(out_fd);
    }
    fd_close(&f.fd);
    free(f.path);
    return wrong;
}

static void *reading_main(void *arg)
{
    struct reading *r = arg;
    struct fileask_answer a = {0};
    int fd = -1;
    bool wait = true;
    for (int i = 0; wait; i++) {
        a.errnum = look(r, i >= LOOKS, &fd, &wait);
        if (wait)
            poll(NULL, 0, LOOK_MS);
    }
    (void)usock_send(r->sock, &a, sizeof(a), &fd, fd >= 0); /* who asked may be gone */
    fd_close(&fd);
    fd_close(&r->sock);
    pthread_mutex_lock(&r->d->lock);
    LIST_REMOVE(r, link);
    pthread_mutex_unlock(&r->d->lock);
    free(r);
    return NULL;
}

/* ---- asking ---- */

/* Has the stream's file opened, if it is not. */
static void want_file(struct logd *d, struct reading *r, bool make)
{
    struct stream *s = r->slot < d->h->used ? stream_at(d, r->slot) : NULL;
    if (!s)
        return;
    r->upto = stream_shared(d, s)->read;
    stream_flush(d, s);
    stream_sink(d, s);
    struct sink *k = s->outs[0].sink;
    if (!make || !k || k->kind != SINK_FILE || k->fd >= 0)
        return;
    r->opens = true;
    k->want_open = true;
    writer_queue_now(d, k);
}

static bool has_room(uint32_t slot)
{
    const struct reading *r;
    unsigned all = 0, same = 0;
    LIST_FOREACH (r, &running, link) {
        all++;
        same += r->slot == slot;
    }
    return all < THREADS && same < OF_ONE;
}

/* With the lock. */
static bool begin(struct reading *r)
{
    if (!has_room(r->slot))
        return false;
    want_file(r->d, r, r->makes);
    LIST_INSERT_HEAD(&running, r, link);
    if (writer_thread(reading_main, r))
        return true;
    LIST_REMOVE(r, link);
    return false;
}

/* Not begun: who asks hears the end of its socket, and asks again later. */
void reading_start(struct logd *d, uint32_t slot, bool make, int sock)
{
    struct reading *r = malloc(sizeof(*r));
    bool began = false;
    if (r) {
        *r = (struct reading){.d = d, .slot = slot, .makes = make, .sock = sock};
        pthread_mutex_lock(&d->lock);
        began = begin(r);
        pthread_mutex_unlock(&d->lock);
    }
    if (began)
        return;
    free(r);
    fd_close(&sock);
}
