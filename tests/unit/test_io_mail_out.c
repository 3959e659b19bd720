/* Mail to servers that stop answering at each step: the loop is never held, and what came of the
 * mail is told. */
#include "supervisor/io/mail_out.h"
#include "tests/unit/peers.h"

#include <signal.h>

struct world {
    struct loop *loop;
    struct resolve *resolve;
    struct mail *mail;
    struct peer peer;
    struct mail_result r;
    char error[512], reply[512];
    unsigned answers;
    struct loop_timer tick;
    mono_t last;
    int64_t longest; /* between two ticks, ns */
};

/* the commands of a mail, and what a good server answers */
static const struct {
    const char *command, *answer;
} steps[] = {
    {"", "220 hello\r\n"},  {"EHLO", "250 me\r\n"}, {"MAIL", "250 ok\r\n"},  {"RCPT", "250 ok\r\n"},
    {"DATA", "354 go\r\n"}, {".", "250 taken\r\n"}, {"QUIT", "221 bye\r\n"},
};

static bool read_line(int fd, char *buf, size_t size)
{
    size_t n = 0;
    while (n < size - 1 && recv(fd, buf + n, 1, 0) == 1 && buf[n] != '\n')
        n++;
    buf[n] = '\0';
    return n > 0;
}

/* arg: the step at which it falls silent; above 100 it refuses there */
static bool serve(struct peer *p, int fd, const char *req)
{
    size_t stop = (size_t)(uintptr_t)p->arg, step = 0;
    char line[512];
    (void)req;
    for (;; step++) {
        if (stop == step)
            return true;
        peer_say(fd, stop == step + 100 ? "554-5.7.1 no\r\n554 5.7.1 not here\r\n"
                                        : steps[step].answer);
        if (step + 1 == COUNT(steps))
            return false;
        do {
            if (!read_line(fd, line, sizeof(line)))
                return false;
        } while (strncmp(line, steps[step + 1].command, strlen(steps[step + 1].command)) != 0 &&
                 strncmp(line, "QUIT", 4) != 0 && strncmp(line, "HELO", 4) != 0);
        if (strncmp(line, "QUIT", 4) == 0)
            step = COUNT(steps) - 2;
    }
}

static void on_done(void *obj, const struct mail_result *r)
{
    struct world *w = obj;
    w->r = *r;
    snprintf(w->error, sizeof(w->error), "%s", r->error ? r->error : "");
    snprintf(w->reply, sizeof(w->reply), "%s", r->reply);
    w->answers++;
    loop_stop(w->loop);
}

static void on_tick(struct world *w)
{
    mono_t now = mono_now();
    int64_t gap = mono_sub(now, w->last).ns;
    w->longest = gap > w->longest ? gap : w->longest;
    w->last = now;
    loop_timer_at(&w->tick, mono_add(now, DUR_MS(10)));
}

static int setup(void **state)
{
    struct err e;
    struct world *w = calloc(1, sizeof(*w));
    signal(SIGPIPE, SIG_IGN);
    w->loop = loop_new(&e);
    w->resolve = resolve_new(w->loop, "127.0.0.1:9", &e);
    w->mail = mail_new(w->loop, w->resolve, &e);
    assert_non_null(w->mail);
    LOOP_TIMER(&w->tick, w->loop, on_tick, w);
    peer_start(&w->peer, false, serve);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    loop_timer_stop(&w->tick);
    mail_free(&w->mail);
    resolve_free(&w->resolve);
    loop_free(&w->loop);
    peer_stop(&w->peer);
    free(w);
    return 0;
}

static struct mail_request request(struct world *w, const char *host)
{
    static char url[128];
    snprintf(url, sizeof(url), "smtp://%s:%u", host, w->peer.port);
    loop_refresh(w->loop);
    return (struct mail_request){.url = url,
                                 .from = "a@example.com",
                                 .to = "b@example.com\n",
                                 .message = "Subject: x\r\n\r\n.dot\r\n",
                                 .message_len = 21,
                                 .starttls = MAIL_STARTTLS_NEVER,
                                 .timeout = DUR_MS(700),
                                 .done = on_done,
                                 .obj = w};
}

