/* AUTO log files of earlier runs. */
#include "supervisor/logd/autofile.h"
#include "supervisor/base/log.h"
#include "supervisor/logd/logd.h"

#include <ctype.h>
#include <dirent.h>
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
    for (uint32_t i = 0; i < d->h->used; i++) {
        const struct logshm_stream *r = logshm_stream(d->h, i);
        const char *path = r->kind == LOGSHM_AUTO ? logshm_string(d->h, r->path) : "";
        const char *slash = strrchr(path, '/');
        size_t n = slash ? strlen(slash + 1) : 0;
        if (n && strncmp(name, slash + 1, n) == 0)
            return true;
    }
    return false;
}

void autofile_clean(struct logd *d)
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
