/* A forked copy of supd binds, and sends what came of it over a socket pair. */
#include "supervisor/run/binding.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/fd.h"
#include "supervisor/io/usock.h"
#include "supervisor/run/helper.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What takes longer hangs: a disk, or the lookup of a host. */
#define LIMIT DUR_S(30)

struct answer {
    int32_t errnum;
    char text[ERR_MAX];
};

/* ---- the child ---- */

static int bind_all(struct binding *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct err e = {0};
        struct answer a;
        int fd = bind_listen(&b->v[i], &e);
        a.errnum = e.errnum;
        memcpy(a.text, e.msg, sizeof(a.text));
        size_t size = offsetof(struct answer, text) + strlen(a.text) + 1;
        if (usock_send(b->pair[1], &a, size, &fd, fd >= 0) < 0)
            return 1;
        fd_close(&fd);
    }
    return 0;
}

/* ---- its answers ---- */

static void lost(struct err *e, int status)
{
    char limit[DUR_TEXT];
    if (status == HELPER_LATE)
        err_set(e, "it took more than %s and was given up",
                dur_format(LIMIT, limit, sizeof(limit)));
    else
        err_set(e, "the process that was to make it has failed");
    e->errnum = ETIMEDOUT;
}

static int take(struct binding *b, int status, struct err *e)
{
    struct answer a;
    size_t nfds = 0;
    int fd = -1;
    ssize_t n = usock_recv(b->pair[0], &a, sizeof(a), &fd, 1, &nfds);
    if (n <= (ssize_t)offsetof(struct answer, text)) {
        lost(e, status);
        return -1;
    }
    a.text[sizeof(a.text) - 1] = '\0';
    err_set(e, "%s", a.text);
    e->errnum = a.errnum;
    if (nfds)
        return fd;
    if (!a.errnum && !a.text[0])
        lost(e, status); /* there is no descriptor free for it */
    return -1;
}

static void bound(struct binding *b, int status)
{
    struct binding own = *b;
    *b = (struct binding){0}; /* the last call may begin the next one */
    fd_close(&own.pair[1]);
    for (size_t i = 0; i < own.n; i++) {
        struct err e = {0};
        int fd = take(&own, status, &e);
        if (i + 1 == own.n)
            fd_close(&own.pair[0]);
        own.fn(own.obj, i, fd, &e);
    }
}

static int run(struct sup *s, struct binding *b, struct err *e)
{
    if (b->n > BINDING_MAX)
        return err_set(e, "more than %u sockets at once", BINDING_MAX);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, b->pair) < 0)
        return err_errno(e, errno, "cannot make a socket");
    if (fd_nonblock(b->pair[0], true) == 0 &&
        helper_run(s, (helper_child_fn *)bind_all, (helper_done_fn *)bound, b, LIMIT, e) >= 0)
        return 0;
    fd_close(&b->pair[0]);
    fd_close(&b->pair[1]);
    return -1;
}

int binding_begin(struct sup *s, struct binding *b, const struct bind_request *v, size_t n,
                  binding_fn *fn, void *obj, struct err *e)
{
    *b = (struct binding){.v = v, .n = n, .fn = fn, .obj = obj};
    int r = run(s, b, e);
    if (r < 0)
        *b = (struct binding){0};
    return r;
}

void binding_fini(struct sup *s, struct binding *b)
{
    if (!b->n)
        return;
    helper_forget(s, b);
    fd_close(&b->pair[0]);
    fd_close(&b->pair[1]);
    *b = (struct binding){0};
}
