/* Compresses rotated files. */
#include "supervisor/logd/gzip.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/logd.h"
#include "supervisor/logd/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK (64 << 10)
#define STACK_BYTES (256 << 10)

struct job {
    STAILQ_ENTRY(job) link;
    int backups;
    char path[];
};

struct gzips {
    pthread_mutex_t lock;
    STAILQ_HEAD(, job) jobs;
    bool running;
    pthread_cond_t let_go;
    LIST_HEAD(, gzips_hold) held;
};

struct gzips *gzips_new(void)
{
    struct gzips *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->let_go, NULL);
    STAILQ_INIT(&g->jobs);
    return g;
}

static bool is_held(const struct gzips *g, const char *path)
{
    const struct gzips_hold *h;
    LIST_FOREACH (h, &g->held, link)
        if (strcmp(h->path, path) == 0)
            return true;
    return false;
}

void gzips_lock(struct gzips *g, struct gzips_hold *h, const char *path)
{
    h->path = path;
    pthread_mutex_lock(&g->lock);
    while (is_held(g, path))
        pthread_cond_wait(&g->let_go, &g->lock);
    LIST_INSERT_HEAD(&g->held, h, link);
    pthread_mutex_unlock(&g->lock);
}

void gzips_unlock(struct gzips *g, struct gzips_hold *h)
{
    pthread_mutex_lock(&g->lock);
    LIST_REMOVE(h, link);
    pthread_cond_broadcast(&g->let_go);
    pthread_mutex_unlock(&g->lock);
}

/* ---- one file ---- */

static int copy(int from, gzFile gz, char *buf, struct err *e)
{
    ssize_t n;
    while ((n = read(from, buf, CHUNK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, errno, "cannot read the file to compress");
        if (gzwrite(gz, buf, (unsigned)n) != n)
            return err_errno(e, errno, "cannot write the compressed file");
    }
    return 0;
}

int gzip_file(int from, const char *to, struct err *e)
{
    struct stat st;
    mode_t mode = fstat(from, &st) == 0 ? st.st_mode & 0777 : 0600;
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", to);
    gzFile gz = gzdopen(fd, "wb6");
    char *buf = malloc(CHUNK);
    if (!gz || !buf) {
        if (gz)
            gzclose(gz);
        else
            close(fd);
        free(buf);
        return err_errno(e, ENOMEM, "cannot compress");
    }
    int rc = copy(from, gz, buf, e);
    free(buf);
    if (gzclose(gz) != Z_OK && rc == 0)
        rc = err_errno(e, errno, "cannot write %s", to);
    return rc;
}

/* ---- at idle priority ---- */

struct task {
    int from, rc;
    const char *to;
    struct err *e;
};

static void *idle_main(void *arg)
{
    struct task *t = arg;
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    t->rc = gzip_file(t->from, t->to, t->e);
    return NULL;
}

static int make_thread(pthread_t *out, int detached, void *(*main)(void *arg), void *arg)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, detached);
    int rc = pthread_create(out, &attr, main, arg);
    pthread_attr_destroy(&attr);
    return rc;
}

/* A thread for this alone: one at idle priority must not hold what a log's writer waits for. */
static int gzip_at_idle(int from, const char *to, struct err *e)
{
    struct task t = {from, -1, to, e};
    pthread_t thread;
    int rc = make_thread(&thread, PTHREAD_CREATE_JOINABLE, idle_main, &t);
    if (rc != 0)
        return err_errno(e, rc, "no thread to compress it");
    pthread_join(thread, NULL);
    return t.rc;
}

/* ---- the files of a path ---- */

/* The number that the file has now: it may have been moved up meanwhile. 0: it is gone. */
static int number_of(const char *path, int backups, ino_t ino)
{
    char name[PATH_MAX];
    struct stat st;
    for (int i = 1; i <= backups; i++)
        if (rotate_name(name, sizeof(name), path, i, false) == 0 && stat(name, &st) == 0 &&
            st.st_ino == ino)
            return i;
    return 0;
}

static void put_in_place(struct gzips *g, const struct job *j, const char *temp, ino_t ino)
{
    char gz[PATH_MAX], plain[PATH_MAX];
    struct gzips_hold hold;
    gzips_lock(g, &hold, j->path);
    int number = number_of(j->path, j->backups, ino);
    if (number && rotate_name(gz, sizeof(gz), j->path, number, true) == 0 &&
        rotate_name(plain, sizeof(plain), j->path, number, false) == 0 && rename(temp, gz) == 0)
        unlink(plain);
    else
        unlink(temp);
    gzips_unlock(g, &hold);
}

static void compress_one(struct gzips *g, const struct job *j, int number)
{
    char name[PATH_MAX], temp[PATH_MAX];
    struct stat st;
    struct err e;
    int n = snprintf(temp, sizeof(temp), "%s.gz~", j->path);
    if (n >= (int)sizeof(temp) || rotate_name(name, sizeof(name), j->path, number, false) < 0)
        return;
    int from = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return;
    if (fstat(from, &st) == 0 && S_ISREG(st.st_mode)) {
        if (gzip_at_idle(from, temp, &e) == 0) {
            put_in_place(g, j, temp, st.st_ino);
        } else {
            unlink(temp);
            log_warn("%s stays as it is: %s", name, e.msg);
        }
    }
    fd_close(&from);
}

static void *gzips_main(void *arg)
{
    struct gzips *g = arg;
    pthread_mutex_lock(&g->lock);
    struct job *j;
    while ((j = STAILQ_FIRST(&g->jobs))) {
        STAILQ_REMOVE_HEAD(&g->jobs, link);
        pthread_mutex_unlock(&g->lock);
        for (int i = j->backups; i > 0; i--)
            compress_one(g, j, i);
        free(j);
        pthread_mutex_lock(&g->lock);
    }
    g->running = false;
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static void start(struct gzips *g)
{
    pthread_t thread;
    g->running = make_thread(&thread, PTHREAD_CREATE_DETACHED, gzips_main, g) == 0;
}

void gzips_add(struct logd *d, const char *path, int backups)
{
    struct gzips *g = d->gzips;
    size_t size = strlen(path) + 1;
    struct job *j, *queued;
    pthread_mutex_lock(&g->lock);
    STAILQ_FOREACH (queued, &g->jobs, link) {
        if (strcmp(queued->path, path) == 0) {
            pthread_mutex_unlock(&g->lock);
            return;
        }
    }
    j = malloc(sizeof(*j) + size);
    if (j) {
        j->backups = backups;
        memcpy(j->path, path, size);
        STAILQ_INSERT_TAIL(&g->jobs, j, link);
        if (!g->running)
            start(g);
    }
    pthread_mutex_unlock(&g->lock);
}
