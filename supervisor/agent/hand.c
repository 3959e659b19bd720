/* Takes descriptors from supd, one a message. */
#include "supervisor/agent/hand.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/core/hand.h"
#include "supervisor/io/usock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct hand {
    struct loop_io io;
    int fd;
    hand_fn *fn;
    void *obj;
};

/* True if there was one. */
static bool take(struct hand *h)
{
    char text[HAND_TEXT_MAX];
    int fd = -1;
    size_t nfds = 0;
    ssize_t n = usock_recv(h->fd, text, sizeof(text) - 1, &fd, 1, &nfds);
    if (n < 0)
        return false;
    if (n == 0) { /* supd is gone; the channel says so, too */
        loop_io_close(&h->io, &h->fd);
        return false;
    }
    text[n] = '\0';
    if (nfds)
        h->fn(h->obj, text, fd);
    return true;
}

/* One message a turn: the loop comes back while there are more. */
static void on_message(struct hand *h)
{
    take(h);
}

void hand_take(struct hand *h)
{
    while (h && h->fd >= 0 && take(h))
        ;
}

struct hand *hand_new(struct loop *l, int fd, hand_fn *fn, void *obj, struct err *e)
{
    struct hand *h = mem_zalloc(sizeof(*h));
    *h = (struct hand){.fd = fd, .fn = fn, .obj = obj};
    LOOP_IO(&h->io, l, on_message, h);
    if (fd_nonblock(fd, true) == 0 && loop_io_set(&h->io, fd, LOOP_READ) == 0)
        return h;
    err_errno(e, errno, "descriptor %d takes no messages", fd);
    free(h);
    return NULL;
}

void hand_free(struct hand **hp)
{
    struct hand *h = *hp;
    *hp = NULL;
    if (!h)
        return;
    if (h->fd >= 0)
        loop_io_close(&h->io, &h->fd);
    free(h);
}
