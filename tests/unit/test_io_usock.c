/* Unix sockets: stale and live ones, peers, long paths, and descriptors as cargo. */
#include "supervisor/io/usock.h"

#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[32], path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/usock-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/s.sock", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static int listen_at(const char *at, int64_t gid)
{
    struct err e = {0};
    int fd = usock_listen(at, gid, &e);
    if (fd < 0)
        fail_msg("%s", e.msg);
    return fd;
}

static int connect_to(const char *at)
{
    struct err e = {0};
    int fd = usock_connect(at, &e);
    if (fd < 0)
        fail_msg("%s", e.msg);
    return fd;
}

/* Listens, connects and accepts; both ends. */
static void pair_over(const char *at, int ends[2], struct usock_peer *peer)
{
    int fd = listen_at(at, -1);
    ends[0] = connect_to(at);
    ends[1] = usock_accept(fd, peer);
    assert_true(ends[1] >= 0);
    close(fd);
}

static void a_peer_is_known(void **state)
{
    (void)state;
    struct usock_peer peer = {0};
    int ends[2];
    char got[4] = "";
    pair_over(path, ends, &peer);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.gid, getegid());
    assert_true(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
    assert_false(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(ends[0], F_GETFD) & FD_CLOEXEC && fcntl(ends[1], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(ends[0], "hi", 2), 2);
    assert_int_equal(read(ends[1], got, sizeof(got)), 2);
    assert_string_equal(got, "hi");
    close(ends[0]);
    close(ends[1]);
}

static void nobody_waiting_is_eagain(void **state)
{
    (void)state;
    struct usock_peer peer;
    int fd = listen_at(path, -1);
    assert_int_equal(usock_accept(fd, &peer), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void a_stale_socket_is_replaced(void **state)
{
    (void)state;
    int old = listen_at(path, -1);
    close(old); /* the name stays, nobody answers */
    assert_int_equal(access(path, F_OK), 0);
    int fd = listen_at(path, -1), c = connect_to(path);
    close(c);
    close(fd);
}

static void a_live_socket_is_left_alone(void **state)
{
    (void)state;
    struct err e = {0};
    char want[128];
    int old = listen_at(path, -1);
    assert_int_equal(usock_listen(path, -1, &e), -1);
    snprintf(want, sizeof(want), "socket %s is in use: another process answers on it", path);
    assert_string_equal(e.msg, want);
    struct usock_peer peer;
    int c = connect_to(path);
    int probe = usock_accept(old, &peer); /* the look itself was a connection */
    close(probe);
    int served = usock_accept(old, &peer);
    assert_true(served >= 0);
    close(served);
    close(c);
    close(old);
}

static void another_kind_of_file_is_left_alone(void **state)
{
    (void)state;
    struct err e = {0};
    char want[128];
    unlink(path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, "data", 4), 4);
    close(fd);
    assert_int_equal(usock_listen(path, -1, &e), -1);
    snprintf(want, sizeof(want), "cannot bind socket %s: a file that is not a socket is there",
             path);
    assert_string_equal(e.msg, want);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    unlink(path);
}

static void modes_and_group(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(0);
    int fd = listen_at(path, -1);
    assert_int_equal(umask(old), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(fd);
    gid_t gid = geteuid() == 0 ? 12345 : getegid();
    fd = listen_at(path, (int64_t)gid);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(st.st_gid, gid);
    close(fd);
}

static const char *victim; /* set: it is put in the place of the next socket, */
static bool as_link;       /* as a symbolic link, or moved there */

/* The owner of a folder may do that as soon as the file is there. */
int bind(int fd, const struct sockaddr *at, socklen_t n)
{
    int r = (int)syscall(SYS_bind, fd, at, n);
    if (r == 0 && victim) {
        assert_int_equal(unlink(path), 0);
        assert_int_equal(as_link ? symlink(victim, path) : rename(victim, path), 0);
    }
    return r;
}

static void refuses_in_its_place(const char *what)
{
    struct err e = {0};
    char want[128];
    gid_t gid = geteuid() == 0 ? 12345 : getegid();
    unlink(path);
    victim = what;
    int fd = usock_listen(path, (int64_t)gid, &e);
    victim = NULL;
    assert_int_equal(fd, -1);
    snprintf(want, sizeof(want), "socket %s was replaced by somebody else", path);
    assert_string_equal(e.msg, want);
}

/* Neither mode nor group of anything else. */
static void what_takes_its_place_is_not_changed(void **state)
{
    (void)state;
    struct stat st;
    char secret[64], other[64];
    snprintf(secret, sizeof(secret), "%s/secret", dir);
    int file = open(secret, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    as_link = true;
    refuses_in_its_place(secret);
    as_link = false;
    refuses_in_its_place(secret);
    assert_int_equal(fstat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_gid, getegid());
    close(file);
    unlink(path);
    /* a socket of another daemon that has its name there, too */
    snprintf(other, sizeof(other), "%s/other", dir);
    int fd = listen_at(secret, -1);
    assert_int_equal(link(secret, other), 0);
    refuses_in_its_place(other);
    assert_int_equal(lstat(secret, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_gid, getegid());
    close(fd);
    unlink(secret);
}

/* A folder that gives its own group to all that is made in it. */
static void the_folder_has_a_group(void **state)
{
    (void)state;
    struct stat st;
    if (geteuid() != 0)
        skip();
    unlink(path);
    assert_true(chown(dir, (uid_t)-1, 54321) == 0 && chmod(dir, 02700) == 0);
    int fd = listen_at(path, 12345);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_gid, 12345);
    assert_int_equal(st.st_mode & 07777, 0660);
    close(fd);
    assert_int_equal(setfsgid((gid_t)-1), getegid());
}

static void errors_name_the_path(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(usock_connect("/nowhere/at.all", &e), -1);
    assert_string_equal(e.msg, "cannot connect to /nowhere/at.all: No such file or directory");
    assert_int_equal(usock_listen("/nowhere/at.all", -1, &e), -1);
    assert_string_equal(e.msg, "cannot bind socket /nowhere/at.all: No such file or directory");
    assert_int_equal(usock_listen("", -1, &e), -1);
    assert_string_equal(e.msg, "a socket needs a path");
    int fd = listen_at(path, -1);
    close(fd);
    char want[128];
    assert_int_equal(usock_connect(path, &e), -1);
    snprintf(want, sizeof(want), "cannot connect to %s: Connection refused", path);
    assert_string_equal(e.msg, want);
    assert_int_equal(e.errnum, ECONNREFUSED);
}

static void long_paths_work(void **state)
{
    (void)state;
    char deep[512], sock[600];
    int n = snprintf(deep, sizeof(deep), "%s/", dir);
    memset(deep + n, 'd', 200);
    deep[n + 200] = '\0';
    assert_int_equal(mkdir(deep, 0700), 0);
    snprintf(sock, sizeof(sock), "%s/s.sock", deep);
    struct usock_peer peer = {0};
    int ends[2];
    pair_over(sock, ends, &peer);
    assert_int_equal(peer.pid, getpid());
    close(ends[0]);
    close(ends[1]);
    int again = listen_at(sock, -1); /* stale by now */
    struct err e = {0};
    assert_int_equal(usock_listen(sock, -1, &e), -1);
    assert_non_null(strstr(e.msg, "is in use"));
    close(again);
    assert_int_equal(unlink(sock), 0);
    assert_int_equal(rmdir(deep), 0);
    char name[400] = "/tmp/";
    memset(name + 5, 'n', 200);
    assert_int_equal(usock_listen(name, -1, &e), -1);
    assert_int_equal(e.errnum, ENAMETOOLONG);
}

/* 107 bytes are the system's own limit: 106 to 108 on both ways. */
static void the_border_between_short_and_long(void **state)
{
    (void)state;
    for (size_t len = 106; len <= 108; len++) {
        char at[128];
        int n = snprintf(at, sizeof(at), "%s/", dir);
        memset(at + n, 'x', sizeof(at) - (size_t)n);
        at[len] = '\0';
        if (strlen(at + n) > 80)
            at[n + 40] = '\0';
        struct usock_peer peer;
        int ends[2];
        pair_over(at, ends, &peer);
        close(ends[0]);
        close(ends[1]);
        assert_int_equal(unlink(at), 0);
    }
}

static void abstract_names_work(void **state)
{
    (void)state;
    char name[64];
    struct err e = {0};
    snprintf(name, sizeof(name), "@usock-test-%d", getpid());
    int fd = listen_at(name, -1);
    int c = connect_to(name);
    assert_int_equal(usock_listen(name, -1, &e), -1);
    assert_non_null(strstr(e.msg, "is in use"));
    close(c);
    close(fd);
    fd = listen_at(name, -1);
    close(fd);
}

static int open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 2048; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void descriptors_travel(void **state)
{
    (void)state;
    int p[2], ends[2], fds[USOCK_FDS + 1], got[USOCK_FDS];
    char text[8] = "";
    size_t n = 99;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    for (int i = 0; i < USOCK_FDS + 1; i++)
        fds[i] = p[1];
    int before = open_fds();
    assert_int_equal(usock_send(ends[0], "fds", 3, fds, USOCK_FDS), 3);
    assert_int_equal(usock_recv(ends[1], text, sizeof(text), got, USOCK_FDS, &n), 3);
    assert_int_equal(n, USOCK_FDS);
    assert_string_equal(text, "fds");
    assert_int_equal(open_fds(), before + USOCK_FDS);
    for (int i = 0; i < USOCK_FDS; i++) {
        char c = (char)i, back = 0;
        assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(got[i], &c, 1), 1);
        assert_int_equal(read(p[0], &back, 1), 1);
        assert_int_equal(back, c);
        close(got[i]);
    }
    errno = 0;
    assert_int_equal(usock_send(ends[0], "fds", 3, fds, USOCK_FDS + 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(usock_send(ends[0], "", 0, fds, 1), -1);
    assert_int_equal(errno, EINVAL);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(ends[i]);
    }
}

static void unwanted_descriptors_do_not_leak(void **state)
{
    (void)state;
    int p[2], ends[2], got[1];
    char text[8] = "";
    size_t n = 99;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    int before = open_fds();
    assert_int_equal(usock_send(ends[0], "x", 1, p, 2), 1);
    assert_int_equal(usock_recv(ends[1], text, sizeof(text), got, 1, &n), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(n, 0);
    assert_int_equal(open_fds(), before);
    assert_int_equal(usock_send(ends[0], "y", 1, NULL, 0), 1);
    assert_int_equal(usock_recv(ends[1], text, sizeof(text), got, 1, &n), 1);
    assert_int_equal(text[0], 'y');
    close(ends[0]);
    assert_int_equal(usock_recv(ends[1], text, sizeof(text), got, 1, &n), 0);
    assert_int_equal(usock_send(ends[1], "z", 1, NULL, 0), -1); /* no SIGPIPE */
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
    close(p[0]);
    close(p[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_known),
        cmocka_unit_test(nobody_waiting_is_eagain),
        cmocka_unit_test(a_stale_socket_is_replaced),
        cmocka_unit_test(a_live_socket_is_left_alone),
        cmocka_unit_test(another_kind_of_file_is_left_alone),
        cmocka_unit_test(modes_and_group),
        cmocka_unit_test(what_takes_its_place_is_not_changed),
        cmocka_unit_test(the_folder_has_a_group),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(long_paths_work),
        cmocka_unit_test(the_border_between_short_and_long),
        cmocka_unit_test(abstract_names_work),
        cmocka_unit_test(descriptors_travel),
        cmocka_unit_test(unwanted_descriptors_do_not_leak),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
