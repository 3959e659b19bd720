/* type=slack: a message of blocks for an incoming webhook. Limits: Slack's Block Kit reference. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_json.h"
#include "alerts/payload/tell_net.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_slack.h"

#include <string.h>
#include <time.h>

extern const struct kind notify_kind_slack;
extern const struct teller tell_slack;

#define HEADER_MAX 150
#define SECTION_MAX 3000
#define FIELD_MAX 2000
#define FIELDS_MAX 10
#define DESCRIPTION_MAX                                                                            \
    2000 /* all blocks together have a limit that nobody wrote down: near 10,000 */
#define REASON_MAX 600
#define LABEL_MAX 64
#define VALUE_MAX 200

/* Appends text with & < > as entities and nothing else changed, at most max bytes of it. Without
 * this a line of a log could call the whole channel. */
static void put(struct str *out, const char *text, size_t max)
{
    struct str plain = STR_INIT;
    tell_put_text(&plain, text, max);
    for (const char *p = str_text(&plain); *p; p++) {
        const char *entity = *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : NULL;
        if (entity)
            str_puts(out, entity);
        else
            str_putc(out, *p);
    }
    str_fini(&plain);
}

/* a text object of at most max bytes; an entity is never cut in two */
static json_t *text_of(const char *type, const struct str *s, size_t max)
{
    json_t *j = json_object();
    struct str cut = STR_INIT;
    tell_put_text(&cut, str_text(s), max);
    char *last = cut.len < s->len ? strrchr(str_text(&cut), '&') : NULL;
    if (last && !strchr(last, ';'))
        cut.len = (size_t)(last - cut.s);
    json_object_set_new(j, "type", json_string(type));
    json_object_set_new(j, "text", json_stringn(str_text(&cut), cut.len));
    if (strcmp(type, "mrkdwn") == 0) /* else it looks for @names and #channels in the text */
        json_object_set_new(j, "verbatim", json_true());
    str_fini(&cut);
    return j;
}

static json_t *block(const char *type)
{
    json_t *j = json_object();
    json_object_set_new(j, "type", json_string(type));
    return j;
}

static const char *mark(const struct notice *n)
{
    if (tell_is_over(n))
        return "\xe2\x9c\x85"; /* a green check */
    if (n->kind == NOTICE_TEST || strcmp(n->severity, "info") == 0)
        return "\xe2\x84\xb9\xef\xb8\x8f"; /* an i */
    if (strcmp(n->severity, "warning") == 0)
        return "\xf0\x9f\x9f\xa1"; /* a yellow circle */
    return "\xf0\x9f\x94\xb4";     /* a red one */
}

static json_t *header(const struct notice *n)
{
    struct str s = STR_INIT;
    json_t *j = block("header");
    str_printf(&s, "%s ", mark(n));
    put(&s, n->alert, HEADER_MAX);
    json_object_set_new(j, "text", text_of("plain_text", &s, HEADER_MAX));
    str_fini(&s);
    return j;
}

static void add_field(json_t *list, const char *name, const char *value)
{
    struct str s = STR_INIT;
    if (!*value || json_array_size(list) >= FIELDS_MAX)
        return;
    str_putc(&s, '*');
    put(&s, name, LABEL_MAX);
    str_puts(&s, "*\n");
    put(&s, value, VALUE_MAX);
    json_array_append_new(list, text_of("mrkdwn", &s, FIELD_MAX));
    str_fini(&s);
}

/* a time that Slack shows in the reader's time zone */
static void add_time(json_t *list, const char *name, wall_t t)
{
    struct str s = STR_INIT;
    struct tm tm;
    time_t at = (time_t)(t.ns / 1000000000);
    gmtime_r(&at, &tm);
    str_printf(&s, "*%s*\n<!date^%lld^{date_short} {time}|%02d:%02dZ>", name, (long long)at,
               tm.tm_hour, tm.tm_min);
    json_array_append_new(list, text_of("mrkdwn", &s, FIELD_MAX));
    str_fini(&s);
}

static json_t *fields(const struct notice *n)
{
    json_t *list = json_array();
    add_field(list, "Severity", n->severity);
    add_field(list, "Program", n->program);
    if (n->starts.ns)
        add_time(list, "Since", n->starts);
    if (n->ends.ns)
        add_time(list, "Until", n->ends);
    for (size_t i = 0; i < n->nlabels; i++)
        add_field(list, n->labels[i].name, n->labels[i].value);
    return list;
}

