/* The pid file. */
#include "supervisor/run/pidfile.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT DUR_S(10)

static int write_child(struct sup *s)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", s->pid);
    int fd = open(s->pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fd_write_all(fd, text, (size_t)n) < 0 || close(fd) < 0)
        return errno;
    return 0;
}

/* another instance may have written its own since */
static bool is_ours(const struct sup *s)
{
    char text[16] = "", own[16];
    int fd = open(s->pidfile, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    fd_close(&fd);
    snprintf(own, sizeof(own), "%d\n", s->pid);
    return n > 0 && strcmp(text, own) == 0;
}

static int remove_child(struct sup *s)
{
    upstream_remove_file(s); /* long gone, unless its disk was slow */
    return s->pidfile && is_ours(s) && unlink(s->pidfile) < 0 ? errno : 0;
}

static void write_done(struct sup *s, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    log_crit("could not write pidfile %s: %s", s->pidfile,
             WIFEXITED(status) ? strerror(WEXITSTATUS(status)) : "it took too long");
}

static bool start(struct sup *s, int (*child)(struct sup *), void (*done)(struct sup *, int))
{
    struct err e;
    if (helper_run(s, (helper_child_fn *)child, (helper_done_fn *)done, s, LIMIT, &e) >= 0)
        return true;
    log_warn("pid file %s: %s", s->pidfile ? s->pidfile : "and ready file", e.msg);
    return false;
}

void pidfile_write(struct sup *s)
{
    const char *path = gen_str(s->gen->gen, s->gen->gen->supd.pidfile);
    if (!path)
        return;
    state_note_text(s->state, STATE_PIDFILE, path);
    s->pidfile = strdup(path); /* a reload may say another one, which counts at the next start */
    if (s->pidfile)
        start(s, write_child, write_done);
    else
        log_warn("pid file %s: out of memory", path);
}

bool pidfile_remove(struct sup *s, void (*done)(struct sup *s, int status))
{
    return (s->pidfile || upstream_has_file(s)) && start(s, remove_child, done);
}
