/* Files that supd-log opens for supd-agent: what the list names, and nothing that somebody else
 * than root could have put there. */
#include "unit.h"

#include "supervisor/base/fd.h"
#include "supervisor/io/fileask.h"
#include "supervisor/logd/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char dir[40];
static int sock = -1;

static const char *at(const char *name)
{
    static char path[4][128];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

static void put(const char *name)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(fd_write_all(fd, name, strlen(name)), 0);
    fd_close(&fd);
}

static void folder(const char *name, mode_t mode)
{
    assert_int_equal(mkdir(at(name), 0700), 0);
    assert_int_equal(chmod(at(name), mode), 0);
}

static void serve(const char *const *names, size_t n)
{
    int ends[2], list = fd_memory("list", false);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(fd_write_all(list, at(names[i]), strlen(at(names[i])) + 1), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(opener_start(ends[1], list), 0);
    sock = ends[0];
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/opener-XXXXXX");
    return geteuid() == 0 && mkdtemp(dir) ? 0 : geteuid() != 0 ? 0 : -1;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&sock);
    return geteuid() == 0 ? nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS) : 0;
}

/* What is in the file, or why it is not opened. */
static const char *ask(const char *name)
{
    static char text[300];
    struct fileask_answer a;
    int fd = fileask(sock, FILEASK_OPEN, at(name), &a);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    fd_close(&fd);
    if (n >= 0)
        text[n] = '\0';
    else
        snprintf(text, sizeof(text), "%s%s%s", strerrorname_np(a.errnum), a.why[0] ? ": " : "",
                 a.why);
    return text;
}

static void assert_refused(const char *name, const char *why)
{
    const char *text = ask(name);
    if (!strstr(text, why))
        fail_msg("%s: '%s' does not say '%s'", name, text, why);
}

#define SERVE(...)                                                                                 \
    do {                                                                                           \
        static const char *const serve_names[] = {__VA_ARGS__};                                    \
        serve(serve_names, COUNT(serve_names));                                                    \
    } while (0)
#define ROOT_ONLY()                                                                                \
    do {                                                                                           \
        if (geteuid() != 0)                                                                        \
            skip();                                                                                \
    } while (0)

static void test_what_is_named(void **state)
{
    (void)state;
    ROOT_ONLY();
    put("a");
    put("b");
    folder("d", 0700);
    put("d/x.pem");
    put("d/.hidden.pem");
    put("d/y.key");
    SERVE("a", "d/*.pem", "d", "none", "*/x.pem");
    assert_string_equal(ask("a"), "a");
    assert_string_equal(ask("d/x.pem"), "d/x.pem");
    assert_refused("b", "EACCES: the configuration does not name it");
    assert_refused("d/y.key", "does not name it");
    assert_refused("d/.hidden.pem", "does not name it");
    assert_refused("d/../b", "does not name it");
    assert_refused("../x.pem", "does not name it");
    assert_refused("d/*.pem", "ENOENT"); /* a pattern is no file */
    assert_refused("d", "EINVAL: it is no regular file");
    assert_string_equal(ask("none"), "ENOENT");
}

static void test_patterns(void **state)
{
    (void)state;
    char text[300] = "";
    struct fileask_answer a;
    ROOT_ONLY();
    folder("d", 0700);
    put("d/x.pem");
    put("d/y.pem");
    SERVE("d/*.pem", "e/*");
    int fd = fileask(sock, FILEASK_MATCH, at("d/*.pem"), &a);
    assert_true(fd >= 0);
    ssize_t n = pread(fd, text, sizeof(text), 0);
    fd_close(&fd);
    assert_int_equal(n, 2 * (strlen(at("d/x.pem")) + 1));
    assert_string_equal(text, at("d/x.pem"));
    assert_string_equal(text + strlen(text) + 1, at("d/y.pem"));
    assert_int_equal(fileask(sock, FILEASK_MATCH, at("e/*"), &a), -1);
    assert_int_equal(a.errnum, ENOENT);
    assert_int_equal(fileask(sock, FILEASK_MATCH, at("*"), &a), -1);
    assert_int_equal(a.errnum, EACCES);
    assert_int_equal(fileask(sock, 'x', at("d/*.pem"), &a), -1);
    assert_int_equal(a.errnum, EACCES);
}

static void test_links(void **state)
{
    (void)state;
    ROOT_ONLY();
    folder("archive", 0700);
    folder("live", 0755);
    put("archive/1.pem");
    put("secret");
    assert_int_equal(symlink("../archive/1.pem", at("live/up.pem")), 0);
    assert_int_equal(symlink(at("archive"), at("live/all")), 0);
    assert_int_equal(symlink("round", at("round")), 0);
    assert_int_equal(symlink(at("secret"), at("planted")), 0);
    SERVE("live/up.pem", "live/all/1.pem", "round", "sticky/planted", "sticky/mine");
    assert_string_equal(ask("live/up.pem"), "archive/1.pem");
    assert_string_equal(ask("live/all/1.pem"), "archive/1.pem");
    assert_string_equal(ask("round"), "ELOOP");
    /* where all may write, what is another's than root's leads nowhere */
    folder("sticky", 01777);
    assert_int_equal(symlink(at("secret"), at("sticky/planted")), 0);
    assert_string_equal(ask("sticky/planted"), "secret");
    assert_int_equal(lchown(at("sticky/planted"), 65534, 65534), 0);
    assert_refused("sticky/planted", "EACCES: supd-log opens it only if nobody but root");
    put("sticky/mine");
    assert_int_equal(chown(at("sticky/mine"), 65534, 65534), 0);
    assert_refused("sticky/mine", "nobody but root can change the folders");
}

static void test_folders_of_others(void **state)
{
    (void)state;
    ROOT_ONLY();
    folder("open", 0777);
    folder("group", 0775);
    folder("own", 0755);
    folder("deep", 0755);
    put("open/a");
    put("group/a");
    put("own/a");
    put("deep/a");
    assert_int_equal(chown(at("group"), 0, 65534), 0);
    assert_int_equal(chown(at("own"), 65534, 0), 0);
    assert_int_equal(chown(at("deep/a"), 65534, 65534), 0); /* a file may be anybody's */
    assert_int_equal(symlink("../deep", at("own/deep")), 0);
    SERVE("open/a", "group/a", "own/a", "own/deep/a", "deep/a");
    assert_refused("open/a", "nobody but root can change the folders on the way to it");
    assert_refused("group/a", "nobody but root");
    assert_refused("own/a", "nobody but root");
    assert_refused("own/deep/a", "nobody but root");
    assert_string_equal(ask("deep/a"), "deep/a");
    assert_int_equal(chown(at("group"), 0, 0), 0);
    assert_string_equal(ask("group/a"), "group/a");
}

static void test_no_file(void **state)
{
    (void)state;
    ROOT_ONLY();
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    put("a");
    SERVE("fifo", "a");
    assert_refused("fifo", "it is no regular file");
    /* what is no request is nobody's business */
    assert_int_equal(send(sock, "garbage", 7, 0), 7);
    assert_int_equal(send(sock, "", 0, 0), 0);
    assert_string_equal(ask("a"), "EPIPE"); /* an empty message is the end */
}

static void test_the_end(void **state)
{
    (void)state;
    ROOT_ONLY();
    put("a");
    SERVE("a");
    assert_string_equal(ask("a"), "a");
    assert_int_equal(shutdown(sock, SHUT_RDWR), 0);
    assert_string_equal(ask("a"), "EPIPE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patterns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
