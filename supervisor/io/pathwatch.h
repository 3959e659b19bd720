/* Notices that a path of ours was removed or moved, without looking at it: one inotify watch on the
 * file itself, so that a busy folder causes no wake-ups. */
#ifndef IO_PATHWATCH_H
#define IO_PATHWATCH_H

#include "supervisor/io/loop.h"

struct pathwatch {
    int fd, wd;
    struct loop_io io;
    loop_fn *fn;
    void *obj;
};

/* Sets the watch up; nothing is watched yet. fn(obj) is called when the file of the last
 * pathwatch_set lost a name, was moved or changed its mode; the caller then looks for itself. */
void pathwatch_init(struct pathwatch *w, struct loop *l, loop_fn *fn, void *obj);
/* Watches the file that path names now, in place of the one before. 0, or -1 with errno where the
 * kernel denies inotify: then the caller has to look at other occasions. */
int pathwatch_set(struct pathwatch *w, const char *path);
void pathwatch_fini(struct pathwatch *w);

#endif