static const struct mail_result *post(struct world *w, size_t stop)
{
    struct mail_request rq = request(w, "127.0.0.1");
    unsigned before = w->answers;
    w->peer.arg = (void *)(uintptr_t)stop;
    w->last = mono_now();
    w->longest = 0;
    loop_timer_at(&w->tick, mono_add(w->last, DUR_MS(10)));
    mail_start(w->mail, &rq);
    assert_int_equal(w->answers, before); /* never from inside */
    loop_run(w->loop);
    assert_int_equal(w->answers, before + 1);
    return &w->r;
}

static void a_mail_is_taken(void **state)
{
    struct world *w = *state;
    const struct mail_result *r = post(w, 99);
    assert_string_equal(w->error, "");
    assert_null(r->error);
    assert_int_equal(r->code, 250);
}

static void silence_at_each_step_does_not_hold_the_loop(void **state)
{
    struct world *w = *state;
    for (size_t stop = 0; stop < COUNT(steps); stop++) {
        mono_t start = mono_now();
        const struct mail_result *r = post(w, stop);
        if (stop + 1 < COUNT(steps)) {
            assert_non_null(strstr(w->error, "mail to 127.0.0.1:"));
            assert_non_null(strstr(w->error, ": no answer in time"));
        } else { /* it was taken, whatever becomes of QUIT */
            assert_null(r->error);
        }
        assert_true(mono_sub(mono_now(), start).ns < DUR_S(8).ns);
        assert_true(w->longest < DUR_MS(500).ns);
    }
}

static void a_refusal_has_its_text(void **state)
{
    struct world *w = *state;
    for (size_t step = 2; step < 6; step++) {
        const struct mail_result *r = post(w, 100 + step);
        assert_int_equal(r->code, 554);
        assert_non_null(r->error);
        assert_string_equal(w->reply, "5.7.1 not here");
    }
}

static void what_cannot_begin_is_answered(void **state)
{
    struct world *w = *state;
    static const char *const urls[][2] = {
        {"smtp://nowhere.invalid:25", "cannot resolve nowhere.invalid"},
        {"smtp://[fe80::1]:25", "has a link-local address only"},
        {"http://127.0.0.1", "the URL of the mail server is malformed"},
        {"smtp://", "the URL of the mail server is malformed"},
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct mail_request rq = request(w, "x");
        rq.url = urls[i][0];
        mail_start(w->mail, &rq);
        loop_run(w->loop);
        if (!strstr(w->error, urls[i][1]))
            fail_msg("%s: %s", urls[i][0], w->error);
    }
}

static void names_come_from_the_resolver(void **state)
{
    struct world *w = *state;
    struct mail_request rq = request(w, "localhost");
    w->peer.arg = (void *)(uintptr_t)99;
    mail_start(w->mail, &rq);
    loop_run(w->loop);
    assert_string_equal(w->error, "");
}

static void cancelled_ones_say_nothing_and_count(void **state)
{
    struct world *w = *state;
    struct mail_run *runs[MAIL_THREADS + 1];
    w->peer.arg = (void *)(uintptr_t)0;
    for (size_t i = 0; i < COUNT(runs); i++) {
        struct mail_request rq = request(w, "127.0.0.1");
        runs[i] = mail_start(w->mail, &rq);
    }
    loop_run(w->loop); /* the last one is refused at once */
    assert_int_equal(w->answers, 1);
    assert_string_equal(w->error, "4 mails are under way already");
    for (size_t i = 0; i < MAIL_THREADS; i++)
        mail_cancel(&runs[i]);
    struct mail_request rq = request(w, "127.0.0.1");
    struct mail_run *early = mail_start(w->mail, &rq); /* not yet resolved */
    mail_cancel(&early);
    assert_null(early);
    for (int i = 0; i < 500 && w->r.code != 250; i++) {
        poll(NULL, 0, 10);
        post(w, 99); /* until the threads have ended */
    }
    assert_int_equal(w->r.code, 250);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_mail_is_taken),
        T(silence_at_each_step_does_not_hold_the_loop),
        T(a_refusal_has_its_text),
        T(what_cannot_begin_is_answered),
        T(names_come_from_the_resolver),
        T(cancelled_ones_say_nothing_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
