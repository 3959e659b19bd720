/* [notify:N]: what the checks of each kind say, and that they repeat no secret. */
#include "tests/unit/conf_text.h"
#include "tests/unit/unit.h"

static const struct {
    const char *options, *error; /* behind "notify:n." */
} rows[] = {
    {"type=webhook", "url: is missing: where is it to be sent?"},
    {"type=webhook\nurl=x.example", "url: has to begin with http:// or https://"},
    {"type=webhook\nurl=ftp://x.example", "url: has to begin with http:// or https://"},
    {"type=webhook\nurl=https://", "url: has no host"},
    {"type=webhook\nurl=https://:80/", "url: has no host"},
    {"type=webhook\nurl=https://x:99999/", "url: has a port that is none"},
    {"type=webhook\nurl=https://x:8y/", "url: has a port that is none"},
    {"type=webhook\nurl=https://x:0", "url: has a port that is none"},
    {"type=webhook\nurl=https://[::1]:/a", "url: has a port that is none"},
    {"type=webhook\nurl=https://[::1]:443/a:b", NULL},
    {"type=webhook\nurl=https://me:pw@x.example/",
     "url: holds a user's name; write user= and password_file="},
    {"type=webhook\nurl=http://169.254.169.254/latest",
     "url: goes to a link-local address, where nobody waits for alerts"},
    {"type=webhook\nurl=http://[fe80::1]/",
     "url: goes to a link-local address, where nobody waits for alerts"},
    {"type=webhook\nurl=http://x/a b",
     "url: has a blank or a control character; write %%20 for a blank"},
    {"type=webhook\nurl=http://x\nheaders=nothing", "headers: each line has to be \"Name: value\""},
    {"type=webhook\nurl=http://x\nheaders=A b: c", "headers: each line has to be \"Name: value\""},
    {"type=webhook\nurl=http://x\nheaders=Webhook-ID: c", "headers: webhook-id is set by supd"},
    {"type=webhook\nurl=http://x\nheaders=X-A: b\n  content-length: 1",
     "headers: Content-Length is set by supd"},
    {"type=webhook\nurl=http://x\nsecret=short",
     "secret: is too short to protect anything: at least 16 bytes"},
    {"type=webhook\nurl=http://x\nsecret=whsec_c2hvcnQ=",
     "secret: is too short to protect anything: at least 16 bytes"},
    {"type=webhook\nurl=http://x\nsecret=whsec_no!base64",
     "secret: what follows whsec_ has to be base64"},
    {"type=webhook\nurl=http://x\nuser=u\nbearer=b",
     "bearer: user= and bearer= exclude each other"},
    {"type=webhook\nurl=http://x\npassword=hidden", "password: needs user="},
    {"type=webhook\nurl=http://x\nproxy=https://p", "proxy: has to begin with http://"},
    {"type=webhook\nurl=http://x\nbearer=a b", "bearer: has a blank or a control character"},
    {"type=slack", "url: is missing: where is it to be sent?"},
    {"type=pagerduty", "routing_key: is missing: which service is to be told?"},
    {"type=pagerduty\nrouting_key=hidden", "routing_key: has to be 32 letters and digits"},
    {"type=pagerduty\nrouting_key=0123456789abcdef0123456789abcdef0",
     "routing_key: has to be 32 letters and digits"},
    {"type=pagerduty\nrouting_key=0123456789abcdef0123456789abcdef\nurl=x",
     "url: has to begin with https:// or http://"},
    {"type=alertmanager", "urls: is missing: where is it to be sent?"},
    {"type=alertmanager\nurls=http://a, b:9093", "urls: has to begin with http:// or https://"},
    {"type=smtp\nfrom=a@b\nto=c@d", "url: is missing: where is it to be sent?"},
    {"type=smtp\nurl=https://m\nfrom=a@b\nto=c@d", "url: has to begin with smtp:// or smtps://"},
    {"type=smtp\nurl=smtp://m\nto=c@d", "from: is missing: whose mail is it?"},
    {"type=smtp\nurl=smtp://m\nfrom=nobody\nto=c@d", "from: 'nobody' is no mail address"},
    {"type=smtp\nurl=smtp://m\nfrom=A <a@b> x\nto=c@d", "from: 'A <a@b> x' is no mail address"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\n c\nto=c@d", "from: has more than one line"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b", "to: is missing: who gets the mail?"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\nto=c@d, x y@z", "to: 'x y@z' is no mail address"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\nto=a@b@c", "to: 'a@b@c' is no mail address"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\nto=-o@c", "to: '-o@c' is no mail address"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\nto=<c@d>", "to: '<c@d>' is no mail address"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\nto=c@d\nuser=u\nstarttls=offered",
     "starttls: a password goes over TLS only: required, or smtps://"},
    {"type=smtp\nurl=smtp://m\nfrom=a@b\nto=c@d\nuser=u\nstarttls=never",
     "starttls: a password goes over TLS only: required, or smtps://"},
    {"type=command", "command: is missing: what is to be run?"},
    {"type=command\ncommand='open", "command: No closing quotation"},
    {"type=command\ncommand=''", NULL},
    {"type=smtp\nurl=smtps://m\nfrom=A B <a@b>\nto=c@d\nuser=u\npassword=p\nstarttls=never", NULL},
    {"type=log", NULL},
};

static void checks_say_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[512];
        snprintf(text, sizeof(text), "[supd]\n[supervisord]\n[notify:n]\n%s\n", rows[i].options);
        struct conf *c = load_text(text);
        size_t n = conf_nerrors(c);
        const char *error = n ? conf_error(c, 0) : NULL, *at = error;
        at = error ? strstr(error, "notify:n.") : NULL;
        if (n != (rows[i].error ? 1 : 0) ||
            (n && (!at || strcmp(at + strlen("notify:n."), rows[i].error) != 0)))
            fail_msg("row %zu: %zu errors, '%s'", i, n, error ? error : "");
        if (n)
            assert_null(strstr(error, "hidden"));
        conf_free(&c);
    }
}

static void secrets_come_from_files(void **state)
{
    (void)state;
    char path[] = "/tmp/test_notify_options.XXXXXX", text[256];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, "0123456789abcdef0123456789abcdef\n", 33), 0);
    snprintf(text, sizeof(text),
             "[supd]\n[supervisord]\n[notify:n]\ntype=pagerduty\nrouting_key_file=%s\n", path);
    struct conf *c = load_text(text);
    assert_int_equal(conf_nerrors(c), 0);
    conf_free(&c);
    fd_close(&fd);
    unlink(path);
    c = load_text(text);
    assert_int_equal(conf_nerrors(c), 1);
    conf_free(&c);
}

RUN(TEST(checks_say_what_is_wrong), TEST(secrets_come_from_files))
