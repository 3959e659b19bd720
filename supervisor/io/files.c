/* Files read by detached threads; the loop hears of the end through an eventfd. */
#include "supervisor/io/files.h"

#include "supervisor/base/arena.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/text.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/fileask.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STACK_BYTES = 128 * 1024 };
#define PATIENCE DUR_S(2) /* a read that was given up and takes longer hangs */

/* What threads share with the loop; freed by the last of them. */
struct shared {
    pthread_mutex_t lock;
    int refs;                /* threads, and the port */
    int running;             /* threads */
    int event;               /* an eventfd */
    int helper;              /* opens what we may not; -1: nobody does */
    struct files_read *done; /* finished, to be told */
    struct files_read *left; /* given up by who asked, and still running */
};

struct files {
    struct loop *loop;
    struct loop_io io;
    struct shared *sh;
    TAILQ_HEAD(, files_read) waiting; /* for a thread */
};

/* A request. The thread owns the arena and the results until it has put it on sh->done. */
struct files_read {
    struct files_read *next; /* in sh->done or sh->left */
    struct files_request rq;
    struct shared *sh;
    struct arena *a;
    const char **patterns;
    VEC(struct files_got) got;
    struct loop_defer defer;
    TAILQ_ENTRY(files_read) line; /* in files.waiting */
    bool waiting, told;
    /* under the lock */
    bool finished, abandoned;
    size_t at;    /* the pattern that is being read */
    mono_t since; /* when that began */
};

/* ---- in the thread ---- */

static void fail(struct files_read *r, struct files_got *g, int errnum, const char *what)
{
    g->errnum = errnum;
    g->error = arena_printf(r->a, "cannot %s %s: %s", what, g->path, strerrordesc_np(errnum));
}

static void read_open(struct files_read *r, struct files_got *g, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        g->error = arena_printf(r->a, "%s is no regular file", g->path);
        return;
    }
    size_t cap = st.st_size > 0 ? (size_t)st.st_size : 4096;
    if (cap > FILES_BYTES) {
        g->error = arena_printf(r->a, "%s is larger than %zu bytes", g->path, FILES_BYTES);
        return;
    }
    char *buf = arena_alloc(r->a, cap + 1);
    ssize_t k;
    while (g->n < cap && (k = read(fd, buf + g->n, cap - g->n)) != 0) {
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0) {
            fail(r, g, errno, "read");
            return;
        }
        g->n += (size_t)k;
    }
    g->text = buf;
}

