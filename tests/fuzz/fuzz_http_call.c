/* Any bytes as what an HTTP server answers: read whole, then piece by piece as they come, the
 * client makes the same of them, and never more than there is. */
#include "supervisor/io/http_call_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE_MAX_HERE 16384u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static struct hcall *client(int fd)
{
    struct hcall *h = hcall_new(&(struct hcall_server){.unix_path = "/nowhere"}, NULL);
    h->fd = fd;
    return h;
}

/* all of it is there */
static int whole(const uint8_t *data, size_t size, struct str *out)
{
    int fd[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    struct hcall *h = client(fd[0]);
    must(send(fd[1], data, size, 0) == (ssize_t)size);
    close(fd[1]);
    int r = hcall_answer(h, 1000);
    if (r == 0) {
        must(hcall_status(h) >= 200 && hcall_status(h) < 1000);
        r = hcall_rest(h, SIZE_MAX_HERE, out);
    }
    must(r == 0 || hcall_error(h)->why != HCALL_NOTHING);
    hcall_free(&h);
    return r;
}

/* the head is there; of the rest a byte at a time */
static int pieces(const uint8_t *data, size_t size, size_t head, struct str *out)
{
    int fd[2];
    const char *p;
    size_t n, at = head;
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
    struct hcall *h = client(fd[0]);
    must(send(fd[1], data, head, 0) == (ssize_t)head);
    enum hcall_piece got = hcall_answer(h, 1000) < 0 ? HCALL_FAILED : HCALL_LATER;
    while (got == HCALL_LATER || got == HCALL_PIECE) {
        got = hcall_next(h, false, &p, &n);
        if (got == HCALL_PIECE)
            str_put(out, p, n);
        else if (got == HCALL_LATER && at < size)
            must(send(fd[1], data + at++, 1, MSG_NOSIGNAL) == 1);
        else if (got == HCALL_LATER)
            shutdown(fd[1], SHUT_WR);
    }
    close(fd[1]);
    hcall_free(&h);
    return got == HCALL_END ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str one = STR_INIT, two = STR_INIT;
    if (size == 0 || size > SIZE_MAX_HERE)
        return 0;
    int r = whole(data, size, &one);
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    bool again = memmem(data + 1, size - 1, "HTTP/", 5); /* a second head, perhaps */
    if (end && r == 0 && !again) {
        must(pieces(data, size, (size_t)(end - data) + 4, &two) == 0);
        must(one.len == two.len && (!one.len || memcmp(one.s, two.s, one.len) == 0));
    }
    str_fini(&one);
    str_fini(&two);
    return 0;
}
