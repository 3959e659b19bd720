/* ready=fd:N, as s6 has it: the program writes a newline to a descriptor that it was started with,
 * and may close it then. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/notes.h"
#include "supervisor/run/ready_sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 16 /* reads in a turn */

struct own {
    struct readiness *r;
    struct loop_io io;
    int theirs; /* the end for the program, until it has it; -1 */
};

/* Our end, in the notes: the next supd has it, too. */
static int32_t *ours(const struct readiness *r)
{
    struct note *note = notes_at(proc_sup(r->proc), r->proc->slot, true);
    return note ? &note->pipe : NULL;
}

static void close_ours(struct own *o)
{
    int32_t *at = ours(o->r);
    int fd = at && *at > 0 ? *at : -1;
    if (fd < 0)
        return;
    *at = 0; /* first: nobody may take over what is closed */
    loop_io_close(&o->io, &fd);
}

static void ended(struct own *o)
{
    char text[80];
    snprintf(text, sizeof(text), "it closed descriptor %d without a newline",
             o->r->conf->ready_number);
    close_ours(o);
    log_warn("%s will not become ready: %s", proc_name(o->r->proc), text);
    readiness_say(o->r, text);
}

/* Last of all what may have this freed. */
static void on_readable(struct own *o)
{
    char buf[512];
    ssize_t n = 1;
    for (int i = 0; i < BATCH && n > 0; i++) {
        n = read(*ours(o->r), buf, sizeof(buf));
        if (n > 0 && memchr(buf, '\n', (size_t)n)) {
            close_ours(o);
            readiness_up(o->r);
            return;
        }
    }
    if (n == 0)
        ended(o);
}

static struct own *make(struct readiness *r)
{
    struct own *o = r->own ? r->own : calloc(1, sizeof(*o));
    if (!o || r->own)
        return o;
    o->r = r;
    o->theirs = -1;
    LOOP_IO(&o->io, proc_sup(r->proc)->loop, on_readable, o);
    r->own = o;
    return o;
}

static int prepare(struct readiness *r, struct spawn_request *rq)
{
    int ends[2];
    struct own *o = make(r);
    int32_t *at = o ? ours(r) : NULL;
    if (!at)
        return ENOMEM;
    if (o->theirs < 0) {
        close_ours(o);
        if (pipe2(ends, O_CLOEXEC) < 0)
            return errno;
        fd_nonblock(ends[0], true);
        *at = ends[0];
        o->theirs = ends[1];
    }
    rq->more_fd = o->theirs;
    rq->more_as = r->conf->ready_number;
    return 0;
}

static void start(struct readiness *r, int pid, bool resumed)
{
    (void)pid;
    struct own *o = make(r);
    int32_t *at = o ? ours(r) : NULL;
    if (!at)
        return;
    fd_close(&o->theirs);
    bool starting = proc_life(r->proc)->state == PROC_STARTING;
    if (*at > 0 && starting)
        loop_io_set(&o->io, *at, LOOP_READ);
    else if (resumed && starting)
        readiness_say(r, "its descriptor is gone");
}

static void ended_now(struct readiness *r)
{
    struct own *o = make(r);
    if (o && ours(r) && *ours(r) > 0 && proc_life(r->proc)->state == PROC_STARTING)
        on_readable(o);
}

static void stop(struct readiness *r)
{
    struct own *o = r->own;
    if (!o)
        return;
    close_ours(o);
    fd_close(&o->theirs);
    r->own = NULL;
    free(o);
}

const struct ready_source ready_fd = {
    .kind = READY_FD, .prepare = prepare, .start = start, .ended = ended_now, .stop = stop};
