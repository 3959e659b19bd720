/* One attempt to deliver: through real sockets to servers on loopback that answer well, wrongly,
 * late or not at all, through commands, and to the log. */
#include "alerts/send.h"
#include "alerts/sign.h"
#include "supervisor/base/log.h"
#include "supervisor/io/exec_out.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/mail_out.h"
#include "tests/unit/notify_world.h"
#include "tests/unit/peers.h"

#include <signal.h>

struct bed {
    struct send_env env;
    struct resolve *resolve;
    struct peer peer, other;
    struct tell_verdict v;
    unsigned answers;
};

/* reads what the headers announce; the request stays in last */
static void read_body(struct peer *p, int fd)
{
    const char *head = strstr(p->last, "\r\n\r\n"), *len = strstr(p->last, "Content-Length: ");
    size_t n = strlen(p->last);
    size_t want = head && len ? (size_t)(head - p->last) + 4 + strtoul(len + 16, NULL, 10) : n;
    while (n < want && n < sizeof(p->last) - 1) {
        ssize_t r = recv(fd, p->last + n, sizeof(p->last) - 1 - n, 0);
        if (r <= 0)
            return;
        n += (size_t)r;
        p->last[n] = '\0';
    }
}

static bool reset(int fd)
{
    struct linger l = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    return false;
}

