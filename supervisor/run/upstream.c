/* READY=1 and its kin to our own service manager, and the ready file. */
#include "supervisor/run/upstream.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/io/sdnotify.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/order.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX 512
#define AGAIN DUR_MS(100) /* after a send for which there was no room */
#define AGAIN_MAX 100u
#define FILE_LIMIT DUR_S(10)

struct upstream {
    struct sup *sup;
    const char *socket; /* in our environment; NULL: none */
    const char *file;   /* in the state; NULL: none */
    struct loop_defer look;
    struct loop_timer again;
    unsigned tries;
    bool reloading;
    bool blamed;               /* said that a program is FATAL */
    bool file_wanted;          /* the ready file is to be there */
    bool file_busy, file_does; /* a helper is at it, and does this */
    char message[MESSAGE_MAX];
};

/* ---- the socket ---- */

static void send_it(struct upstream *u)
{
    int errnum = sdnotify_send(u->socket, u->message);
    bool later = errnum == EAGAIN || errnum == ENOBUFS || errnum == ENOMEM;
    if (later && u->tries++ < AGAIN_MAX)
        loop_timer_at(&u->again, mono_add(mono_now(), AGAIN));
    else if (errnum)
        log_warn("cannot tell the service manager at NOTIFY_SOCKET=%s: %s", u->socket,
                 strerror(errnum));
}

/* Takes the place of one that could not be sent yet: what holds now is what counts. */
__attribute__((format(printf, 2, 3))) static void say(struct upstream *u, const char *fmt, ...)
{
    va_list ap;
    if (!u->socket)
        return;
    va_start(ap, fmt);
    vsnprintf(u->message, sizeof(u->message), fmt, ap);
    va_end(ap);
    u->tries = 0;
    loop_timer_stop(&u->again);
    send_it(u);
}

static void say_ready(struct upstream *u, const char *status)
{
    say(u, "READY=1\nMAINPID=%d\nSTATUS=%s", u->sup->pid, status);
}

/* ---- the file ---- */

static int write_file(const struct sup *s)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%d\n", s->pid);
    int fd = open(s->upstream->file,
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0 || fd_write_all(fd, text, (size_t)n) < 0 || close(fd) < 0)
        return errno;
    return 0;
}

static bool is_ours(const struct sup *s)
{
    char text[16] = "", own[16];
    int fd = open(s->upstream->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    fd_close(&fd);
    snprintf(own, sizeof(own), "%d\n", s->pid);
    return n > 0 && strcmp(text, own) == 0;
}

static int file_child(struct sup *s)
{
    if (s->upstream->file_does)
        return write_file(s);
    return unlink(s->upstream->file) < 0 && errno != ENOENT ? errno : 0;
}

static void file_work(struct upstream *u);

static void file_done(struct sup *s, int status)
{
    struct upstream *u = s->upstream;
    u->file_busy = false;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        log_warn("cannot %s the ready file %s: %s", u->file_does ? "write" : "remove", u->file,
                 WIFEXITED(status) ? strerror(WEXITSTATUS(status)) : "it took too long");
    if (u->file_does != u->file_wanted)
        file_work(u);
}

static void file_work(struct upstream *u)
{
    struct err e;
    if (!u->file || u->file_busy)
        return;
    u->file_does = u->file_wanted;
    u->file_busy = helper_run(u->sup, (helper_child_fn *)file_child, (helper_done_fn *)file_done,
                              u->sup, FILE_LIMIT, &e) >= 0;
    if (!u->file_busy)
        log_warn("ready file %s: %s", u->file, e.msg);
}

static void want_file(struct upstream *u, bool wanted)
{
    u->file_wanted = wanted;
    file_work(u);
}

bool upstream_has_file(const struct sup *s)
{
    return s->upstream && s->upstream->file;
}

void upstream_remove_file(const struct sup *s)
{
    if (upstream_has_file(s) && is_ours(s))
        unlink(s->upstream->file);
}

/* ---- ready ---- */

/* Its end was wanted, or was a success that stays. */
static bool is_done(const struct proc_life *l)
{
    if (l->state == PROC_EXITED)
        return l->expected && !proc_next(l).ns && !l->restart;
    return l->state == PROC_STOPPED && l->why != PROC_WHY_NONE && !l->want && !l->sweep;
}

static struct proc *first_down(struct sup *s)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p)) {
        const struct proc_life *l = proc_life(p);
        if (proc_opts(p)->autostart && l->state != PROC_RUNNING && !is_done(l))
            return p;
    }
    return NULL;
}

