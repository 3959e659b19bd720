/* Texts of any length and any kind: what is sent keeps to the limits of who gets it. */
#include "supervisor/base/rng.h"
#include "tests/unit/notify_world.h"

#include <jansson.h>

#define LONG 20000

/* characters of UTF-8 text */
static size_t chars(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* a text made of pieces that are awkward to cut */
static char *awkward(struct rng *r)
{
    static const char *const pieces[] = {
        "&",    "<",   ">",  "a",   "\xc3\xa4", "\xf0\x9f\x94\xa5", "\n", "\"", "\\", "=?",
        "\xff", "b c", "\r", "\x1", "xyz",      "\xe2\x82",         "."};
    struct str s = STR_INIT;
    size_t kind = rng_next(r) % (COUNT(pieces) + 1), len = rng_next(r) % LONG;
    while (s.len < len)
        str_puts(&s, kind < COUNT(pieces) ? pieces[kind] : pieces[rng_next(r) % COUNT(pieces)]);
    return str_take(&s);
}

static struct notice random_notice(struct rng *r, char *texts[9], struct notice_label labels[16])
{
    struct notice n = notice_of((enum notice_kind)(rng_next(r) % NOTICE_KINDS));
    const char **fields[] = {&n.alert,   &n.summary, &n.description, &n.reason,
                             &n.program, &n.host,    &n.ack,         &n.runbook};
    for (size_t i = 0; i < COUNT(fields); i++)
        *fields[i] = texts[i] = awkward(r);
    texts[8] = awkward(r);
    for (size_t i = 0; i < 16; i++)
        labels[i] = (struct notice_label){texts[i % 9], texts[(i + 5) % 9]};
    n.labels = labels;
    n.nlabels = rng_next(r) % 17;
    return n;
}

static void check_text(const json_t *o, size_t max)
{
    const char *text = json_string_value(json_object_get(o, "text"));
    assert_non_null(text);
    assert_in_range(chars(text), 1, max);
    for (const char *p = text; *p; p++) {
        if (*p == '&')
            assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 ||
                        strncmp(p, "&gt;", 4) == 0);
        if (*p == '<')
            assert_int_equal(strncmp(p, "<!date^", 7), 0); /* our own */
    }
}

static void check_slack(const char *body)
{
    json_t *j = json_loads(body, 0, NULL), *b, *f;
    json_t *blocks = json_object_get(j, "blocks");
    size_t i, k, total = 0;
    check_text(j, 3000);
    assert_in_range(json_array_size(blocks), 3, 50);
    json_array_foreach(blocks, i, b)
    {
        const char *type = json_string_value(json_object_get(b, "type"));
        if (strcmp(type, "header") == 0)
            check_text(json_object_get(b, "text"), 150);
        if (strcmp(type, "section") == 0)
            check_text(json_object_get(b, "text"), 3000);
        assert_true(json_array_size(json_object_get(b, "fields")) <= 10);
        json_array_foreach(json_object_get(b, "fields"), k, f) check_text(f, 2000);
        char *text = json_dumps(b, 0);
        total += chars(text);
        free(text);
    }
    assert_true(total < 13000);
    json_decref(j);
}

static void check_pagerduty(const char *body)
{
    json_t *j = json_loads(body, 0, NULL), *p = json_object_get(j, "payload");
    if (p)
        assert_in_range(chars(json_string_value(json_object_get(p, "summary"))), 1, 1024);
    assert_true(strlen(json_string_value(json_object_get(j, "dedup_key"))) <= 255);
    assert_true(strlen(body) < 512 * 1024);
    json_decref(j);
}

static void check_label_name(const char *name)
{
    assert_true(strcspn(name, "0123456789") > 0);
    assert_int_equal(
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
        strlen(name));
}

static void check_alertmanager(const char *body)
{
    json_t *j = json_loads(body, 0, NULL), *a = json_array_get(j, 0), *v;
    const char *name;
    json_object_foreach(json_object_get(a, "labels"), name, v)
    {
        check_label_name(name);
        assert_true(json_string_length(v) > 0);
    }
    json_object_foreach(json_object_get(a, "annotations"), name, v) assert_true(json_is_string(v));
    json_decref(j);
}

/* lines end in CR LF and are short, no control characters; headers are ASCII and hold no more than
 * ours */
static void check_mail(const char *body)
{
    static const char *const headers[] = {"From: ",
                                          "To: ",
                                          "Subject: ",
                                          "Date: ",
                                          "Message-ID: ",
                                          "In-Reply-To: ",
                                          "References: ",
                                          "Auto-Submitted: ",
                                          "X-Auto-Response-Suppress: ",
                                          "MIME-Version: ",
                                          "Content-Type: ",
                                          "Content-Transfer-Encoding: "};
    size_t next = 0;
    bool in_head = true;
    for (const char *p = body; *p;) {
        const char *end = p + strcspn(p, "\r"); /* strstr would measure all of the rest each time */
        assert_int_equal(strncmp(end, "\r\n", 2), 0);
        assert_in_range(end - p, 0, 998);
        for (const char *c = p; c < end; c++)
            assert_true((unsigned char)*c >= ' ' && (unsigned char)*c < 0x7f);
        if (end == p)
            in_head = false;
        if (in_head && *p != ' ') {
            assert_true(next < COUNT(headers));
            assert_int_equal(strncmp(p, headers[next], strlen(headers[next])), 0);
            next++;
        }
        for (const char *w = in_head ? strstr(p, "=?UTF-8") : NULL; w && w < end; w = NULL)
            assert_in_range(strstr(w, "?=") + 2 - w, 1, 75);
        p = end + 2;
    }
    assert_int_equal(next, COUNT(headers));
}

static void check_log(const char *body)
{
    assert_null(strchr(body, '\n'));
    assert_true(strlen(body) < 4000);
}

static const struct {
    const char *options;
    void (*check)(const char *body);
} kinds[] = {
    {"type=slack\nurl=https://hooks.slack.com/services/T/B/C\n", check_slack},
    {"type=pagerduty\nrouting_key=0123456789abcdef0123456789abcdef\n", check_pagerduty},
    {"type=alertmanager\nurls=http://a\n", check_alertmanager},
    {"type=smtp\nurl=smtp://m\nfrom=A <a@b.c>\nto=d@e.f\n", check_mail},
    {"type=log\n", check_log},
};

static void any_text_keeps_to_the_limits(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    for (size_t k = 0; k < COUNT(kinds); k++) {
        struct conf *c;
        const struct item *it = item_of(kinds[k].options, &c);
        for (int i = 0; i < 300; i++) {
            struct notice_label labels[16];
            char *texts[9];
            struct notice n = random_notice(&r, texts, labels);
            const struct notice *one = &n;
            struct tell_message m;
            tell_message_init(&m);
            tell_of(it)->build(it, &one, 1, (wall_t){T0}, &m);
            assert_int_equal(strlen(str_text(&m.body)), m.body.len);
            kinds[k].check(str_text(&m.body));
            tell_message_fini(&m);
            for (size_t t = 0; t < 9; t++)
                free(texts[t]);
        }
        conf_free(&c);
    }
}

RUN(TEST(any_text_keeps_to_the_limits))
