/* The control server fed any bytes, in any pieces, while events happen and requests are answered
 * late: it never crashes, and afterwards it still answers. */
#include "supervisor/base/log.h"
#include "supervisor/run/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct loop *loop;
    struct ctl *ctl;
    struct ctl_req *kept[KEPT_MAX];
    unsigned nkept, turns;
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void verb_ping(void *obj, struct ctl_req *rq)
{
    (void)obj;
    ctl_ok(rq);
}

static void verb_echo(void *obj, struct ctl_req *rq)
{
    (void)obj;
    for (size_t i = 0; i < rq->argc; i++) {
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "arg", rq->argv[i]);
        wire_end(&w);
    }
    must(rq->argv[rq->argc] == NULL);
    ctl_error(rq, WIRE_FAILED, "%s", rq->argv[0]);
}

static void on_cancel(struct ctl_req *rq)
{
    struct world *w = rq->data;
    for (unsigned i = 0; i < KEPT_MAX; i++)
        if (w->kept[i] == rq)
            w->kept[i] = NULL;
}

static void verb_defer(void *obj, struct ctl_req *rq)
{
    struct world *w = obj;
    for (unsigned i = 0; i < KEPT_MAX; i++)
        if (!w->kept[i]) {
            w->kept[i] = rq;
            rq->data = w;
            rq->cancel = on_cancel;
            return;
        }
    ctl_error(rq, WIRE_BUSY, "too many");
}

static void verb_subscribe(void *obj, struct ctl_req *rq)
{
    (void)obj;
    ctl_subscribe(rq, rq->argc > 0);
}

static void verb_tail(void *obj, struct ctl_req *rq)
{
    (void)obj;
    const char *pending;
    uint32_t n;
    int fd = ctl_handover(rq, &pending, &n);
    if (fd < 0) {
        ctl_error(rq, WIRE_BUSY, "not now");
        return;
    }
    close(fd);
    ctl_handed(rq);
}

static const struct ctl_verb verbs[] = {
    {"ping", verb_ping, CTL_ANYONE, 0, 2, "", ""},
    {"echo", verb_echo, CTL_ANYONE, 1, CTL_ANY_ARGS, "ARG...", ""},
    {"defer", verb_defer, CTL_ANYONE, 0, 0, "", ""},
    {"subscribe", verb_subscribe, CTL_ANYONE, 0, 0, "", ""},
    {"tail", verb_tail, CTL_ANYONE, 0, 0, "", ""},
    {"stop", verb_ping, CTL_ADMIN, 0, 0, "", ""},
};

/* each turn: an event, and one late answer */
static void on_turn(void *obj)
{
    struct world *w = obj;
    struct wire_out *out = ctl_event(w->ctl, "turn");
    if (out) {
        wire_kv_int(out, "n", w->turns);
        ctl_event_end(w->ctl);
    }
    struct ctl_req *rq = w->kept[w->turns % KEPT_MAX];
    w->kept[w->turns % KEPT_MAX] = NULL;
    if (rq)
        ctl_ok(rq);
    if (++w->turns % 4 == 0)
        loop_stop(w->loop);
    else
        loop_again(w->loop);
}

static int join(struct world *w)
{
    int sv[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == 0);
    must(ctl_adopt(w->ctl, sv[0], CTL_READER, NULL, NULL) != NULL);
    return sv[1];
}

static void hear(int fd, char *buf, size_t size)
{
    ssize_t n, at = 0;
    while ((n = read(fd, buf + at, size - 1 - (size_t)at)) > 0)
        at = (size_t)(at + n) < size - 1 ? at + n : 0;
    buf[at] = '\0';
}

static void feed(struct world *w, int fd, const uint8_t *data, size_t size)
{
    static char heard[1 << 16];
    size_t piece = 1u + (size ? data[0] : 0u) * 16u;
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        if (send(fd, data + at, n, MSG_NOSIGNAL) < 0)
            return;
        loop_run(w->loop);
        if (data[0] & 1) /* or never reads */
            hear(fd, heard, sizeof(heard));
    }
}

/* whatever happened, another client is served */
static void still_answers(struct world *w)
{
    char heard[4096];
    int fd = join(w);
    must(send(fd, "x ping\n", 7, MSG_NOSIGNAL) == 7);
    loop_run(w->loop);
    hear(fd, heard, sizeof(heard));
    must(strstr(heard, "\nx ok\n") != NULL);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {0};
    struct err e;
    if (size > 1 << 18)
        return 0;
    log_setup(2, LVL_CRITICAL, false);
    w.loop = loop_new(&e);
    struct ctl_config config = {.loop = w.loop,
                                .verbs = verbs,
                                .nverbs = sizeof(verbs) / sizeof(verbs[0]),
                                .obj = &w,
                                .version = "0",
                                .limits = {.out_max = 1 << 16, .out_high = 1 << 14, .inflight = 8}};
    w.ctl = ctl_new(&config, &e);
    must(w.ctl != NULL);
    loop_on_turn(w.loop, on_turn, &w);
    int fd = join(&w);
    feed(&w, fd, data, size);
    still_answers(&w);
    if (size && data[0] & 2)
        close(fd);
    loop_run(w.loop);
    ctl_free(&w.ctl);
    loop_free(&w.loop);
    if (!(size && data[0] & 2))
        close(fd);
    return 0;
}