/* the path says how it behaves */
static const struct {
    const char *path, *answer;
} behaviours[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {"/202", "HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{\"status\":\"success\"}"},
    {"/429s", "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
    {"/429d", "HTTP/1.1 429 Slow\r\nretry-after:  Fri, 01 Jan 2100 00:00:00 GMT \r\n"
              "Content-Length: 0\r\n\r\n"},
    {"/429j", "HTTP/1.1 429 Slow\r\nContent-Length: 19\r\n\r\n{\"retry_after\":0.5}"},
    {"/500", "HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\noops\r\n"},
    {"/400", "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nbad"},
    {"/302", "HTTP/1.1 302 Go\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {"/garbage", "220 mail.example ESMTP\r\n\r\n"},
    {"/half", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"},
};

static bool serve(struct peer *p, int fd, const char *req)
{
    const char *path = strchr(req, ' ') ? strchr(req, ' ') + 1 : "";
    read_body(p, fd);
    for (size_t i = 0; i < COUNT(behaviours); i++) {
        size_t n = strlen(behaviours[i].path);
        if (strncmp(path, behaviours[i].path, n) == 0 && strchr(" /?", path[n]))
            return peer_say(fd, behaviours[i].answer), false;
    }
    if (strncmp(path, "/echo", 5) == 0) { /* repeats what it was sent, as some do */
        char answer[4096 + 64];
        snprintf(answer, sizeof(answer), "HTTP/1.1 400 Bad\r\n\r\n%.*s", (int)strcspn(req, "\r\n"),
                 req);
        return peer_say(fd, answer), false;
    }
    if (strncmp(path, "/slow", 5) == 0)
        peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    if (strncmp(path, "/reset", 6) == 0)
        return reset(fd);
    return true; /* silent */
}

static void on_done(void *obj, const struct tell_verdict *v)
{
    struct bed *w = obj;
    w->v = *v;
    w->answers++;
    loop_stop(w->env.loop);
}

static int setup(void **state)
{
    struct err e;
    struct bed *w = calloc(1, sizeof(*w));
    signal(SIGPIPE, SIG_IGN);
    w->env.loop = loop_new(&e);
    w->resolve = resolve_new(w->env.loop, "127.0.0.1:9", &e);
    w->env.http = http_new(w->env.loop, w->resolve, &e);
    w->env.exec = exec_new(w->env.loop);
    w->env.mail = mail_new(w->env.loop, w->resolve, &e);
    assert_non_null(w->env.http);
    assert_non_null(w->env.mail);
    peer_start(&w->peer, true, serve);
    peer_start(&w->other, true, serve);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct bed *w = *state;
    exec_free(&w->env.exec);
    mail_free(&w->env.mail);
    http_free(&w->env.http);
    resolve_free(&w->resolve);
    loop_free(&w->env.loop);
    peer_stop(&w->peer);
    peer_stop(&w->other);
    free(w);
    return 0;
}

static const struct tell_verdict *send_notice(struct bed *w, const char *options,
                                              enum notice_kind kind)
{
    struct conf *c;
    const struct item *it = item_of(options, &c);
    struct notice n = notice_of(kind);
    const struct notice *one = &n;
    struct send_request rq = {
        .env = &w->env, .item = it, .notices = &one, .n = 1, .done = on_done, .obj = w};
    unsigned before = w->answers;
    loop_refresh(w->env.loop);
    send_start(&rq);
    assert_int_equal(w->answers, before); /* never from inside */
    loop_run(w->env.loop);
    assert_int_equal(w->answers, before + 1);
    conf_free(&c);
    return &w->v;
}

static const struct tell_verdict *hook(struct bed *w, const char *path, const char *more)
{
    char options[1024];
    snprintf(options, sizeof(options), "type=webhook\nurl=http://127.0.0.1:%u%s\ntimeout=400ms\n%s",
             w->peer.port, path, more);
    return send_notice(w, options, NOTICE_FIRING);
}

static void servers_of_all_sorts(void **state)
{
    struct bed *w = *state;
    static const struct {
        const char *path;
        enum tell_result result;
        int64_t retry_ms;
        const char *text;
    } all[] = {
        {"/ok", TELL_DELIVERED, 0, "status 200"},
        {"/429s", TELL_RETRY, 7000, "status 429"},
        {"/429d", TELL_RETRY, 86400000, "status 429"},
        {"/429j", TELL_RETRY, 500, "status 429: {\"retry_after\":0.5}"},
        {"/500", TELL_RETRY, 0, "status 500: oops"},
        {"/400", TELL_PERMANENT, 0, "status 400: bad"},
        {"/302", TELL_PERMANENT, 0, "status 302: redirects are not followed"},
        {"/garbage", TELL_RETRY, 0, "answered with something that is not HTTP"},
        {"/half", TELL_RETRY, 0, "closed the connection before the end of the body"},
        {"/slow", TELL_RETRY, 0, "the answer did not end within"},
        {"/silent", TELL_RETRY, 0, "waiting for the first byte"},
        {"/reset", TELL_RETRY, 0, "broke before the end of the answer"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        const struct tell_verdict *v = hook(w, all[i].path, "");
        if (v->result != all[i].result || v->retry_after.ns / 1000000 != all[i].retry_ms ||
            !strstr(v->text, all[i].text))
            fail_msg("%s: %d, %lld ms, '%s'", all[i].path, (int)v->result,
                     (long long)v->retry_after.ns / 1000000, v->text);
    }
}

static void nobody_listens(void **state)
{
    struct bed *w = *state;
    unsigned port;
    char options[256];
    int fd = peer_bind(SOCK_STREAM, &port);
    snprintf(options, sizeof(options), "type=slack\nurl=http://127.0.0.1:%u/hook\n", port);
    const struct tell_verdict *v = send_notice(w, options, NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_non_null(strstr(v->text, "connection refused by 127.0.0.1:"));
    snprintf(options, sizeof(options),
             "type=smtp\nurl=smtp://127.0.0.1:%u\nfrom=a@b.example\nto=c@d.example\n"
             "user=u\npassword=s3cr3t\n",
             port);
    v = send_notice(w, options, NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_non_null(strstr(v->text, "mail to 127.0.0.1:"));
    if (!strstr(v->text, "Connection refused"))
        fail_msg("%s", v->text);
    close(fd);
    v = send_notice(w, "type=slack\nurl=https://nowhere.invalid/\ntimeout=300ms\n", NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_non_null(strstr(v->text, "nowhere.invalid"));
}

static const char *header_of(const char *req, const char *name, char *buf, size_t size)
{
    char line[128];
    snprintf(line, sizeof(line), "\r\n%s: ", name);
    const char *p = strstr(req, line);
    if (!p)
        fail_msg("no %s in %s", name, req);
    p += strlen(line);
    snprintf(buf, size, "%.*s", (int)strcspn(p, "\r\n"), p);
    return buf;
}

/* what a receiver computes of what it got */
static void check_signature(const char *req, const char *keys)
{
    char id[128], stamp[64], want[512], got[512];
    struct tell_message m;
    struct str out = STR_INIT;
    tell_message_init(&m);
    str_puts(&m.body, strstr(req, "\r\n\r\n") + 4);
    str_puts(&m.sign_id, header_of(req, "webhook-id", id, sizeof(id)));
    str_puts(&m.sign_keys, keys);
    header_of(req, "webhook-timestamp", stamp, sizeof(stamp));
    int64_t at = strtoll(stamp, NULL, 10), now = wall_now().ns / 1000000000;
    assert_in_range(now - at, 0, 60);
    assert_true(sign_headers(&m, (wall_t){at * 1000000000}, &out));
    char *p = strstr(str_text(&out), "webhook-signature: ") + strlen("webhook-signature: ");
    snprintf(want, sizeof(want), "%.*s", (int)strcspn(p, "\n"), p);
    assert_string_equal(header_of(req, "webhook-signature", got, sizeof(got)), want);
    p = strstr(str_text(&out), "sha256=");
    snprintf(want, sizeof(want), "%.*s", (int)strcspn(p, "\n"), p);
    assert_string_equal(header_of(req, "X-Hub-Signature-256", got, sizeof(got)), want);
    tell_message_fini(&m);
    str_fini(&out);
}

static void a_webhook_is_signed(void **state)
{
    struct bed *w = *state;
    char id[2][128];
    for (int i = 0; i < 2; i++) {
        hook(w, "/ok",
             "secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n  another one 12345\n"
             "headers=X-Team: core\n  X-Two: 2\nbearer=token\n");
        assert_int_equal(w->v.result, TELL_DELIVERED);
        check_signature(w->peer.last, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nanother one 12345");
        header_of(w->peer.last, "webhook-id", id[i], sizeof(id[i]));
    }
    assert_string_equal(id[0], id[1]); /* the same on every attempt */
    assert_non_null(strstr(w->peer.last, "\r\nX-Team: core\r\n"));
    assert_non_null(strstr(w->peer.last, "\r\nX-Two: 2\r\n"));
    assert_non_null(strstr(w->peer.last, "\r\nAuthorization: Bearer token\r\n"));
    assert_non_null(strstr(w->peer.last, "\r\nContent-Type: application/json\r\n"));
    assert_true(strncmp(w->peer.last, "POST /ok HTTP/1.1\r\n", 19) == 0);
}

/* the example of the Standard Webhooks libraries */
static void a_known_signature(void **state)
{
    (void)state;
    struct tell_message m;
    struct str out = STR_INIT;
    tell_message_init(&m);
    str_puts(&m.body, "{\"test\": 2432232314}");
    str_puts(&m.sign_id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
    str_puts(&m.sign_keys, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_true(sign_headers(&m, (wall_t){INT64_C(1614265330) * 1000000000}, &out));
    assert_non_null(strstr(str_text(&out), "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\n"
                                           "webhook-timestamp: 1614265330\n"
                                           "webhook-signature: "
                                           "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"));
    str_clear(&m.sign_keys);
    assert_false(sign_headers(&m, (wall_t){1}, &out));
    tell_message_fini(&m);
    str_fini(&out);
}

static void no_secret_in_a_verdict(void **state)
{
    struct bed *w = *state;
    const struct tell_verdict *v = hook(w, "/echo/s3cr3t?token=hidden", "");
    assert_int_equal(v->result, TELL_PERMANENT);
    assert_null(strstr(v->text, "s3cr3t"));
    assert_null(strstr(v->text, "hidden"));
    assert_non_null(strstr(v->text, "status 400: POST ***"));
    v = hook(w, "/silent/s3cr3t", "");
    assert_null(strstr(v->text, "s3cr3t"));
}

static void link_local_addresses_are_refused(void **state)
{
    struct bed *w = *state;
    const struct tell_verdict *v =
        send_notice(w, "type=alertmanager\nurls=http://[::ffff:169.254.169.254]:80\ntimeout=2s\n",
                    NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_non_null(strstr(v->text, "has a link-local address only"));
}

static void all_of_several_urls(void **state)
{
    struct bed *w = *state;
    char options[256];
    snprintf(options, sizeof(options),
             "type=alertmanager\nurls=http://127.0.0.1:%u/500,http://127.0.0.1:%u/ok\n",
             w->peer.port, w->other.port);
    assert_int_equal(send_notice(w, options, NOTICE_FIRING)->result, TELL_DELIVERED);
    assert_true(strncmp(w->peer.last, "POST /500/api/v2/alerts ", 24) == 0);
    assert_true(strncmp(w->other.last, "POST /ok/api/v2/alerts ", 23) == 0);
    snprintf(options, sizeof(options),
             "type=alertmanager\nurls=http://127.0.0.1:%u/400,http://127.0.0.1:%u/429s\n",
             w->peer.port, w->other.port);
    const struct tell_verdict *v = send_notice(w, options, NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_int_equal(v->retry_after.ns, DUR_S(7).ns);
}

static void pagerduty_queues(void **state)
{
    struct bed *w = *state;
    char options[256];
    snprintf(options, sizeof(options),
             "type=pagerduty\nrouting_key=0123456789abcdef0123456789abcdef\n"
             "url=http://127.0.0.1:%u/202\n",
             w->peer.port);
    assert_int_equal(send_notice(w, options, NOTICE_FIRING)->result, TELL_DELIVERED);
    assert_non_null(strstr(w->peer.last, "\"event_action\":\"trigger\""));
    assert_int_equal(send_notice(w, options, NOTICE_RESOLVED)->result, TELL_DELIVERED);
    assert_non_null(strstr(w->peer.last, "\"event_action\":\"resolve\""));
    assert_null(strstr(w->peer.last, "\"payload\""));
}

static void commands(void **state)
{
    struct bed *w = *state;
    const struct tell_verdict *v =
        send_notice(w, "type=command\ncommand=grep -q '\"kind\":\"firing\"'\n", NOTICE_FIRING);
    assert_int_equal(v->result, TELL_DELIVERED);
    v = send_notice(w, "type=command\ncommand=grep -q '\"kind\":\"resolved\"'\n", NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_string_equal(v->text, "exit 1");
    v = send_notice(w, "type=command\ncommand=sh -c 'echo \"$SUPD_ALERT\"; exit 65'\n",
                    NOTICE_FIRING);
    assert_int_equal(v->result, TELL_PERMANENT);
    assert_string_equal(v->text, "exit 65: api-latency");
    v = send_notice(w, "type=command\ntimeout=200ms\ncommand=sleep 100\n", NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_string_equal(v->text, "it took too long and was ended");
    v = send_notice(w, "type=command\ncommand=/nowhere/x\n", NOTICE_FIRING);
    assert_int_equal(v->result, TELL_RETRY);
    assert_string_equal(v->text, "cannot run /nowhere/x: No such file or directory");
}

static void the_log_has_a_line(void **state)
{
    struct bed *w = *state;
    int ends[2];
    char text[1024] = "";
    assert_int_equal(pipe(ends), 0);
    log_setup(ends[1], LVL_INFO, false);
    const struct tell_verdict *v = send_notice(w, "type=log\ndetails=false\n", NOTICE_FIRING);
    log_setup(2, LVL_INFO, false);
    assert_int_equal(v->result, TELL_DELIVERED);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, " ERRO alert api-latency: firing severity=page "
                                 "summary=\"p95 812 ms (limit 300) since 18:00\"\n"));
    close(ends[0]);
    close(ends[1]);
}

static void cancelled_attempts_say_nothing(void **state)
{
    struct bed *w = *state;
    struct conf *c[3];
    char options[128];
    snprintf(options, sizeof(options), "type=webhook\nurl=http://127.0.0.1:%u/silent\n",
             w->peer.port);
    const struct item *items[] = {item_of(options, &c[0]), item_of("type=log\n", &c[1]),
                                  item_of("type=command\ncommand=sleep 1000\n", &c[2])};
    struct notice n = notice_of(NOTICE_FIRING);
    const struct notice *one = &n;
    for (size_t i = 0; i < COUNT(items); i++) {
        struct send_request rq = {
            .env = &w->env, .item = items[i], .notices = &one, .n = 1, .done = on_done, .obj = w};
        struct send *s = send_start(&rq);
        send_cancel(&s);
        assert_null(s);
        conf_free(&c[i]);
    }
    hook(w, "/ok", "");
    assert_int_equal(w->answers, 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(servers_of_all_sorts),
        T(nobody_listens),
        T(a_webhook_is_signed),
        TEST(a_known_signature),
        T(no_secret_in_a_verdict),
        T(link_local_addresses_are_refused),
        T(all_of_several_urls),
        T(pagerduty_queues),
        T(commands),
        T(the_log_has_a_line),
        T(cancelled_attempts_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
