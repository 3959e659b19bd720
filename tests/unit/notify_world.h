/* For the tests of notifiers: a [notify:n] from its options, and notices of each kind. */
#ifndef TESTS_NOTIFY_WORLD_H
#define TESTS_NOTIFY_WORLD_H

#include "alerts/payload/tell.h"
#include "tests/unit/conf_text.h"
#include "tests/unit/unit.h"

/* the text of one section, as the loader saw it; conf_free(&c) frees the item */
static inline const struct item *item_of(const char *options, struct conf **out_c)
{
    struct str text = STR_INIT;
    str_printf(&text, "[supd]\n[supervisord]\n[notify:n]\n%s", options);
    struct conf *c = *out_c = load_text(str_text(&text));
    str_fini(&text);
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    assert_int_equal(c->items.n, 1);
    return c->items.v[0];
}

static const struct notice_label notice_labels[] = {{"queue", "mail"}, {"team", "core"}};

#define T0 (INT64_C(1795456800) * 1000000000) /* 2026-11-23T18:00:00Z */

static inline struct notice notice_of(enum notice_kind kind)
{
    bool over = kind == NOTICE_RESOLVED || kind == NOTICE_BRIEF;
    return (struct notice){.kind = kind,
                           .id = "msg_0123456789abcdef",
                           .key = "web-1/latency/a1b2c3d4",
                           .alert = "api-latency",
                           .severity = kind == NOTICE_REMINDER ? "warning" : "page",
                           .was = kind == NOTICE_UPDATE ? "warning"
                                  : over                ? "info critical"
                                                        : "",
                           .summary = "p95 812 ms (limit 300) since 18:00",
                           .description = "Requests of \"api\" are slow.\nLook at the database.",
                           .reason = "p95(5m) = 812 > 300",
                           .runbook = "https://wiki.example/runbook?a=1&b=2",
                           .dashboard = "https://grafana.example/d/1",
                           .program = "api",
                           .host = "web-1",
                           .ack = "supctl alerts ack web-1/latency/a1b2c3d4",
                           .labels = notice_labels,
                           .nlabels = 2,
                           .has_value = true,
                           .value = 812.1,
                           .limit = 300,
                           .starts = {T0 + 42000000},
                           .ends = {over ? T0 + INT64_C(90000000000) : 0},
                           .at = {T0 + INT64_C(120000000000)}};
}

/* what a hostile log line may bring */
static inline struct notice notice_hostile(void)
{
    struct notice n = notice_of(NOTICE_FIRING);
    static const struct notice_label labels[] = {{"0-bad name", "<!channel> & \xff"},
                                                 {"empty", ""}};
    n.alert = "a&b <!here>";
    n.summary = "<!channel> \"x\" \\ \xc3\xa4\xf0\x9f\x94\xa5\r\nBcc: all@example.com\r\n\r\n.\r\n";
    n.description = "line\n.\nfrom \x01\x7f\xc3\x28 =?utf-8?q?x?=";
    n.reason = "a < b && c > d";
    n.runbook = "javascript:alert(1)";
    n.dashboard = "https://x.example/a b";
    n.program = "";
    n.labels = labels;
    n.value = 0.0 / 0.0 * 1;
    n.limit = 1e308 * 10;
    return n;
}

static inline void say_part(struct str *out, const char *name, const struct str *s)
{
    if (!s->len)
        return;
    str_printf(out, "%s: ", name);
    for (size_t i = 0; i < s->len; i++)
        str_putc(out, s->s[i] ? s->s[i] : '|');
    str_puts(out, s->s[s->len - 1] == '\n' ? "" : "\n");
}

/* all of a message, for comparison */
static inline void say_message(struct str *out, const struct tell_message *m)
{
    static const char *const ways[] = {"http", "smtp", "command", "log"};
    str_printf(out, "way: %s\n", ways[m->way]);
    say_part(out, "url", &m->url);
    say_part(out, "headers", &m->headers);
    say_part(out, "args", &m->args);
    say_part(out, "from", &m->from);
    say_part(out, "to", &m->to);
    say_part(out, "user", &m->user);
    say_part(out, "secret", &m->secret);
    say_part(out, "sign_id", &m->sign_id);
    say_part(out, "sign_keys", &m->sign_keys);
    str_printf(out, "tls: %s %s %d, level %d\n", m->tls_insecure ? "insecure" : "verified",
               m->tls_ca ? m->tls_ca : "-", (int)m->starttls, m->level);
    str_puts(out, "\n");
    str_put(out, str_text(&m->body), m->body.len);
}

#endif
