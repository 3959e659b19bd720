/* The pid file. */
#include "supervisor/run/pidfile.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path_of(const struct sup *s)
{
    return s->gen ? gen_str(s->gen->gen, s->gen->gen->supd.pidfile) : NULL;
}

static int write_child(struct sup *s)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", s->pid);
    int fd = open(path_of(s), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fd_write_all(fd, text, (size_t)n) < 0 || close(fd) < 0)
        return errno;
    return 0;
}

static int remove_child(struct sup *s)
{
    return unlink(path_of(s)) < 0 ? errno : 0;
}

static void write_done(struct sup *s, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    log_warn("cannot write the pid file %s: %s", path_of(s),
             WIFEXITED(status) ? strerror(WEXITSTATUS(status)) : "it took too long");
}

static bool start(struct sup *s, int (*child)(struct sup *), void (*done)(struct sup *, int))
{
    struct err e;
    if (!path_of(s))
        return false;
    if (helper_run(s, (helper_child_fn *)child, (helper_done_fn *)done, s, DUR_S(10), &e) > 0)
        return true;
    log_warn("pid file %s: %s", path_of(s), e.msg);
    return false;
}

void pidfile_write(struct sup *s)
{
    start(s, write_child, write_done);
}

bool pidfile_remove(struct sup *s, pidfile_done_fn *done)
{
    return start(s, remove_child, done);
}
