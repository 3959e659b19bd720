/* ready=pidfile:PATH: the file holds the number of a process of the program. A file that another
 * run left does not count. It is looked at by a forked helper, since its disk may hang. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/ready_sources.h"
#include "supervisor/run/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* It is looked for after 20 ms, 40 ms, ... 1 s. */
#define WAIT_FIRST DUR_MS(20)
#define WAIT_MAX DUR_S(1)
#define LOOK_LIMIT DUR_S(5)

/* what a helper found: its exit status */
enum { FOUND, NO_FILE, NO_NUMBER, NOT_ITS_OWN, UNREADABLE, NOUTCOMES };

struct own {
    struct readiness *r;
    struct loop_timer timer;
    dur_t wait;
};

static const char *path_of(const struct readiness *r)
{
    return gen_str(r->proc->gen->gen, r->conf->ready_arg);
}

/* ---- in the helper ---- */

static int number_in(const char *path, int *out_pid)
{
    char text[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? NO_FILE : UNREADABLE;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    char *end;
    long pid = strtol(text, &end, 10);
    *out_pid = (int)pid;
    return pid < 1 || pid > INT32_MAX || end[strspn(end, " \t\r\n")] ? NO_NUMBER : FOUND;
}

static int look_at_it(void *obj)
{
    const struct own *o = obj;
    int pid, found = number_in(path_of(o->r), &pid);
    return found == FOUND && !sender_may_be_main(o->r->proc, pid) ? NOT_ITS_OWN : found;
}

/* ---- in supd ---- */

static void say(struct own *o, int found)
{
    static const char *const texts[NOUTCOMES] = {
        [NO_FILE] = "is not there yet",
        [NO_NUMBER] = "holds no number",
        [NOT_ITS_OWN] = "names no process of it",
        [UNREADABLE] = "cannot be read",
    };
    char text[300];
    const char *why = found > FOUND && found < NOUTCOMES ? texts[found] : "takes too long to read";
    snprintf(text, sizeof(text), "%s %s", path_of(o->r), why);
    if (!o->r->text || strcmp(o->r->text, text) != 0)
        readiness_say(o->r, text);
}

static void again(struct own *o)
{
    o->wait = dur_doubled(o->wait, WAIT_FIRST, WAIT_MAX);
    loop_timer_at(&o->timer, mono_add(mono_now(), o->wait));
}

static void looked(struct own *o, int status)
{
    if (status == 0) {
        readiness_say(o->r, NULL);
        readiness_up(o->r); /* last: it may free this */
        return;
    }
    say(o, status > 0 && (status & 0xff) == 0 ? status >> 8 : NOUTCOMES);
    again(o);
}

static void look(struct own *o)
{
    struct err e;
    if (helper_run(proc_sup(o->r->proc), look_at_it, (helper_done_fn *)looked, o, LOOK_LIMIT, &e) <
        0)
        again(o);
}

static void start(struct readiness *r, int pid, bool resumed)
{
    (void)pid;
    (void)resumed;
    struct own *o = r->own;
    if (o || proc_life(r->proc)->state != PROC_STARTING)
        return;
    o = r->own = calloc(1, sizeof(*o));
    if (!o) {
        readiness_failed(r, "out of memory");
        return;
    }
    o->r = r;
    LOOP_TIMER(&o->timer, proc_sup(r->proc)->loop, look, o);
    again(o);
}

static void stop(struct readiness *r)
{
    struct own *o = r->own;
    if (!o)
        return;
    loop_timer_stop(&o->timer);
    helper_forget(proc_sup(r->proc), o);
    r->own = NULL;
    free(o);
}

const struct ready_source ready_pidfile = {.kind = READY_PIDFILE, .start = start, .stop = stop};
