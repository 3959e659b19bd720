/* Listening sockets by their address: what is made, what is replaced, what is refused and why. */
#include "supervisor/io/binder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/supd-binder-XXXXXX";
static char path[128], url[160];
static struct err e;

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(url, sizeof(url), "unix://%s", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int bind_it(const char *to, bool spare_live)
{
    const struct bind_request rq = {
        .url = to, .mode = 0640, .uid = -1, .gid = -1, .spare_live = spare_live};
    e = (struct err){0};
    return bind_listen(&rq, &e);
}

static int dial(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = connect(fd, (struct sockaddr *)&at, sizeof(at));
    close(fd);
    return r;
}

static void test_a_unix_socket(void **state)
{
    (void)state;
    struct stat st;
    mode_t before = umask(077);
    int fd = bind_it(url, false);
    assert_int_equal(umask(before), 077);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(dial(), 0);
    /* a live one: replaced, or spared */
    assert_int_equal(bind_it(url, true), -1);
    assert_int_equal(e.errnum, EADDRINUSE);
    assert_string_equal(e.msg, "another program is already listening on it");
    assert_int_equal(dial(), 0);
    int other = bind_it(url, false);
    assert_true(other >= 0);
    close(fd);
    assert_int_equal(dial(), 0);
    close(other);
    /* a stale one */
    assert_int_equal(dial(), -1);
    fd = bind_it(url, true);
    assert_true(fd >= 0);
    assert_int_equal(dial(), 0);
    close(fd);
}

static const char *victim; /* set: a link to it is put in the place of the next socket */

/* The owner of a folder may do that as soon as the file is there. */
int bind(int fd, const struct sockaddr *at, socklen_t n)
{
    int r = (int)syscall(SYS_bind, fd, at, n);
    if (r == 0 && victim) {
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink(victim, path), 0);
    }
    return r;
}

static void test_no_link_is_followed(void **state)
{
    (void)state;
    struct stat st;
    char secret[160];
    snprintf(secret, sizeof(secret), "%s/secret", folder);
    int file = open(secret, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    unlink(path);
    victim = secret;
    int fd = bind_it(url, false);
    victim = NULL;
    assert_int_equal(fd, -1);
    assert_int_equal(fstat(file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(file);
    unlink(secret);
}

static void test_what_lies_there(void **state)
{
    (void)state;
    unlink(path);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    assert_int_equal(bind_it(url, false), -1);
    assert_string_equal(e.msg, "something that is no socket lies there");
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    assert_int_equal(symlink("/nowhere", path), 0);
    int fd = bind_it(url, false);
    assert_true(fd >= 0);
    assert_int_equal(dial(), 0);
    close(fd);
}

static void test_words(void **state)
{
    (void)state;
    char long_url[256] = "unix:///";
    static const char *const rows[][2] = {
        {"unix:///nowhere/s", "cannot make it: No such file or directory"},
        {"http://x", "it is neither unix:///path nor tcp://host:port"},
        {"tcp://x", "that is no host:port"},
        {"tcp://[::1:80", "that is no host:port"},
        {"tcp://192.0.2.1:9", "cannot make it: Cannot assign requested address"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(bind_it(rows[i][0], false), -1);
        assert_string_equal(e.msg, rows[i][1]);
        assert_int_not_equal(e.errnum, 0);
    }
    memset(long_url + 8, 'x', 120);
    assert_int_equal(bind_it(long_url, false), -1);
    assert_string_equal(e.msg, "its path is longer than 107 bytes");
}

static void check_tcp(const char *to, int family, uint32_t address)
{
    struct sockaddr_storage at;
    socklen_t n = sizeof(at);
    int fd = bind_it(to, false);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(at.ss_family, family);
    if (family == AF_INET)
        assert_int_equal(ntohl(((struct sockaddr_in *)&at)->sin_addr.s_addr), address);
    /* in use */
    char again[64];
    snprintf(again, sizeof(again), "%.*s%d", (int)(strrchr(to, ':') + 1 - to), to,
             ntohs(family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
                                     : ((struct sockaddr_in6 *)&at)->sin6_port));
    assert_int_equal(bind_it(again, false), -1);
    assert_int_equal(e.errnum, EADDRINUSE);
    close(fd);
    fd = bind_it(again, false);
    assert_true(fd >= 0);
    close(fd);
}

static void test_tcp(void **state)
{
    (void)state;
    check_tcp("tcp://127.0.0.1:0", AF_INET, INADDR_LOOPBACK);
    check_tcp("tcp://localhost:0", AF_INET, INADDR_LOOPBACK);
    check_tcp("tcp://:0", AF_INET, INADDR_ANY);
    check_tcp("tcp://*:0", AF_INET, INADDR_ANY);
    if (access("/proc/net/if_inet6", F_OK) == 0)
        check_tcp("tcp://[::1]:0", AF_INET6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_unix_socket),
                                       cmocka_unit_test(test_no_link_is_followed),
                                       cmocka_unit_test(test_what_lies_there),
                                       cmocka_unit_test(test_words), cmocka_unit_test(test_tcp)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
