/* AUTO log files: those of this run are created, those of earlier runs deleted. */
#include "supervisor/logd/autofile.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/writer.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "\.?\d{0,4}" up to the end */
static bool is_number_end(const char *p)
{
    size_t dot = *p == '.';
    size_t digits = strspn(p + dot, "0123456789");
    return digits <= 4 && p[dot + digits] == '\0';
}

/* "\S+\.log" and a number end: any ".log" behind at least one character will do */
static bool is_rest(const char *p)
{
    for (const char *c = p; *c; c++)
        if (isspace((unsigned char)*c))
            return false;
    for (const char *log = strstr(p + (*p != '\0'), ".log"); log; log = strstr(log + 1, ".log"))
        if (is_number_end(log + 4))
            return true;
    return false;
}

bool autofile_matches(const char *name, const char *identifier)
{
    char plain[256];
    size_t n = strlen(name), id = strlen(identifier);
    if (n == 0 || n >= sizeof(plain))
        return false;
    memcpy(plain, name, n + 1);
    if (n > 3 && strcmp(plain + n - 3, ".gz") == 0)
        plain[n - 3] = '\0';
    for (const char *at = strstr(plain + 1, "---"); at; at = strstr(at + 1, "---")) {
        const char *rest = at + 3 + id;
        if (strncmp(at + 3, identifier, id) == 0 && *rest == '-' && is_rest(rest + 1))
            return true;
    }
    return false;
}

static bool in_use(struct logd *d, const char *name)
{
    char buf[LOGSHM_PATH];
    for (uint32_t i = 0; i < d->h->used; i++) {
        const struct logshm_stream *r = logshm_stream(d->h, i);
        const char *path = r->kind == LOGSHM_AUTO ? logshm_path(d->h, r, buf) : "";
        const char *slash = strrchr(path, '/');
        size_t n = slash ? strlen(slash + 1) : 0;
        if (n && strncmp(name, slash + 1, n) == 0)
            return true;
    }
    return false;
}

static void clean(struct logd *d)
{
    const char *identifier = logshm_string(d->h, d->h->identifier);
    DIR *dir = opendir(logshm_string(d->h, d->h->childlogdir));
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        if (!autofile_matches(entry->d_name, identifier))
            continue;
        pthread_mutex_lock(&d->lock);
        bool keep = in_use(d, entry->d_name);
        pthread_mutex_unlock(&d->lock);
        if (!keep && unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            log_warn("cannot delete the old log file %s", entry->d_name);
    }
    if (dir)
        closedir(dir);
}

void autofile_clean(struct logd *d)
{
    pthread_mutex_lock(&d->lock);
    bool first = !d->h->cleaned;
    d->h->cleaned = 1;
    pthread_mutex_unlock(&d->lock);
    if (first && !d->h->nocleanup && d->h->childlogdir)
        clean(d);
}

/* ---- creating ---- */

/* 0 or an errno. */
static int create(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0600);
    int rc = fd >= 0 ? 0 : errno;
    fd_close(&fd);
    return rc;
}

static void failed(struct logd *d, struct stream *s, int errnum)
{
    char buf[LOGSHM_PATH];
    const struct logshm_stream *r = stream_shared(d, s);
    if (!s->lazy || r->kind != LOGSHM_AUTO)
        return; /* another file, or one that its sink cares for */
    log_warn("cannot open %s: %s; its last output stays in memory only", logshm_path(d->h, r, buf),
             strerror(errnum));
    logshm_use(d->h, s->slot)->failures++;
    stream_auto_failed(d, s);
}

/* The stream stays while it is marked. */
static void make(struct logd *d, struct stream *s)
{
    char path[LOGSHM_PATH];
    const struct logshm_stream *r = stream_shared(d, s);
    const char *at = r->kind == LOGSHM_AUTO ? logshm_path(d->h, r, path) : "";
    pthread_mutex_unlock(&d->lock);
    int rc = *at ? create(at) : 0; /* else an update made it another file */
    pthread_mutex_lock(&d->lock);
    s->unmade = false;
    d->unmade--;
    if (rc)
        failed(d, s, rc);
    if (s->closing)
        reader_poke(d);
}

static void *make_all(void *arg)
{
    struct logd *d = arg;
    autofile_clean(d);
    pthread_mutex_lock(&d->lock);
    while (d->unmade)
        for (uint32_t i = 0; i < d->h->used; i++)
            if (stream_at(d, i) && stream_at(d, i)->unmade)
                make(d, stream_at(d, i));
    d->making = false;
    orders_settled(d);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

bool autofile_want(struct logd *d, struct stream *s)
{
    if (!d->making)
        d->making = writer_thread(make_all, d);
    if (d->making && !s->unmade) {
        s->unmade = true;
        d->unmade++;
    }
    return d->making;
}
