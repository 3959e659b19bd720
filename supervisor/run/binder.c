/* A helper process that makes listening sockets and sends them back. */
#include "supervisor/run/binder.h"
#include "supervisor/base/fd.h"
#include "supervisor/io/usock.h"
#include "supervisor/run/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LIMIT DUR_S(10)

struct binding {
    const struct listener *want; /* for the child */
    binder_done_fn *done;
    void *obj;
    int ours, its;
    size_t n;
    struct listener_got got[];
};

/* One message each, in their order. */
static int binder_child(struct binding *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct listener_got g;
        listener_open(&b->want[i], &g);
        if (usock_send(b->its, &g, sizeof(g), &g.fd, g.fd >= 0) < 0)
            return 1;
    }
    return 0;
}

static bool take_one(const struct binding *b, struct listener_got *g)
{
    int fd = -1;
    size_t nfds = 0;
    bool whole = usock_recv(b->ours, g, sizeof(*g), &fd, 1, &nfds) == (ssize_t)sizeof(*g);
    g->fd = fd;
    return whole && (g->end == LISTENER_OPEN) == (fd >= 0);
}

static void binder_done(struct binding *b, int status)
{
    for (size_t i = 0; i < b->n; i++) {
        struct listener_got *g = &b->got[i];
        if (take_one(b, g))
            continue;
        fd_close(&g->fd);
        *g = (struct listener_got){.end = LISTENER_FAILED, .fd = -1};
        err_errno(&g->e, status == HELPER_LATE ? ETIMEDOUT : EPIPE, "no socket was made");
    }
    b->done(b->obj, b->got, b->n);
    fd_close(&b->ours);
    free(b);
}

struct binding *binder_open(struct sup *s, const struct listener *v, size_t n, binder_done_fn *done,
                            void *obj, struct err *e)
{
    int ends[2];
    if (n > BINDER_MAX) {
        err_set(e, "more than %u listening sockets at once", BINDER_MAX);
        return NULL;
    }
    struct binding *b = calloc(1, sizeof(*b) + n * sizeof(b->got[0]));
    if (!b || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        err_errno(e, b ? errno : ENOMEM, "cannot make listening sockets");
        free(b);
        return NULL;
    }
    *b = (struct binding){
        .want = v, .done = done, .obj = obj, .ours = ends[0], .its = ends[1], .n = n};
    int pid =
        helper_run(s, (helper_child_fn *)binder_child, (helper_done_fn *)binder_done, b, LIMIT, e);
    fd_close(&b->its);
    if (pid >= 0)
        return b;
    fd_close(&b->ours);
    free(b);
    return NULL;
}

void binder_forget(struct sup *s, struct binding **bp)
{
    struct binding *b = *bp;
    *bp = NULL;
    if (!b)
        return;
    helper_forget(s, b);
    fd_close(&b->ours);
    free(b);
}
