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

#define NAME_LOCKS 64u
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
    pthread_mutex_t names[NAME_LOCKS];
};

struct gzips *gzips_new(void)
{
    struct gzips *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    pthread_mutex_init(&g->lock, NULL);
    for (unsigned i = 0; i < NAME_LOCKS; i++)
        pthread_mutex_init(&g->names[i], NULL);
    STAILQ_INIT(&g->jobs);
    return g;
}

static pthread_mutex_t *lock_of(struct gzips *g, const char *path)
{
    unsigned hash = 5381;
    for (; *path; path++)
        hash = hash * 33 + (unsigned char)*path;
    return &g->names[hash % NAME_LOCKS];
}

void gzips_lock(struct logd *d, const char *path)
{
    pthread_mutex_lock(lock_of(d->gzips, path));
}

void gzips_unlock(struct logd *d, const char *path)
{
    pthread_mutex_unlock(lock_of(d->gzips, path));
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
    pthread_mutex_lock(lock_of(g, j->path));
    int number = number_of(j->path, j->backups, ino);
    if (number && rotate_name(gz, sizeof(gz), j->path, number, true) == 0 &&
        rotate_name(plain, sizeof(plain), j->path, number, false) == 0 && rename(temp, gz) == 0)
        unlink(plain);
    else
        unlink(temp);
    pthread_mutex_unlock(lock_of(g, j->path));
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
        if (gzip_file(from, temp, &e) == 0) {
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
    struct sched_param p = {0};
    sched_setscheduler(0, SCHED_IDLE, &p);
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
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    g->running = pthread_create(&thread, &attr, gzips_main, g) == 0;
    pthread_attr_destroy(&attr);
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
