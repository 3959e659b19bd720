/* type=pagerduty: events of the Events API v2, deduplicated by the alert's key. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_json.h"
#include "alerts/payload/tell_net.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_pagerduty.h"

#include <string.h>

extern const struct kind notify_kind_pagerduty;
extern const struct teller tell_pagerduty;

#define SUMMARY_MAX 1024
#define DEDUP_MAX 255
#define FIELD_MAX 255

static const char *const urls[] = {
    [PAGERDUTY_US] = "https://events.pagerduty.com/v2/enqueue",
    [PAGERDUTY_EU] = "https://events.eu.pagerduty.com/v2/enqueue",
};

static const char *severity(const struct notice *n)
{
    if (n->kind == NOTICE_TEST || strcmp(n->severity, "info") == 0)
        return "info";
    return strcmp(n->severity, "warning") == 0 ? "warning" : "critical";
}

static json_t *details(const struct notice *n)
{
    json_t *j = json_object();
    tell_json_set(j, "reason", n->reason);
    tell_json_set(j, "description", n->description);
    tell_json_set(j, "acknowledge", n->ack);
    json_t *value = n->has_value ? json_real(n->value) : NULL;
    json_t *limit = n->has_value ? json_real(n->limit) : NULL;
    if (value)
        json_object_set_new(j, "value", value);
    if (limit)
        json_object_set_new(j, "limit", limit);
    for (size_t i = 0; i < n->nlabels; i++)
        tell_json_set(j, n->labels[i].name, n->labels[i].value);
    json_object_set_new(j, "notice_id", tell_json_text(n->id, FIELD_MAX));
    return j;
}

/* "2026-11-23T18:00:00.000+0000": the form of their documentation, without the Z */
static json_t *timestamp(wall_t t)
{
    struct str s = STR_INIT;
    tell_put_time(&s, t);
    s.len--;
    str_puts(&s, "+0000");
    json_t *j = json_string(str_text(&s));
    str_fini(&s);
    return j;
}

static json_t *payload(const struct notice *n)
{
    json_t *j = json_object();
    struct str line = STR_INIT;
    if (n->kind == NOTICE_TEST || n->kind == NOTICE_FLAPPING)
        tell_put_headline(&line, n, SUMMARY_MAX);
    else
        tell_put_line(&line, *n->summary ? n->summary : n->alert, SUMMARY_MAX);
    json_object_set_new(j, "summary", json_string(str_text(&line)));
    json_object_set_new(j, "source", tell_json_text(*n->host ? n->host : "supd", FIELD_MAX));
    json_object_set_new(j, "severity", json_string(severity(n)));
    json_object_set_new(j, "timestamp", timestamp(n->starts.ns ? n->starts : n->at));
    tell_json_set(j, "component", n->program);
    json_object_set_new(j, "class", tell_json_text(n->alert, FIELD_MAX));
    json_object_set_new(j, "custom_details", details(n));
    str_fini(&line);
    return j;
}

static void add_link(json_t *list, const char *text, const char *url)
{
    if (!tell_is_link(url))
        return;
    json_t *j = json_object();
    json_object_set_new(j, "href", json_string(url));
    json_object_set_new(j, "text", json_string(text));
    json_array_append_new(list, j);
}

static void add_links(json_t *j, const struct notice *n)
{
    json_t *links = json_array();
    add_link(links, "Runbook", n->runbook);
    add_link(links, "Dashboard", n->dashboard);
    if (json_array_size(links))
        json_object_set(j, "links", links);
    json_decref(links);
}

/* What is over is resolved, also where the trigger was perhaps never taken: an unknown key is
 * dropped there. */
static const char *action(const struct notice *n)
{
    if (tell_is_over(n))
        return "resolve";
    return n->kind == NOTICE_ACK ? "acknowledge" : "trigger";
}

static json_t *event(const struct notify_pagerduty *o, const struct notice *n)
{
    json_t *j = json_object();
    json_object_set_new(j, "routing_key", json_string(o->routing_key));
    json_object_set_new(j, "event_action", json_string(action(n)));
    json_object_set_new(j, "dedup_key", tell_json_text(n->key, DEDUP_MAX));
    if (tell_is_over(n) || n->kind == NOTICE_ACK)
        return j;
    json_object_set_new(j, "payload", payload(n));
    json_object_set_new(j, "client", json_string("supd"));
    if (tell_is_link(n->dashboard))
        json_object_set_new(j, "client_url", json_string(n->dashboard));
    add_links(j, n);
    return j;
}

static void build(const struct item *it, const struct notice *const *v, size_t n, wall_t now,
                  struct tell_message *out)
{
    const struct notify_pagerduty *o = it->own;
    (void)n, (void)now;
    out->way = TELL_HTTP;
    str_puts(&out->url, o->url ? o->url : urls[o->region]);
    str_puts(&out->headers, "Content-Type: application/json\n");
    tell_net(out, &o->net);
    tell_json_put(&out->body, event(o, v[0]));
}

/* ---- the answer ---- */

/* {"status":"invalid event","message":"...","errors":["..."]} */
static void add_errors(const struct tell_answer *a, struct tell_verdict *out)
{
    json_t *j = tell_json_read(a->body, a->body_len), *errors = json_object_get(j, "errors"), *e;
    const char *message = json_string_value(json_object_get(j, "message"));
    size_t i;
    if (message) {
        tell_verdict_set(out, out->result, "status %d", a->code);
        tell_verdict_add(out, message, strlen(message));
    }
    json_array_foreach(errors, i, e)
    {
        if (message && json_is_string(e))
            tell_verdict_add(out, json_string_value(e), json_string_length(e));
    }
    json_decref(j);
}

/* 200 is no answer of theirs: 202 means that it is queued */
static void judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    tell_judge_http(it, a, out);
    if (out->result == TELL_PERMANENT)
        add_errors(a, out);
    else if (out->result == TELL_DELIVERED && a->code != 202) {
        tell_verdict_set(out, TELL_RETRY, "status %d, but not PagerDuty's answer", a->code);
        tell_verdict_add(out, a->body, a->body_len);
    }
}

const struct teller tell_pagerduty = {
    .kind = &notify_kind_pagerduty,
    .build = build,
    .judge = judge,
    .rate = 120,
    .burst = 10,
};
