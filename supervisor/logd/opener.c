/* Opens files for supd-agent. What is asked for comes from a process that parses bytes from the
 * network, so it is held against the list that supd made of the configuration, and a path is walked
 * step by step: a link or a folder that somebody else than root could have put there leads nowhere.
 * Each request has a thread, since its disk may not answer. */
#include "supervisor/logd/opener.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/text.h"
#include "supervisor/core/fileask.h"
#include "supervisor/io/usock.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 16 /* at once; those that hang are among them */
#define MATCHES 1025
#define LINKS 40
enum { STACK_BYTES = 128 * 1024 };

struct opener {
    int sock, refs, running; /* the two numbers: __atomic */
    char *list;
    size_t n;
};

struct request {
    struct opener *o;
    int reply;
    char what;
    char path[FILEASK_PATH + 1];
};

/* ---- what may be opened ---- */

static bool is_named(const struct opener *o, const char *path, bool as_pattern)
{
    for (const char *p = o->list; p < o->list + o->n; p += strlen(p) + 1) {
        if (strcmp(p, path) == 0)
            return true;
        if (!as_pattern && text_has_glob(p) &&
            fnmatch(p, path, FNM_PATHNAME | FNM_NOESCAPE | FNM_PERIOD) == 0)
            return true;
    }
    return false;
}

/* ---- a path, step by step ---- */

struct walk {
    int dir;             /* where it has come to */
    char rest[PATH_MAX]; /* what is left of the path */
    int links;
    struct fileask_answer *a;
};