/* A descriptor of our own: the loop may get another helper meanwhile. */
static int take_helper(struct shared *sh)
{
    pthread_mutex_lock(&sh->lock);
    int fd = sh->helper < 0 ? -1 : fcntl(sh->helper, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_unlock(&sh->lock);
    return fd;
}

/* Asked for in vain; errnum: why we ask. */
static void fail_helped(struct files_read *r, struct files_got *g, int errnum,
                        const struct fileask_answer *a)
{
    bool no_help = a->errnum == EAGAIN || a->errnum == EPIPE; /* supd-log is busy, or begins anew */
    fail(r, g, a->errnum == ETIMEDOUT || no_help ? EAGAIN : a->errnum ? a->errnum : errnum, "open");
    if (a->why[0])
        g->error = arena_printf(r->a, "cannot open %s: %s", g->path, a->why);
    else if (a->errnum == ETIMEDOUT)
        g->error = arena_printf(r->a, "cannot open %s: its disk does not answer", g->path);
    else if (no_help)
        g->error = arena_printf(
            r->a, "cannot open %s: supd-log, which would open it, does not answer", g->path);
}

static int open_one(struct files_read *r, struct files_got *g)
{
    struct fileask_answer a = {0};
    int fd = open(g->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), saved = errno;
    int helper = fd < 0 && (errno == EACCES || errno == EPERM) ? take_helper(r->sh) : -1;
    if (helper >= 0)
        fd = fileask(helper, FILEASK_OPEN, g->path, &a);
    fd_close(&helper);
    if (fd < 0)
        fail_helped(r, g, saved, &a);
    return fd;
}

static void read_one(struct files_read *r, const char *path)
{
    struct files_got g = {.path = arena_strdup(r->a, path)};
    int fd = open_one(r, &g);
    if (fd >= 0)
        read_open(r, &g, fd);
    fd_close(&fd);
    VEC_PUSH(&r->got, g);
}

/* What is not read must not go unnoticed. */
static void too_many(struct files_read *r, const char *pattern)
{
    struct files_got g = {.path = pattern, .errnum = E2BIG};
    g.error = arena_printf(r->a, "%s: more than %d files are too many for one reading", pattern,
                           FILES_MAX - 1);
    VEC_PUSH(&r->got, g);
}

/* What it matches in folders that we may not look into; false: nobody can say. */
static bool read_helped(struct files_read *r, const char *pattern)
{
    struct fileask_answer a;
    struct stat st;
    int helper = take_helper(r->sh);
    int fd = helper < 0 ? -1 : fileask(helper, FILEASK_MATCH, pattern, &a);
    fd_close(&helper);
    if (fd < 0 || fstat(fd, &st) < 0) {
        fd_close(&fd);
        return false;
    }
    char *list = arena_alloc(r->a, (size_t)st.st_size + 1);
    ssize_t n = pread(fd, list, (size_t)st.st_size, 0);
    fd_close(&fd);
    list[n > 0 ? n : 0] = '\0';
    for (const char *p = list; p < list + n && r->got.n < FILES_MAX; p += strlen(p) + 1)
        read_one(r, p);
    if (n > 0 && r->got.n >= FILES_MAX)
        too_many(r, pattern);
    return n > 0;
}

static void read_pattern(struct files_read *r, const char *pattern)
{
    glob_t found = {0};
    if (r->rq.literal || !text_has_glob(pattern)) {
        read_one(r, pattern);
        return;
    }
    if (read_helped(r, pattern))
        return;
    if (glob(pattern, GLOB_NOESCAPE, NULL, &found) != 0) {
        struct files_got g = {.path = pattern, .errnum = ENOENT};
        g.error = arena_printf(r->a, "no file matches %s, or its folder cannot be read", pattern);
        VEC_PUSH(&r->got, g);
    }
    for (size_t i = 0; i < found.gl_pathc && r->got.n < FILES_MAX; i++)
        read_one(r, found.gl_pathv[i]);
    if (found.gl_pathc && r->got.n >= FILES_MAX)
        too_many(r, pattern);
    globfree(&found);
}

static void read_free(struct files_read *r)
{
    VEC_EACH (&r->got, i) {
        if (r->got.v[i].text)
            explicit_bzero((char *)(uintptr_t)r->got.v[i].text, r->got.v[i].n);
    }
    VEC_FINI(&r->got);
    arena_free(&r->a);
    free(r);
}

static void shared_drop(struct shared *sh)
{
    pthread_mutex_lock(&sh->lock);
    bool last = --sh->refs == 0;
    pthread_mutex_unlock(&sh->lock);
    if (!last)
        return;
    fd_close(&sh->event);
    fd_close(&sh->helper);
    pthread_mutex_destroy(&sh->lock);
    free(sh);
}

static void unlink_read(struct files_read **list, const struct files_read *r)
{
    while (*list && *list != r)
        list = &(*list)->next;
    if (*list)
        *list = r->next;
}

static void finish(struct files_read *r)
{
    struct shared *sh = r->sh;
    uint64_t one = 1;
    pthread_mutex_lock(&sh->lock);
    sh->running--;
    bool abandoned = r->abandoned;
    if (abandoned) {
        unlink_read(&sh->left, r);
    } else {
        r->finished = true;
        r->next = sh->done;
        sh->done = r;
    }
    ssize_t k = write(sh->event, &one, sizeof(one));
    (void)k; /* a full counter wakes as well */
    pthread_mutex_unlock(&sh->lock);
    if (abandoned)
        read_free(r);
    shared_drop(sh);
}

/* False: nobody wants the rest. */
static bool go_on(struct files_read *r, size_t at)
{
    pthread_mutex_lock(&r->sh->lock);
    r->at = at;
    r->since = mono_now();
    bool wanted = !r->abandoned;
    pthread_mutex_unlock(&r->sh->lock);
    return wanted;
}

static void *run(void *arg)
{
    struct files_read *r = arg;
    for (size_t i = 0; i < r->rq.n && go_on(r, i); i++)
        read_pattern(r, r->patterns[i]);
    finish(r);
    return NULL;
}

/* ---- in the loop ---- */

static void tell(struct files_read *r)
{
    r->told = true;
    r->rq.done(r->rq.obj, r->got.v, r->got.n);
}

static void begin_waiting(struct files *f);

static void woken(struct files *f)
{
    uint64_t n;
    ssize_t k = read(f->sh->event, &n, sizeof(n));
    (void)k;
    pthread_mutex_lock(&f->sh->lock);
    struct files_read *r = f->sh->done;
    f->sh->done = NULL;
    pthread_mutex_unlock(&f->sh->lock);
    while (r) {
        struct files_read *next = r->next;
        loop_defer(f->loop, &r->defer);
        r = next;
    }
    begin_waiting(f);
}

/* Threads take no signals: those are the loop's. */
static int start_thread(struct files_read *r)
{
    pthread_attr_t attr;
    pthread_t id;
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&id, &attr, run, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

/* What could not begin is answered as one file with an error. */
static void refuse(struct files_read *r, const char *why)
{
    struct files_got g = {.path = r->rq.n ? r->patterns[0] : "", .errnum = EAGAIN, .error = why};
    VEC_PUSH(&r->got, g);
    r->finished = true;
    loop_defer(r->rq.files->loop, &r->defer);
}

static bool wants(const struct files_read *r, const char *pattern)
{
    for (size_t i = 0; i < r->rq.n; i++) {
        if (strcmp(r->patterns[i], pattern) == 0)
            return true;
    }
    return false;
}

/* The file that an earlier read, which was given up, still waits for; NULL: none that r wants. */
static const char *hanging(const struct files_read *r)
{
    const char *found = NULL;
    pthread_mutex_lock(&r->sh->lock);
    for (const struct files_read *l = r->sh->left; l && !found; l = l->next) {
        bool long_ago = mono_sub(mono_now(), l->since).ns > PATIENCE.ns;
        if (long_ago && wants(r, l->patterns[l->at]))
            found = arena_strdup(r->a, l->patterns[l->at]);
    }
    pthread_mutex_unlock(&r->sh->lock);
    return found;
}

static bool take_thread(struct shared *sh)
{
    pthread_mutex_lock(&sh->lock);
    bool room = sh->running < FILES_THREADS;
    sh->running += room;
    sh->refs += room;
    pthread_mutex_unlock(&sh->lock);
    return room;
}

static void give_thread_back(struct shared *sh)
{
    pthread_mutex_lock(&sh->lock);
    sh->running--;
    sh->refs--;
    pthread_mutex_unlock(&sh->lock);
}

/* In its own thread; false if none is free. */
static bool begin(struct files_read *r)
{
    const char *hangs = hanging(r);
    if (hangs) {
        refuse(r, arena_printf(r->a, "cannot read %s: its disk does not answer", hangs));
        return true;
    }
    if (!take_thread(r->sh))
        return false;
    r->since = mono_now();
    if (start_thread(r) != 0) {
        give_thread_back(r->sh);
        refuse(r, "cannot read files: no thread can be started");
    }
    return true;
}

static void begin_waiting(struct files *f)
{
    struct files_read *r;
    while ((r = TAILQ_FIRST(&f->waiting)) && begin(r)) {
        TAILQ_REMOVE(&f->waiting, r, line);
        r->waiting = false;
    }
}

struct files_read *files_start(const struct files_request *rq)
{
    struct files_read *r = mem_zalloc(sizeof(*r));
    r->rq = *rq;
    r->sh = rq->files->sh;
    r->a = arena_new();
    r->patterns = arena_alloc(r->a, (rq->n + 1) * sizeof(*r->patterns));
    for (size_t i = 0; i < rq->n; i++)
        r->patterns[i] = arena_strdup(r->a, rq->patterns[i]);
    LOOP_DEFER(&r->defer, tell, r);
    r->waiting = !begin(r);
    if (r->waiting)
        TAILQ_INSERT_TAIL(&rq->files->waiting, r, line);
    return r;
}

void files_end(struct files_read **rp)
{
    struct files_read *r = *rp;
    if (!r)
        return;
    *rp = NULL;
    loop_defer_cancel(r->rq.files->loop, &r->defer);
    if (r->waiting) {
        TAILQ_REMOVE(&r->rq.files->waiting, r, line);
        read_free(r);
        return;
    }
    pthread_mutex_lock(&r->sh->lock);
    unlink_read(&r->sh->done, r);
    bool mine = r->finished;
    r->abandoned = !mine;
    if (!mine) {
        r->next = r->sh->left;
        r->sh->left = r;
    }
    pthread_mutex_unlock(&r->sh->lock);
    if (mine)
        read_free(r);
}

struct files *files_new(struct loop *l, struct err *e)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        err_errno(e, errno, "cannot make an eventfd");
        return NULL;
    }
    struct files *f = mem_zalloc(sizeof(*f));
    f->loop = l;
    TAILQ_INIT(&f->waiting);
    f->sh = mem_zalloc(sizeof(*f->sh));
    f->sh->refs = 1;
    f->sh->event = fd;
    f->sh->helper = -1;
    pthread_mutex_init(&f->sh->lock, NULL);
    LOOP_IO(&f->io, l, woken, f);
    loop_io_set(&f->io, fd, LOOP_READ);
    return f;
}

void files_helper(struct files *f, int sock)
{
    pthread_mutex_lock(&f->sh->lock);
    fd_close(&f->sh->helper);
    f->sh->helper = sock;
    pthread_mutex_unlock(&f->sh->lock);
}

void files_free(struct files **fp)
{
    struct files *f = *fp;
    if (!f)
        return;
    *fp = NULL;
    loop_io_set(&f->io, f->sh->event, 0);
    shared_drop(f->sh);
    free(f);
}