static json_t *section(const struct notice *n)
{
    struct str s = STR_INIT;
    json_t *j = block("section");
    str_printf(&s, "*%s* ", tell_word(n));
    put(&s, *n->summary ? n->summary : n->alert, VALUE_MAX);
    if (*n->reason) {
        str_putc(&s, '\n');
        put(&s, n->reason, REASON_MAX);
    }
    if (*n->description) {
        str_putc(&s, '\n');
        put(&s, n->description, DESCRIPTION_MAX);
    }
    json_object_set_new(j, "text", text_of("mrkdwn", &s, SECTION_MAX));
    json_object_set_new(j, "fields", fields(n));
    str_fini(&s);
    return j;
}

/* Slack refuses a whole message for one link that it does not like */
static void add_button(json_t *list, const char *label, const char *url)
{
    if (!tell_is_link(url))
        return;
    struct str s = STR_INIT;
    json_t *j = block("button");
    str_puts(&s, label);
    json_object_set_new(j, "text", text_of("plain_text", &s, 75));
    json_object_set_new(j, "url", json_string(url));
    json_array_append_new(list, j);
    str_fini(&s);
}

static void add_actions(json_t *blocks, const struct notice *n)
{
    json_t *list = json_array(), *j;
    add_button(list, "Runbook", n->runbook);
    add_button(list, "Dashboard", n->dashboard);
    if (json_array_size(list) == 0) {
        json_decref(list);
        return;
    }
    j = block("actions");
    json_object_set_new(j, "elements", list);
    json_array_append_new(blocks, j);
}

static json_t *context(const struct notice *n)
{
    struct str s = STR_INIT;
    json_t *j = block("context"), *list = json_array();
    str_puts(&s, "key `");
    put(&s, n->key, VALUE_MAX);
    str_putc(&s, '`');
    if (*n->host) {
        str_puts(&s, " \xc2\xb7 host ");
        put(&s, n->host, VALUE_MAX);
    }
    if (*n->ack && !tell_is_over(n)) {
        str_puts(&s, " \xc2\xb7 acknowledge: ");
        put(&s, n->ack, VALUE_MAX);
    }
    json_array_append_new(list, text_of("mrkdwn", &s, FIELD_MAX));
    json_object_set_new(j, "elements", list);
    str_fini(&s);
    return j;
}

static json_t *message(const struct notice *n)
{
    struct str line = STR_INIT, safe = STR_INIT;
    json_t *j = json_object(), *blocks = json_array();
    tell_put_headline(&line, n, 300);
    put(&safe, str_text(&line), SECTION_MAX);
    json_object_set_new(j, "text", json_string(str_text(&safe)));
    json_array_append_new(blocks, header(n));
    json_array_append_new(blocks, section(n));
    add_actions(blocks, n);
    json_array_append_new(blocks, context(n));
    json_object_set_new(j, "blocks", blocks);
    str_fini(&line);
    str_fini(&safe);
    return j;
}

static void build(const struct item *it, const struct notice *const *v, size_t n, wall_t now,
                  struct tell_message *out)
{
    const struct notify_slack *o = it->own;
    (void)n, (void)now;
    out->way = TELL_HTTP;
    str_puts(&out->url, o->url);
    str_puts(&out->headers, "Content-Type: application/json\n");
    tell_net(out, &o->net);
    tell_json_put(&out->body, message(v[0]));
}

/* ---- the answer ---- */

/* 200 with JSON: {"ok":false,"error":...} as the Web API answers, or "success" of those that
 * imitate Slack. */
static void judge_json(const json_t *j, struct tell_verdict *out)
{
    const char *error = json_string_value(json_object_get(j, "error"));
    if (!json_is_false(json_object_get(j, "ok")) && !json_is_false(json_object_get(j, "success")))
        return;
    bool again = error && (strcmp(error, "ratelimited") == 0 || strcmp(error, "rate_limited") == 0);
    tell_verdict_set(out, again ? TELL_RETRY : TELL_PERMANENT, "status 200, but refused");
    if (error)
        tell_verdict_add(out, error, strlen(error));
}

static void judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    tell_judge_http(it, a, out);
    if (out->result != TELL_DELIVERED || a->body_len == 0)
        return;
    json_t *j = tell_json_read(a->body, a->body_len);
    if (j) {
        judge_json(j, out);
        if (out->result == TELL_RETRY)
            out->retry_after = tell_retry_after(a);
    } else if (a->body_len < 2 || memcmp(a->body, "ok", 2) != 0) {
        /* a proxy's page, not Slack */
        tell_verdict_set(out, TELL_RETRY, "status %d, but not Slack's answer", a->code);
        tell_verdict_add(out, a->body, a->body_len);
    }
    json_decref(j);
}

const struct teller tell_slack = {
    .kind = &notify_kind_slack,
    .build = build,
    .judge = judge,
    .rate = 60,
    .burst = 5,
};