static int refuse(struct walk *w, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(struct walk *w, int errnum, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    w->a->errnum = errnum;
    vsnprintf(w->a->why, sizeof(w->a->why), fmt, ap);
    va_end(ap);
    return -1;
}

static int fail(struct walk *w)
{
    w->a->errnum = errno;
    return -1;
}

/* Only root can put something into the folder, or, where all can but may not take away what is
 * another's, what is there is root's. */
static int check_step(struct walk *w, const char *name, const struct stat *st)
{
    struct stat dir;
    if (fstat(w->dir, &dir) < 0)
        return fail(w);
    bool others = (dir.st_mode & S_IWOTH) || ((dir.st_mode & S_IWGRP) && dir.st_gid != 0);
    bool sticky = (dir.st_mode & S_ISVTX) && st->st_uid == 0;
    if (dir.st_uid != 0 || (others && !sticky))
        return refuse(w, EACCES,
                      "supd-log opens it only if nobody but root can change the folders on the way "
                      "to it, which is not so where %.60s is",
                      name);
    return 0;
}

static int set_rest(struct walk *w, const char *first, const char *then)
{
    char all[PATH_MAX];
    int n = snprintf(all, sizeof(all), "%s%s%s", first, *then ? "/" : "", then);
    if (n < 0 || (size_t)n >= sizeof(all)) {
        errno = ENAMETOOLONG;
        return fail(w);
    }
    memcpy(w->rest, all, (size_t)n + 1);
    return 0;
}

static int to_root(struct walk *w)
{
    fd_close(&w->dir);
    w->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->dir < 0 ? fail(w) : 0;
}

static int follow(struct walk *w, int link, const char *then)
{
    char to[PATH_MAX];
    ssize_t n = readlinkat(link, "", to, sizeof(to) - 1);
    if (n < 0)
        return fail(w);
    to[n] = '\0';
    if (++w->links > LINKS) {
        errno = ELOOP;
        return fail(w);
    }
    if (to[0] == '/' && to_root(w) < 0)
        return -1;
    return set_rest(w, to, then);
}

/* The file under that name in the folder that was checked: the very one, and a regular one. */
static int open_last(struct walk *w, const char *name, const struct stat *was)
{
    struct stat st;
    int fd = openat(w->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return fail(w);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == was->st_ino &&
        st.st_dev == was->st_dev)
        return fd;
    fd_close(&fd);
    return refuse(w, EAGAIN, "it was replaced just now");
}

/* One name: the file (>= 0), -1 with the reason, or -2: go on. */
static int step(struct walk *w, const char *name, const char *then)
{
    struct stat st;
    int r = -2, fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        r = fail(w);
    else if (check_step(w, name, &st) < 0)
        r = -1;
    else if (S_ISLNK(st.st_mode))
        r = follow(w, fd, then) < 0 ? -1 : -2;
    else if (S_ISDIR(st.st_mode) && *then && set_rest(w, then, "") == 0) {
        fd_close(&w->dir);
        w->dir = fd;
        fd = -1;
    } else if (S_ISREG(st.st_mode) && !*then)
        r = open_last(w, name, &st);
    else
        r = refuse(w, EINVAL, "it is no regular file");
    fd_close(&fd);
    return r;
}

static int open_file(const char *path, struct fileask_answer *a)
{
    struct walk w = {.dir = -1, .a = a};
    int r = to_root(&w) < 0 || set_rest(&w, path, "") < 0 ? -1 : -2;
    while (r == -2) {
        char name[NAME_MAX + 1];
        const char *p = w.rest + strspn(w.rest, "/");
        size_t n = strcspn(p, "/");
        if (n == 0 || n > NAME_MAX) {
            r = refuse(&w, EINVAL, "it is no regular file");
            break;
        }
        memcpy(name, p, n);
        name[n] = '\0';
        p += n;
        r = step(&w, name, p + strspn(p, "/"));
    }
    fd_close(&w.dir);
    return r;
}

/* ---- patterns ---- */

static int match(const char *pattern, struct fileask_answer *a)
{
    glob_t found = {0};
    int r = glob(pattern, GLOB_NOESCAPE, NULL, &found);
    int fd = r == 0 ? fd_memory("supd-files", false) : -1;
    if (r != 0)
        a->errnum = r == GLOB_NOSPACE ? ENOMEM : ENOENT;
    else if (fd < 0)
        a->errnum = errno;
    for (size_t i = 0; fd >= 0 && i < found.gl_pathc && i < MATCHES; i++) {
        if (fd_write_all(fd, found.gl_pathv[i], strlen(found.gl_pathv[i]) + 1) == 0)
            continue;
        a->errnum = errno;
        fd_close(&fd);
    }
    globfree(&found);
    return fd;
}

/* ---- requests ---- */

static void drop(struct opener *o)
{
    if (__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    fd_close(&o->sock);
    free(o->list);
    free(o);
}

static void answer(const struct request *q)
{
    struct fileask_answer a = {0};
    int fd = -1;
    bool open = q->what == FILEASK_OPEN;
    if ((!open && q->what != FILEASK_MATCH) || !is_named(q->o, q->path, !open)) {
        a.errnum = EACCES;
        snprintf(a.why, sizeof(a.why), "the configuration does not name it");
    } else {
        fd = open ? open_file(q->path, &a) : match(q->path, &a);
    }
    (void)usock_send(q->reply, &a, sizeof(a), &fd, fd >= 0); /* who asked may be gone */
    fd_close(&fd);
}

static void *run(void *arg)
{
    struct request *q = arg;
    struct opener *o = q->o;
    answer(q);
    fd_close(&q->reply);
    free(q);
    __atomic_sub_fetch(&o->running, 1, __ATOMIC_ACQ_REL);
    drop(o);
    return NULL;
}

static int start_thread(void *(*main)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t id;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int rc = pthread_create(&id, &attr, main, arg);
    pthread_attr_destroy(&attr);
    errno = rc;
    return rc ? -1 : 0;
}

/* Not begun: who asks hears the end of its socket, and asks again later. */
static void begin(struct opener *o, const char *text, size_t n, int reply)
{
    struct request *q = n > 1 && n <= FILEASK_PATH ? calloc(1, sizeof(*q)) : NULL;
    bool room = q && __atomic_add_fetch(&o->running, 1, __ATOMIC_ACQ_REL) <= THREADS;
    if (q) {
        q->o = o;
        q->reply = reply;
        q->what = text[0];
        memcpy(q->path, text + 1, n - 1);
        __atomic_add_fetch(&o->refs, 1, __ATOMIC_ACQ_REL);
        if (room && start_thread(run, q) == 0)
            return;
        __atomic_sub_fetch(&o->running, 1, __ATOMIC_ACQ_REL);
        free(q);
        drop(o);
    }
    fd_close(&reply);
}

static void *serve(void *arg)
{
    struct opener *o = arg;
    char text[1 + FILEASK_PATH];
    for (;;) {
        int reply = -1;
        size_t nfds;
        ssize_t n = usock_recv(o->sock, text, sizeof(text), &reply, 1, &nfds);
        if (n == 0 || (n < 0 && errno != EMSGSIZE && errno != EMFILE && errno != ENFILE))
            break;
        if (n > 0 && nfds)
            begin(o, text, (size_t)n, reply);
    }
    drop(o);
    return NULL;
}

/* ---- life ---- */

static struct opener *opener_new(int sock, int list)
{
    struct stat st;
    struct opener *o = calloc(1, sizeof(*o));
    if (!o)
        return NULL;
    o->sock = sock;
    o->refs = 1;
    if (fstat(list, &st) == 0 && (o->list = malloc((size_t)st.st_size + 1)) &&
        pread(list, o->list, (size_t)st.st_size, 0) == (ssize_t)st.st_size) {
        o->n = (size_t)st.st_size;
        o->list[o->n] = '\0';
        return o;
    }
    free(o->list);
    free(o);
    return NULL;
}

int opener_start(int sock, int list)
{
    struct opener *o = opener_new(sock, list);
    fd_close(&list);
    if (!o) {
        fd_close(&sock);
        return -1;
    }
    if (start_thread(serve, o) == 0)
        return 0;
    drop(o);
    return -1;
}
