/* What a configuration asks of a stream's record. */
#include "supervisor/base/text.h"
#include "supervisor/run/logs_impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* 0, 1 and 2 are the same in supd-log; others are opened through supd. What they are is somebody
 * else's file, which is not rotated. */
static void set_sink(struct wanted *w, const char *path)
{
    int fd = fd_of_path(path);
    w->fd_sink = fd <= 2 ? fd : -1;
    w->kind = w->fd_sink >= 0 ? LOGSHM_FD : LOGSHM_FILE;
    w->path = path;
    if (fd > 2) {
        snprintf(w->proc_path, sizeof(w->proc_path), "/proc/%d/fd/%d", getpid(), fd);
        w->path = w->proc_path;
        w->maxbytes = 0;
    }
}

void logs_want(const struct logs_conf *c, struct wanted *w)
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
    w->capture = l->capture > 0;
    w->maxbytes = l->maxbytes;
    w->backups = l->backups;
    if (l->sink == GEN_SINK_AUTO)
        w->kind = LOGSHM_AUTO;
    else if (l->sink == GEN_SINK_FILE && c->path)
        set_sink(w, c->path);
}

void logs_want_main(const struct logs_main *m, struct wanted *w)
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
