/* type=alertmanager: API v2, POST /api/v2/alerts. What fires is sent again and again, and each time
 * is said to end soon: if we die, Alertmanager resolves it. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_json.h"
#include "alerts/payload/tell_net.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_alertmanager.h"

#include <stdio.h>
#include <string.h>

extern const struct kind notify_kind_alertmanager;
extern const struct teller tell_alertmanager;

#define RESEND_S 60
#define TEXT_MAX 8192

/* [a-zA-Z_][a-zA-Z0-9_]*: other characters become "_" */
static void set_label(json_t *j, const char *name, const char *value)
{
    struct str s = STR_INIT;
    if (*name >= '0' && *name <= '9')
        str_putc(&s, '_');
    for (; *name; name++) {
        bool good = (*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
                    (*name >= 'A' && *name <= 'Z');
        str_putc(&s, good ? *name : '_');
    }
    if (s.len && *value)
        json_object_set_new(j, str_text(&s), tell_json_text(value, TEXT_MAX));
    str_fini(&s);
}

/* An alert is the same one there if its labels are. */
static json_t *labels(const struct notice *n, const char *severity)
{
    json_t *j = json_object();
    for (size_t i = 0; i < n->nlabels; i++)
        set_label(j, n->labels[i].name, n->labels[i].value);
    set_label(j, "alertname", n->alert);
    set_label(j, "severity", severity);
    set_label(j, "program", n->program);
    set_label(j, "instance", n->host);
    return j;
}

static json_t *annotations(const struct notice *n)
{
    json_t *j = json_object();
    tell_json_set(j, "summary", n->summary);
    tell_json_set(j, "description", n->description);
    tell_json_set(j, "reason", n->reason);
    tell_json_set(j, "runbook_url", n->runbook);
    tell_json_set(j, "dashboard_url", n->dashboard);
    tell_json_set(j, "acknowledge", n->ack);
    return j;
}

/* An end ahead of its clock would leave the alert as it is; one before the start is refused. */
static wall_t ends(const struct notice *n, wall_t now)
{
    wall_t at = {now.ns + 4 * DUR_S(RESEND_S).ns};
    if (tell_is_over(n))
        at = n->ends.ns && n->ends.ns < now.ns ? n->ends : now;
    return at.ns < n->starts.ns ? n->starts : at;
}

static json_t *alert(const struct notice *n, const char *severity, wall_t end)
{
    json_t *j = json_object();
    json_object_set_new(j, "labels", labels(n, severity));
    json_object_set_new(j, "annotations", annotations(n));
    if (n->starts.ns)
        json_object_set_new(j, "startsAt", tell_json_time(n->starts));
    json_object_set_new(j, "endsAt", tell_json_time(end));
    if (tell_is_link(n->dashboard))
        json_object_set_new(j, "generatorURL", json_string(n->dashboard));
    return j;
}

/* The alert, and that it is over under the severities that it had before: to Alertmanager those are
 * alerts of their own, and would fire on until their time is over. */
static void add_alerts(json_t *list, const struct notice *n, wall_t now)
{
    json_array_append_new(list, alert(n, n->severity, ends(n, now)));
    for (const char *p = n->was; *p; p += strspn(p, " ")) {
        char name[32];
        size_t len = strcspn(p, " ");
        snprintf(name, sizeof(name), "%.*s", (int)len, p);
        json_array_append_new(list, alert(n, name, now.ns < n->starts.ns ? n->starts : now));
        p += len;
    }
}

static void put_url(struct str *out, const char *base)
{
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    str_put(out, base, n);
    str_puts(out, "/api/v2/alerts\n");
}

static void build(const struct item *it, const struct notice *const *v, size_t n, wall_t now,
                  struct tell_message *out)
{
    const struct notify_alertmanager *o = it->own;
    json_t *list = json_array();
    out->way = TELL_HTTP;
    for (size_t i = 0; i < o->urls.n; i++)
        put_url(&out->url, o->urls.v[i]);
    for (size_t i = 0; i < n; i++)
        add_alerts(list, v[i], now);
    str_puts(&out->headers, "Content-Type: application/json\n");
    tell_auth(out, o->user, o->password, o->bearer);
    tell_net(out, &o->net);
    tell_json_put(&out->body, list);
}

const struct teller tell_alertmanager = {
    .kind = &notify_kind_alertmanager,
    .build = build,
    .judge = tell_judge_http,
    .batches = true,
    .resend = {RESEND_S * INT64_C(1000000000)},
    .rate = 6000,
    .burst = 1000,
};
