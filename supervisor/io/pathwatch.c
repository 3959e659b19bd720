/* Notices that a path of ours was removed or moved. */
#include "supervisor/io/pathwatch.h"
#include "supervisor/base/fd.h"

#include <sys/inotify.h>
#include <unistd.h>

static void on_readable(struct pathwatch *w)
{
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(w->fd, buf, sizeof(buf));
    if (n > 0)
        w->fn(w->obj);
}

void pathwatch_init(struct pathwatch *w, struct loop *l, loop_fn *fn, void *obj)
{
    *w = (struct pathwatch){.fd = -1, .wd = -1, .fn = fn, .obj = obj};
    LOOP_IO(&w->io, l, on_readable, w);
}

int pathwatch_set(struct pathwatch *w, const char *path)
{
    if (w->fd < 0) {
        w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->fd < 0)
            return -1;
        loop_io_set(&w->io, w->fd, LOOP_READ);
    }
    int old = w->wd;
    w->wd = inotify_add_watch(w->fd, path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
    if (old >= 0 && old != w->wd)
        inotify_rm_watch(w->fd, old);
    return w->wd < 0 ? -1 : 0;
}

void pathwatch_fini(struct pathwatch *w)
{
    if (w->fd >= 0)
        loop_io_close(&w->io, &w->fd);
    w->wd = -1;
}
