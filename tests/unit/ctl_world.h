/* A control server with the test's own verbs, and clients of it. */
#ifndef UNIT_CTL_WORLD_H
#define UNIT_CTL_WORLD_H

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEPT_MAX 200

struct world {
    struct loop *loop;
    struct loop_timer stop;
    struct ctl *ctl;
    struct ctl_req *kept[KEPT_MAX]; /* of "defer", in order of arrival */
    size_t nkept, ncancelled, nclosed;
    int handed;
    char dir[64], path[96];
    struct str in; /* read from the client end by ask() */
};

/* ---- verbs of the test ---- */

static inline void verb_ping(void *obj, struct ctl_req *rq)
{
    (void)obj;
    struct wire_out w = ctl_ok_begin(rq);
    wire_kv_int(&w, "n", (int64_t)rq->argc);
    ctl_done(rq, &w);
}

static inline void verb_echo(void *obj, struct ctl_req *rq)
{
    (void)obj;
    for (size_t i = 0; i < rq->argc; i++) {
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "arg", rq->argv[i]);
        wire_end(&w);
    }
    ctl_ok(rq);
}

static inline void on_cancel(struct ctl_req *rq)
{
    struct world *w = rq->data;
    w->ncancelled++;
    for (size_t i = 0; i < w->nkept; i++)
        if (w->kept[i] == rq)
            w->kept[i] = NULL;
}

static inline void verb_defer(void *obj, struct ctl_req *rq)
{
    struct world *w = obj;
    assert_true(w->nkept < KEPT_MAX);
    rq->data = w;
    rq->cancel = on_cancel;
    w->kept[w->nkept++] = rq;
}

static inline void verb_sub(void *obj, struct ctl_req *rq)
{
    (void)obj;
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", "snapshot");
    wire_end(&w);
    ctl_subscribe(rq, rq->argc > 0);
}

static inline void verb_big(void *obj, struct ctl_req *rq)
{
    (void)obj;
    size_t n = strtoul(rq->argv[0], NULL, 10);
    char *p = malloc(n + 1);
    if (!p) {
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    memset(p, 'x', n);
    ctl_bytes(rq, p, n);
    free(p);
    ctl_ok(rq);
}

static inline void verb_hand(void *obj, struct ctl_req *rq)
{
    struct world *w = obj;
    const char *pending;
    uint32_t n;
    w->handed = ctl_handover(rq, &pending, &n);
    if (w->handed < 0)
        ctl_error(rq, WIRE_BUSY, "this needs a connection of its own");
    else
        ctl_handed(rq);
}

static const struct ctl_verb verbs[] = {
    {"ping", verb_ping, CTL_ANYONE, 0, CTL_ANY_ARGS, "[ARG...]", ""},
    {"echo", verb_echo, CTL_READ, 1, CTL_ANY_ARGS, "ARG...", ""},
    {"defer", verb_defer, CTL_ANYONE, 0, 0, "", ""},
    {"sub", verb_sub, CTL_ANYONE, 0, 0, "", ""},
    {"big", verb_big, CTL_ANYONE, 1, 1, "BYTES", ""},
    {"hand", verb_hand, CTL_ANYONE, 0, 0, "", ""},
    {"admin", verb_ping, CTL_ADMIN, 0, 0, "", ""},
};

/* ---- the world ---- */

static inline void stop(struct world *w)
{
    loop_stop(w->loop);
}

/* lets the loop turn for so many milliseconds */
static inline void turn(struct world *w, int ms)
{
    loop_refresh(w->loop);
    loop_timer_at(&w->stop, mono_add(loop_now(w->loop), DUR_MS(ms)));
    loop_run(w->loop);
}

static inline void open_world(struct world *w, struct ctl_limits limits)
{
    struct err e;
    memset(w, 0, sizeof(*w));
    w->handed = -1;
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    LOOP_TIMER(&w->stop, w->loop, stop, w);
    struct ctl_config config = {.loop = w->loop,
                                .verbs = verbs,
                                .nverbs = sizeof(verbs) / sizeof(verbs[0]),
                                .obj = w,
                                .version = "9.9",
                                .limits = limits};
    w->ctl = ctl_new(&config, &e);
    assert_non_null(w->ctl);
    snprintf(w->dir, sizeof(w->dir), "/tmp/ctl-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof(w->path), "%s/sock", w->dir);
}

static inline void close_world(struct world *w)
{
    ctl_free(&w->ctl);
    assert_null(w->ctl);
    assert_int_equal(access(w->path, F_OK), -1); /* the socket file went with it */
    loop_timer_stop(&w->stop);
    loop_free(&w->loop);
    rmdir(w->dir);
    str_fini(&w->in);
    fd_close(&w->handed);
}

static inline void on_closed(void *obj)
{
    ((struct world *)obj)->nclosed++;
}

/* a client on a socketpair; the greeting is read away */
static inline int join(struct world *w, enum ctl_role role)
{
    int sv[2];
    char buf[128];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
    assert_non_null(ctl_adopt(w->ctl, sv[0], role, on_closed, w));
    turn(w, 1);
    ssize_t n = read(sv[1], buf, sizeof(buf) - 1);
    assert_true(n > 0);
    buf[n] = '\0';
    char want[64];
    snprintf(want, sizeof(want), "supd 1 version=9.9 pid=%d\n", getpid());
    assert_string_equal(buf, want);
    return sv[1];
}

/* takes the time out of events: it is never the same */
static inline void drop_times(struct str *s)
{
    char *from, *to;
    while ((from = strstr(str_text(s), "\ttime_ms="))) {
        to = from + 1 + strcspn(from + 1, "\t\n");
        assert_true(to - from > 20);
        memmove(from, to, strlen(to) + 1);
        s->len -= (size_t)(to - from);
    }
}

/* what has come so far; "" for nothing, "<closed>" appended at the end of the connection */
static inline const char *hear(struct world *w, int fd)
{
    char buf[65536];
    ssize_t n;
    str_clear(&w->in);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        str_put(&w->in, buf, (size_t)n);
    if (n == 0 || errno == ECONNRESET)
        str_puts(&w->in, "<closed>");
    drop_times(&w->in);
    return str_text(&w->in);
}

static inline void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static inline const char *ask(struct world *w, int fd, const char *text)
{
    say(fd, text);
    turn(w, 2);
    return hear(w, fd);
}

static inline int dial(struct world *w)
{
    struct err e;
    int fd = usock_connect(w->path, &e);
    assert_true(fd >= 0);
    assert_int_equal(fd_nonblock(fd, true), 0);
    return fd;
}

static inline void publish(struct world *w, const char *name)
{
    struct wire_out *out = ctl_event(w->ctl, "test");
    if (!out)
        return;
    wire_kv(out, "name", name);
    ctl_event_end(w->ctl);
}

static inline int quiet(void **state)
{
    (void)state;
    log_setup(2, LVL_CRITICAL, false);
    return 0;
}

#endif
