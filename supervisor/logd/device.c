/* Finds out on which device a sink lies. */
#include "supervisor/logd/device.h"
#include "supervisor/logd/autofile.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct key {
    uint64_t a, b;
};

#define KEY_SYSLOG ((struct key){UINT64_MAX, 1})
#define KEY_UNKNOWN ((struct key){UINT64_MAX, 2})

static struct key key_of_folder(const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return KEY_UNKNOWN;
    slash[slash == folder] = '\0';
    if (stat(folder, &st) < 0)
        return KEY_UNKNOWN;
    return (struct key){st.st_dev, 0};
}

/* A regular file belongs to its device; anything else may block by itself and gets its own. */
static struct key key_of(const struct sink *k)
{
    struct stat st;
    if (k->kind == SINK_SYSLOG)
        return KEY_SYSLOG;
    if (k->kind == SINK_FD)
        return fstat(k->fd_number, &st) == 0 ? (struct key){st.st_dev, st.st_ino} : KEY_UNKNOWN;
    if (stat(k->path, &st) == 0 && !S_ISREG(st.st_mode))
        return (struct key){st.st_dev, st.st_ino};
    return key_of_folder(k->path);
}

static struct writer *writer_of(struct logd *d, struct key key)
{
    for (unsigned i = 1; i < LOGSHM_WRITERS; i++) {
        struct writer *w = d->writers[i];
        if (w && w->key == key.a && w->key2 == key.b)
            return w;
        if (w)
            continue;
        w = writer_new(d, i);
        if (!w)
            break;
        w->key = key.a;
        w->key2 = key.b;
        return w;
    }
    /* all are taken: share one */
    struct writer *w = d->writers[1 + (key.a + key.b) % (LOGSHM_WRITERS - 1)];
    return w ? w : d->writers[1];
}

static bool same_folder(const struct sink *a, const struct sink *b)
{
    const char *end = a->kind == SINK_FILE ? strrchr(a->path, '/') : NULL;
    size_t n = end ? (size_t)(end - a->path) + 1 : 0;
    return n && b->kind == SINK_FILE && strncmp(a->path, b->path, n) == 0 &&
           !strchr(b->path + n, '/');
}

/* A finder that hangs where this sink is, too: it would cost another one. */
static struct writer *hung_there(const struct writer *finder, const struct sink *k)
{
    struct writer *w;
    LIST_FOREACH (w, &finder->d->lost, lost_link)
        if (w != finder && w->at && same_folder(w->at, k))
            return w;
    return NULL;
}

void device_find(struct writer *finder, struct sink *k)
{
    struct logd *d = finder->d;
    struct writer *hung = hung_there(finder, k);
    if (hung) {
        writer_move(k, hung);
        writer_queue_now(d, k);
        return;
    }
    k->busy = true;
    finder->looking = mono_now();
    finder->at = k;
    pthread_mutex_unlock(&d->lock);
    autofile_clean(d);
    struct key key = key_of(k);
    pthread_mutex_lock(&d->lock);
    finder->looking = MONO_NEVER;
    finder->at = NULL;
    k->busy = false;
    if (k->nouts == 0) {
        writer_orphan(k);
        return;
    }
    struct writer *w = writer_of(d, key);
    if (!w) {
        logd_start_over(d, "no memory for a writer");
        return;
    }
    writer_move(k, w);
    writer_queue_now(d, k);
    writers_kick(d);
}
