/* The agent's reader of programs' output, on a socket whose other end is the test. */
#include "unit.h"

#include "supervisor/agent/text.h"
#include "supervisor/base/str.h"
#include "supervisor/core/tap.h"

#include <fcntl.h>
#include <sys/socket.h>

struct world {
    struct loop *loop;
    struct loop_timer end;
    struct text_port *port;
    int fd;
    struct str said;
};

static void on_piece(void *obj, const struct text_piece *p)
{
    struct world *w = obj;
    str_printf(&w->said, "%s/%s %d run=%u pid=%d skipped=%llu%s '%.*s'\n", p->program, p->process,
               p->channel, p->run, p->pid, (unsigned long long)p->skipped, p->torn ? " torn" : "",
               (int)p->len, p->text);
}

static void at_end(struct world *w)
{
    loop_stop(w->loop);
}

static void say(struct world *w, struct tap_head h, const char *text, size_t n)
{
    char m[TAP_MESSAGE];
    h.size = sizeof(h);
    h.len = (uint32_t)n;
    memcpy(m, &h, sizeof(h));
    memcpy(m + sizeof(h), text, n);
    assert_int_equal(send(w->fd, m, sizeof(h) + n, 0), sizeof(h) + n);
}

/* Runs the loop until all is read; what came, as text. */
static const char *hear(struct world *w)
{
    loop_timer_at(&w->end, mono_add(mono_now(), DUR_MS(50)));
    loop_run(w->loop);
    return str_text(&w->said);
}

static void open_world(struct world *w)
{
    int ends[2];
    struct err e;
    *w = (struct world){.said = STR_INIT};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    w->loop = loop_new(&e);
    LOOP_TIMER(&w->end, w->loop, at_end, w);
    w->fd = ends[0];
    w->port = text_open(w->loop, ends[1], on_piece, w, &e);
    assert_non_null(w->port);
}

static void close_world(struct world *w)
{
    text_close(&w->port);
    text_close(&w->port);
    loop_timer_stop(&w->end);
    loop_free(&w->loop);
    close(w->fd);
    str_fini(&w->said);
}

static void test_pieces(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct tap_head h = {.slot = 100, .key = 5, .run = 2, .pid = 42, .channel = 1};
    say(&w, h, "unknown", 7); /* no names so far */
    h.flags = TAP_NAMES;
    say(&w, h, "web\0web_01", 11);
    h.flags = 0;
    say(&w, h, "one\n", 4);
    say(&w, h, "one\n", 4); /* again, after a kill of supd-log */
    h.at = 10;
    h.flags = TAP_TORN;
    say(&w, h, "x", 1);
    h.at = 20;
    h.flags = 0;
    say(&w, h, "", 0); /* a loss alone */
    h.key = 6;
    say(&w, h, "of another tap", 14);
    assert_int_equal(send(w.fd, "rubbish", 7, 0), 7);
    h.slot = UINT32_MAX;
    h.flags = TAP_NAMES;
    say(&w, h, "a\0b", 4);
    assert_string_equal(hear(&w), "web/web_01 1 run=2 pid=42 skipped=0 'one\n'\n"
                                  "web/web_01 1 run=2 pid=42 skipped=6 torn 'x'\n"
                                  "web/web_01 1 run=2 pid=42 skipped=9 ''\n");
    close_world(&w);
}

static void test_a_new_key_starts_anew(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct tap_head h = {.slot = 1, .key = 5, .flags = TAP_NAMES};
    say(&w, h, "a\0a", 4);
    h.flags = 0;
    h.at = 1000;
    say(&w, h, "", 0);
    h = (struct tap_head){.slot = 1, .key = 6, .flags = TAP_NAMES};
    say(&w, h, "b\0b", 4);
    say(&w, h, "no second name", 15); /* ignored */
    h.flags = 0;
    say(&w, h, "hi", 2);
    assert_string_equal(hear(&w), "a/a 0 run=0 pid=0 skipped=1000 ''\n"
                                  "b/b 0 run=0 pid=0 skipped=0 'hi'\n");
    close_world(&w);
}

static void test_much_and_the_end(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct tap_head h = {.slot = 0, .key = 1, .flags = TAP_NAMES};
    say(&w, h, "a\0a", 4);
    h.flags = 0;
    for (; h.at < 100; h.at++)
        say(&w, h, "y", 1);
    shutdown(w.fd, SHUT_RDWR);
    hear(&w);
    size_t n = 0;
    for (const char *p = str_text(&w.said); (p = strchr(p, '\n')); p++)
        n++;
    assert_int_equal(n, 100);
    close_world(&w);
}

/* Says one thing after the other, a millisecond apart. */
struct talker {
    struct world *w;
    struct loop_timer timer;
    struct tap_head h;
    int left;
};

static void talk(struct talker *t)
{
    say(t->w, t->h, "y", 1);
    t->h.at++;
    if (--t->left)
        loop_timer_at(&t->timer, mono_add(mono_now(), DUR_MS(1)));
}

/* A busy socket is looked at by a timer, then watched again: all comes, also after a silence. */
static void test_naps(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct talker t = {.w = &w, .left = 20, .h = {.key = 1, .flags = TAP_NAMES}};
    say(&w, t.h, "a\0a", 4);
    t.h.flags = 0;
    LOOP_TIMER(&t.timer, w.loop, talk, &t);
    loop_timer_at(&t.timer, mono_now());
    for (int i = 0; i < 40 && t.left; i++)
        hear(&w);
    hear(&w); /* it sleeps by now */
    say(&w, t.h, "z", 1);
    uint64_t turns = loop_turns(w.loop);
    assert_non_null(strstr(hear(&w), "skipped=0 'z'"));
    assert_true(loop_turns(w.loop) - turns < 8); /* and does not nap for one message */
    size_t n = 0;
    for (const char *p = str_text(&w.said); (p = strstr(p, "skipped=0 'y'")); p++)
        n++;
    assert_int_equal(n, 20);
    loop_timer_stop(&t.timer);
    close_world(&w);
}

static void test_what_is_no_socket(void **state)
{
    (void)state;
    struct err e;
    struct loop *l = loop_new(&e);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_null(text_open(l, fd, on_piece, NULL, &e));
    assert_non_null(strstr(e.msg, "no socket"));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    loop_free(&l);
}

RUN(TEST(test_pieces), TEST(test_a_new_key_starts_anew), TEST(test_much_and_the_end),
    TEST(test_naps), TEST(test_what_is_no_socket))