/* It will not become ready by itself. */
static void blame(struct upstream *u, const struct proc *p)
{
    char name[PROC_NAME_MAX];
    bool fatal = proc_life(p)->state == PROC_FATAL;
    if (u->blamed || (!fatal && !order_is_stuck(p)))
        return;
    struct str waits = STR_INIT;
    order_waits_for(p, &waits);
    u->blamed = true;
    say(u, "STATUS=not ready: %s %s%s", proc_fullname(p, name, sizeof(name)),
        fatal ? "is FATAL" : "waits for ", fatal ? "" : str_text(&waits));
    str_fini(&waits);
}

static void look(struct upstream *u)
{
    struct sup *s = u->sup;
    struct state_kept *k = state_kept(s->state);
    if (s->mood != SUP_RUNNING || k->ready != SUPREADY_NOT_YET)
        return;
    const struct proc *down = first_down(s);
    if (down) {
        blame(u, down);
        return;
    }
    k->ready = SUPREADY_SAID;
    log_info("ready: all programs with autostart are up");
    say_ready(u, "all programs are up");
    want_file(u, true);
}

void upstream_look_later(struct sup *s)
{
    if (s->upstream && s->mood == SUP_RUNNING && !state_kept(s->state)->ready)
        loop_defer(s->loop, &s->upstream->look);
}

/* ---- the life of supd ---- */

static bool make(struct sup *s, const char *file)
{
    const char *socket = getenv("NOTIFY_SOCKET");
    socket = socket && *socket ? socket : NULL;
    struct upstream *u = socket || file ? calloc(1, sizeof(*u)) : NULL;
    if (!u) {
        if (socket || file)
            log_warn("no memory to say when all is up");
        return false;
    }
    *u = (struct upstream){.sup = s, .socket = socket, .file = file};
    LOOP_DEFER(&u->look, look, u);
    LOOP_TIMER(&u->again, s->loop, send_it, u);
    s->upstream = u;
    return true;
}

void upstream_begin(struct sup *s)
{
    const char *file = gen_str(s->gen->gen, s->gen->gen->supd.ready_file);
    if (file && state_note_text(s->state, STATE_READY_FILE, file) < 0)
        log_warn("ready file %s: there is no room in the state for its name", file);
    if (!make(s, state_text(s->state, STATE_READY_FILE)))
        return;
    say(s->upstream, "MAINPID=%d\nSTATUS=starting the programs", s->pid);
    want_file(s->upstream, false);
}

void upstream_go_on(struct sup *s)
{
    if (!make(s, state_text(s->state, STATE_READY_FILE)))
        return;
    if (s->mood == SUP_RUNNING && state_kept(s->state)->ready == SUPREADY_SAID) {
        say_ready(s->upstream, "another supd goes on in the place of the one before");
        want_file(s->upstream, true);
    }
    upstream_look_later(s);
}

void upstream_fini(struct sup *s)
{
    if (!s->upstream)
        return;
    loop_timer_stop(&s->upstream->again);
    loop_defer_cancel(s->loop, &s->upstream->look);
    free(s->upstream);
    s->upstream = NULL;
}

/* Before it was ready there is nothing to take back. */
void upstream_reload_begin(struct sup *s)
{
    struct upstream *u = s->upstream;
    if (!u || s->mood != SUP_RUNNING || !state_kept(s->state)->ready)
        return;
    u->reloading = true;
    say(u, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading the configuration",
        mono_now().ns / 1000);
}

void upstream_reload_end(struct sup *s, bool good)
{
    struct upstream *u = s->upstream;
    if (!u || !u->reloading || s->mood != SUP_RUNNING)
        return;
    u->reloading = false;
    say_ready(u, good ? "the configuration was reloaded"
                      : "the configuration was not reloaded: see the log");
}

void upstream_stopping(struct sup *s, const char *why)
{
    if (!s->upstream)
        return;
    say(s->upstream, "STOPPING=1\nSTATUS=%s", why);
    want_file(s->upstream, false);
}
