/* The socket behind NOTIFY_SOCKET: who sent what, and descriptors that are not let in. */
#include "unit.h"

#include "supervisor/base/fd.h"
#include "supervisor/io/notesock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static char name[NOTESOCK_NAME];

static int sender(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path + 1, name + 1, strlen(name) - 1);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, n), 0);
    return fd;
}

static void send_with(int to, const char *text, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    assert_int_equal(sendmsg(to, &msg, 0), (ssize_t)strlen(text));
}

/* Somebody who looks into /proc just now may hold the last copy for a moment. */
static bool is_closed_within(int read_end, int ms)
{
    struct pollfd p = {.fd = read_end, .events = POLLIN};
    return poll(&p, 1, ms) == 1 && (p.revents & POLLHUP);
}

static void test_who_and_what(void **state)
{
    (void)state;
    char buf[16];
    struct notesock_from from;
    int fd = notesock_open(name), to = sender();
    assert_int_equal(strncmp(name, "@supd-notify-", 13), 0);
    assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(send(to, "READY=1", 7, 0), 7);
    assert_int_equal(send(to, "", 0, 0), 0);
    assert_int_equal(send(to, "STATUS=0123456789", 17, 0), 17);
    for (int i = 0; i < 2; i++) /* it stays */
        assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), 7);
    assert_memory_equal(buf, "READY=1", 7);
    assert_int_equal(from.pid, getpid());
    assert_int_equal(from.uid, getuid());
    assert_false(from.cut || from.fds);
    notesock_drop(fd);
    assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), 0);
    notesock_drop(fd);
    assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), 16);
    assert_true(from.cut);
    notesock_drop(fd);
    assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), -1);
    close(fd);
    close(to);
}

/* Looking at it opens nothing here; with the message the last copy goes. */
static void test_descriptors(void **state)
{
    (void)state;
    char buf[16];
    struct notesock_from from;
    int ends[2], fd = notesock_open(name), to = sender();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    send_with(to, "BARRIER=1", ends[1]);
    close(ends[1]);
    int next = dup(0);
    assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), 9);
    assert_true(from.fds);
    assert_int_equal(from.pid, getpid());
    close(next);
    assert_int_equal(dup(0), next);
    close(next);
    assert_false(is_closed_within(ends[0], 0));
    notesock_drop(fd);
    assert_true(is_closed_within(ends[0], 10000));
    close(ends[0]);
    close(fd);
    close(to);
}

static void test_shut(void **state)
{
    (void)state;
    char buf[16];
    struct notesock_from from;
    int fd = notesock_open(name), to = sender();
    assert_int_equal(send(to, "READY=1", 7, 0), 7);
    notesock_shut(fd);
    assert_int_equal(send(to, "READY=1", 7, MSG_NOSIGNAL), -1);
    assert_int_equal(notesock_peek(fd, buf, sizeof(buf), &from), 7);
    close(fd);
    close(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_who_and_what), TEST(test_descriptors),
                                       TEST(test_shut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
