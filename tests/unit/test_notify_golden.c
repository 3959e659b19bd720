/* What every kind of notifier sends for every kind of notice, byte for byte, as
 * tests/golden/notify/KIND/NOTICE has it. `unit_notify_golden write` writes these files anew. */
#include "tests/unit/notify_world.h"

#include <jansson.h>

static const struct {
    const char *name, *options;
} kinds[] = {
    {"webhook", "type=webhook\nurl=https://x.example/hook\nheaders=X-Team: core\n"
                "secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
                "  a plain one of some length\nbearer=tok\n"},
    {"webhook-plain",
     "type=webhook\nurl=http://x.example/\nuser=u\npassword=p\ntls_verify=false\n"},
    {"slack", "type=slack\nurl=https://hooks.slack.com/services/T/B/C\n"},
    {"pagerduty", "type=pagerduty\nrouting_key=0123456789abcdef0123456789abcdef\nregion=eu\n"},
    {"alertmanager", "type=alertmanager\nurls=http://a:9093/, http://b:9093/prefix\n"},
    {"smtp", "type=smtp\nurl=smtp://mail.example:587\nfrom=Supd \xc3\x9c <supd@example.com>\n"
             "to=a@example.com, b@example.com\nuser=u\npassword=p\ntls_ca=/etc/ca.pem\n"},
    {"command", "type=command\ncommand=/bin/notify --to \"a b\"\n"},
    {"log", "type=log\n"},
};
static const char *const notices[NOTICE_KINDS + 1] = {
    [NOTICE_FIRING] = "firing",     [NOTICE_UPDATE] = "update", [NOTICE_REMINDER] = "reminder",
    [NOTICE_RESOLVED] = "resolved", [NOTICE_BRIEF] = "brief",   [NOTICE_FLAPPING] = "flapping",
    [NOTICE_DIGEST] = "digest",     [NOTICE_ACK] = "ack",       [NOTICE_TEST] = "test",
    [NOTICE_KINDS] = "hostile",
};

static bool writing;

static void sent(size_t kind, size_t what, struct str *out)
{
    struct conf *c;
    struct tell_message m;
    const struct item *it = item_of(kinds[kind].options, &c);
    struct notice n = what == NOTICE_KINDS ? notice_hostile() : notice_of((enum notice_kind)what);
    const struct notice *one = &n;
    tell_message_init(&m);
    tell_of(it)->build(it, &one, 1, (wall_t){T0 + INT64_C(120500000000)}, &m);
    say_message(out, &m);
    if (m.way == TELL_HTTP || m.way == TELL_COMMAND) {
        json_t *j = json_loadb(str_text(&m.body), m.body.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(j);
        json_decref(j);
    }
    tell_message_fini(&m);
    conf_free(&c);
}

static void read_file(const char *path, struct str *out)
{
    char buf[4096];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
        str_put(out, buf, n);
    fclose(f);
}

static void compare(const char *path, const struct str *got)
{
    struct str want = STR_INIT;
    if (writing) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(got->s, 1, got->len, f);
        fclose(f);
    }
    read_file(path, &want);
    if (want.len != got->len || memcmp(want.s, got->s, got->len) != 0)
        fail_msg("%s has\n%s\nbut sent is\n%s", path, str_text(&want), str_text(got));
    str_fini(&want);
}

static void all_are_as_they_were(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        for (size_t j = 0; j <= NOTICE_KINDS; j++) {
            struct str got = STR_INIT;
            char path[200];
            snprintf(path, sizeof(path), "tests/golden/notify/%s/%s", kinds[i].name, notices[j]);
            sent(i, j, &got);
            compare(path, &got);
            str_fini(&got);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {TEST(all_are_as_they_were)};
    writing = argc > 1 && strcmp(argv[1], "write") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
