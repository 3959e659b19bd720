/* Bytes go through a pipe of our own and are moved from there by splice: what is left in it tells a
 * successor how many were moved. A write that a fault comes after would not say. */
#include "supervisor/run/listensend.h"
#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

static uint32_t *count_of(struct listenmem *m, uint32_t listener, enum listensend_what what)
{
    struct lm_listener *l = listenmem_listener(m, listener);
    return what == LISTENSEND_EVENT ? &l->sent : &l->copied;
}

static uint32_t key_of(uint32_t listener, enum listensend_what what)
{
    return (listener + 1) * 2 + (uint32_t)what;
}

static bool open_stage(struct lm_head *h)
{
    int ends[2];
    if (h->stage[0] > 0 && h->stage[1] > 0)
        return true;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    h->stage[0] = ends[0];
    h->stage[1] = ends[1];
    return true;
}

static void empty_stage(const struct lm_head *h)
{
    char rest[4096];
    while (read(h->stage[0], rest, sizeof(rest)) > 0)
        ;
}

static enum listensend_end end_of(ssize_t n)
{
    if (n > 0)
        return LISTENSEND_SOME;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? LISTENSEND_FULL : LISTENSEND_BROKEN;
}

/* Where there is no splice. The descriptor may be one that waits: so little does not, where it says
 * that it has room. */
static enum listensend_end write_plainly(uint32_t *count, int fd, const char *p, uint32_t n)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, 0) == 0)
        return LISTENSEND_FULL;
    uint32_t part = n - *count < PIPE_BUF ? n - *count : PIPE_BUF;
    ssize_t done = write(fd, p + *count, part);
    *count += done > 0 ? (uint32_t)done : 0;
    return end_of(done);
}

static bool is_denied(int errnum)
{
    return errnum == ENOSYS || errnum == EPERM || errnum == EINVAL || errnum == EACCES;
}

/* Moves what is staged; *out_errno is 0, or why nothing was moved. */
static ssize_t move(struct lm_head *h, uint32_t *count, int fd, uint32_t staged, int *out_errno)
{
    h->stage_n = staged;
    LISTENMEM_ORDER();
    FAULT_POINT();
    ssize_t moved = splice(h->stage[0], NULL, fd, NULL, staged, SPLICE_F_NONBLOCK);
    *out_errno = moved < 0 ? errno : 0;
    FAULT_POINT();
    *count = h->stage_from + (moved > 0 ? (uint32_t)moved : 0);
    LISTENMEM_ORDER();
    h->stage_n = 0; /* it is counted: what is left says nothing any more */
    LISTENMEM_ORDER();
    if (moved < (ssize_t)staged)
        empty_stage(h);
    return moved;
}

enum listensend_end listensend(struct listenmem *m, uint32_t listener, enum listensend_what what,
                               int fd, const char *p, uint32_t n)
{
    struct lm_head *h = listenmem_head(m);
    uint32_t *count = count_of(m, listener, what);
    if (*count >= n)
        return LISTENSEND_SOME;
    if (!open_stage(h))
        return write_plainly(count, fd, p, n);
    h->stage_from = *count;
    h->stage_n = 0;
    LISTENMEM_ORDER();
    h->stage_for = key_of(listener, what);
    LISTENMEM_ORDER();
    int errnum = EAGAIN;
    ssize_t staged = write(h->stage[1], p + *count, n - *count);
    ssize_t moved = staged > 0 ? move(h, count, fd, (uint32_t)staged, &errnum) : -1;
    h->stage_for = 0;
    if (moved < 0 && is_denied(errnum))
        return write_plainly(count, fd, p, n);
    errno = errnum;
    return end_of(moved);
}

void listensend_recover(struct listenmem *m)
{
    struct lm_head *h = listenmem_head(m);
    uint32_t listener = h->stage_for / 2 - 1;
    int left = 0;
    if (!h->stage_for || listener >= h->nlisteners || h->stage[0] <= 0)
        return;
    ioctl(h->stage[0], FIONREAD, &left);
    if (h->stage_n && left >= 0 && (uint32_t)left <= h->stage_n)
        *count_of(m, listener, (enum listensend_what)(h->stage_for % 2)) =
            h->stage_from + h->stage_n - (uint32_t)left;
    empty_stage(h);
    h->stage_for = 0;
}
