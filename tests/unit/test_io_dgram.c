/* Datagrams over UDP and unix sockets: batches, cut ones, what the kernel dropped, stale sockets.
 */
#include "supervisor/base/fd.h"
#include "supervisor/io/dgram.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct seen {
    struct loop *loop;
    struct loop_timer limit;
    unsigned n, want;
    uint64_t lost;
    size_t bytes;
    bool timed_out;
};

static void take(void *obj, const char *p, size_t n)
{
    struct seen *s = obj;
    (void)p;
    s->bytes += n;
    if (++s->n == s->want)
        loop_stop(s->loop);
}

static void lost(void *obj, uint64_t n)
{
    ((struct seen *)obj)->lost += n;
}

static void on_limit(struct seen *s)
{
    s->timed_out = true;
    loop_stop(s->loop);
}

static void run(struct seen *s, unsigned want)
{
    s->want = s->n + want;
    loop_refresh(s->loop);
    loop_timer_at(&s->limit, mono_add(loop_now(s->loop), DUR_S(10)));
    loop_run(s->loop);
    assert_false(s->timed_out);
}

static struct seen *begin(struct dgram_user *out_user)
{
    static struct seen s;
    struct err e;
    memset(&s, 0, sizeof(s));
    s.loop = loop_new(&e);
    assert_non_null(s.loop);
    LOOP_TIMER(&s.limit, s.loop, on_limit, &s);
    *out_user = (struct dgram_user){take, lost, &s};
    return &s;
}

static void end(struct seen *s)
{
    loop_timer_stop(&s->limit);
    loop_free(&s->loop);
}

static int udp_to(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void test_udp(void **state)
{
    (void)state;
    static char big[DGRAM_MAX + 100];
    struct dgram_user user;
    struct seen *s = begin(&user);
    struct err e;
    struct dgram *d = dgram_udp(s->loop, "", 0, user, &e);
    assert_non_null(d);
    int fd = udp_to(dgram_port(d));
    for (int i = 0; i < 3 * DGRAM_BATCH + 1; i++)
        assert_int_equal(send(fd, "hello", 5, 0), 5);
    run(s, 3 * DGRAM_BATCH + 1);
    assert_int_equal(s->bytes, 5 * (3 * DGRAM_BATCH + 1));
    assert_int_equal(s->lost, 0);
    memset(big, 'a', sizeof(big));
    big[DGRAM_MAX - 100] = '\n'; /* what is behind it may look whole where it is cut */
    s->bytes = 0;
    assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
    run(s, 1);
    assert_int_equal(s->bytes, DGRAM_MAX - 99);
    assert_int_equal(send(fd, "x", 1, 0), 1); /* the loss is told after its batch */
    run(s, 1);
    assert_int_equal(s->lost, 1);
    fd_close(&fd);
    dgram_free(&d);
    end(s);
}

/* more than the buffer holds: the kernel counts what it dropped, and so do we */
static void test_overflow(void **state)
{
    (void)state;
    static char text[1000];
    struct dgram_user user;
    struct seen *s = begin(&user);
    struct err e;
    enum { MANY = 60000 };
    struct dgram *d = dgram_udp(s->loop, "localhost", 0, user, &e);
    assert_non_null(d);
    int fd = udp_to(dgram_port(d));
    unsigned sent = 0;
    for (; sent < MANY; sent++) {
        if (send(fd, text, sizeof(text), MSG_DONTWAIT) < 0)
            break;
    }
    /* the count of drops comes with the first one that is received after them */
    run(s, 1);
    while (s->n + s->lost < sent + 1) {
        assert_int_equal(send(fd, "x", 1, 0), 1);
        sent++;
        run(s, 1);
        if (s->n + s->lost >= sent)
            break;
    }
    assert_true(s->lost > 0);
    assert_in_range(s->n + s->lost, sent - 1, sent);
    fd_close(&fd);
    dgram_free(&d);
    end(s);
}

static void test_addresses(void **state)
{
    (void)state;
    struct dgram_user user;
    struct seen *s = begin(&user);
    struct err e;
    assert_null(dgram_udp(s->loop, "example.org", 1, user, &e));
    assert_string_equal(e.msg, "'example.org' is not an IP address, * or localhost");
    struct dgram *a = dgram_udp(s->loop, "127.0.0.1", 0, user, &e);
    assert_non_null(a);
    assert_null(dgram_udp(s->loop, "127.0.0.1", dgram_port(a), user, &e));
    assert_non_null(strstr(e.msg, "Address already in use"));
    dgram_free(&a);
    a = dgram_udp(s->loop, "*", 0, user, &e);
    assert_non_null(a);
    int fd = udp_to(dgram_port(a));
    assert_int_equal(send(fd, "x", 1, 0), 1);
    run(s, 1);
    fd_close(&fd);
    dgram_free(&a);
    dgram_free(&a);
    end(s);
}

static void test_unix(void **state)
{
    (void)state;
    char dir[] = "/tmp/dgram.XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    struct dgram_user user;
    struct seen *s = begin(&user);
    struct err e;
    struct stat st;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int stale = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_null(dgram_unix(s->loop, path, user, &e)); /* it lives */
    assert_non_null(strstr(e.msg, "it is in use"));
    fd_close(&stale);
    struct dgram *d = dgram_unix(s->loop, path, user, &e);
    assert_non_null(d);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0622);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(send(fd, "abc", 3, 0), 3);
    run(s, 1);
    assert_int_equal(s->bytes, 3);
    fd_close(&fd);
    dgram_free(&d);
    assert_int_equal(stat(path, &st), -1);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_null(dgram_unix(s->loop, path, user, &e)); /* no socket: never removed */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    end(s);
}

RUN(TEST(test_udp), TEST(test_overflow), TEST(test_addresses), TEST(test_unix))
