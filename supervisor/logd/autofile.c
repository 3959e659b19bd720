/* Files before their first byte: those of this run are created, AUTO files of earlier runs deleted.
 */
#include "supervisor/logd/autofile.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/sink.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/writer.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKER_LIMIT DUR_MS(200)
#define LOST_MAKERS 16u

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

/* The thread that does it. */
struct maker {
    struct logd *d;
    mono_t looking; /* since when it waits for a disk; 0: it does not */
    bool lost;      /* it hung: another took its place, it ends by itself */
};

enum { FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK };

/* 0 or an errno. */
static int create_auto(const char *path)
{
    int fd = open(path, FLAGS, 0600);
    int rc = fd >= 0 ? 0 : errno;
    fd_close(&fd);
    return rc;
}

/* What is there is left alone: whoever reads a FIFO would take an open and a close for its end. */
static int create_file(const char *path)
{
    struct stat st;
    int fd = open(path, FLAGS | O_EXCL, 0666);
    if (fd < 0 && errno == EEXIST && stat(path, &st) < 0 && errno == ENOENT)
        fd = open(path, FLAGS, 0666); /* a link that leads to nothing yet */
    else if (fd < 0 && errno == EEXIST)
        return 0;
    int rc = fd >= 0 ? 0 : errno;
    fd_close(&fd);
    return rc;
}

static void failed(struct logd *d, struct stream *s, int errnum)
{
    char buf[LOGSHM_PATH];
    const struct logshm_stream *r = stream_shared(d, s);
    if (!s->lazy || r->kind == LOGSHM_NONE)
        return; /* another file, or one that its sink cares for */
    if (r->kind == LOGSHM_AUTO || LOG_LIMIT(60))
        log_warn("cannot open %s: %s; %s", logshm_path(d->h, r, buf), strerror(errnum),
                 r->kind == LOGSHM_AUTO ? "its last output stays in memory only"
                                        : "it is tried again when there is output");
    logshm_use(d->h, s->slot)->failures++;
    if (r->kind == LOGSHM_AUTO)
        stream_auto_failed(d, s);
}

/* What there is to create; "": nothing, since an update made it something else, or there is a sink,
 * which opens it, maybe after a rotation that has to end first. */
static const char *what_of(struct logd *d, const struct stream *s, char *buf)
{
    const struct logshm_stream *r = stream_shared(d, s);
    const char *path = logshm_path(d->h, r, buf);
    if (r->kind == LOGSHM_AUTO)
        return path;
    struct sink *k = r->kind == LOGSHM_FILE && s->lazy ? sink_of_path(d, path) : NULL;
    if (k)
        sink_look(d, k);
    return r->kind == LOGSHM_FILE && s->lazy && !k ? path : "";
}

/* The stream stays while it is marked. */
static void make(struct maker *m, struct stream *s)
{
    struct logd *d = m->d;
    char buf[LOGSHM_PATH];
    const char *path = what_of(d, s, buf);
    bool is_auto = stream_shared(d, s)->kind == LOGSHM_AUTO;
    s->unmade = false;
    s->making = true;
    d->unmade--;
    m->looking = mono_now();
    pthread_mutex_unlock(&d->lock);
    int rc = !*path ? 0 : is_auto ? create_auto(path) : create_file(path);
    pthread_mutex_lock(&d->lock);
    m->looking = MONO_NEVER;
    s->making = false;
    if (rc)
        failed(d, s, rc);
    if (s->closing)
        reader_poke(d);
}

static void *make_all(void *arg)
{
    struct maker *m = arg;
    struct logd *d = m->d;
    autofile_clean(d);
    pthread_mutex_lock(&d->lock);
    m->looking = MONO_NEVER;
    while (d->unmade && !m->lost)
        for (uint32_t i = 0; i < d->h->used && !m->lost; i++)
            if (stream_at(d, i) && stream_at(d, i)->unmade)
                make(m, stream_at(d, i));
    if (m->lost)
        d->lost_makers--;
    else
        d->maker = NULL;
    orders_settled(d);
    pthread_mutex_unlock(&d->lock);
    free(m);
    return NULL;
}

static bool start_maker(struct logd *d)
{
    struct maker *m = d->maker ? NULL : calloc(1, sizeof(*m));
    if (!m)
        return d->maker;
    *m = (struct maker){.d = d, .looking = mono_now()};
    if (writer_thread(make_all, m))
        d->maker = m;
    else
        free(m);
    return d->maker;
}

bool autofile_want(struct logd *d, struct stream *s)
{
    if (!start_maker(d))
        return false;
    if (!s->unmade && !s->making) {
        s->unmade = true;
        d->unmade++;
    }
    return true;
}

bool autofile_relieve(struct logd *d)
{
    struct maker *m = d->maker;
    if (m && m->looking.ns && d->lost_makers < LOST_MAKERS &&
        mono_reached(mono_add(m->looking, MAKER_LIMIT), mono_now())) {
        m->lost = true;
        d->lost_makers++;
        d->maker = NULL;
    }
    if (d->unmade)
        start_maker(d);
    return d->maker && d->lost_makers < LOST_MAKERS;
}
