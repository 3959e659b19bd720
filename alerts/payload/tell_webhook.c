/* type=webhook: JSON of Alertmanager's webhook (version 4) and, under "supd", the whole notice. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_json.h"
#include "alerts/payload/tell_net.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_webhook.h"

extern const struct kind notify_kind_webhook;
extern const struct teller tell_webhook;

#define TEXT_MAX 8192
#define NEVER "0001-01-01T00:00:00Z" /* what Go writes for a time that is not set */

static json_t *labels(const struct notice *n)
{
    json_t *j = json_object();
    json_object_set_new(j, "alertname", tell_json_text(n->alert, TEXT_MAX));
    tell_json_set(j, "severity", n->severity);
    tell_json_set(j, "program", n->program);
    tell_json_set(j, "instance", n->host);
    for (size_t i = 0; i < n->nlabels; i++)
        tell_json_set(j, n->labels[i].name, n->labels[i].value);
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
    return j;
}

static json_t *alert(const struct notice *n, const char *status, json_t *with, json_t *notes)
{
    struct str print = STR_INIT;
    json_t *j = json_object();
    tell_put_hash(&print, n->key);
    json_object_set_new(j, "status", json_string(status));
    json_object_set(j, "labels", with);
    json_object_set(j, "annotations", notes);
    json_object_set_new(j, "startsAt", tell_json_time(n->starts));
    json_object_set_new(j, "endsAt", n->ends.ns ? tell_json_time(n->ends) : json_string(NEVER));
    json_object_set_new(j, "generatorURL", tell_json_text(n->dashboard, TEXT_MAX));
    json_object_set_new(j, "fingerprint", json_string(str_text(&print)));
    str_fini(&print);
    return j;
}

static json_t *body(const struct item *it, const struct notice *n)
{
    const char *status = tell_is_over(n) ? "resolved" : "firing";
    json_t *j = json_object(), *with = labels(n), *notes = annotations(n), *alerts = json_array();
    json_t *group = json_object();
    json_array_append_new(alerts, alert(n, status, with, notes));
    json_object_set_new(group, "alertname", tell_json_text(n->alert, TEXT_MAX));
    json_object_set_new(j, "version", json_string("4"));
    json_object_set_new(j, "groupKey", tell_json_text(n->key, TEXT_MAX));
    json_object_set_new(j, "truncatedAlerts", json_integer(0));
    json_object_set_new(j, "status", json_string(status));
    json_object_set_new(j, "receiver", tell_json_text(it->name, TEXT_MAX));
    json_object_set_new(j, "groupLabels", group);
    json_object_set_new(j, "commonLabels", with);
    json_object_set_new(j, "commonAnnotations", notes);
    json_object_set_new(j, "externalURL", tell_json_text(n->dashboard, TEXT_MAX));
    json_object_set_new(j, "alerts", alerts);
    json_object_set_new(j, "supd", tell_json_notice(n));
    return j;
}

static void build(const struct item *it, const struct notice *const *v, size_t n, wall_t now,
                  struct tell_message *out)
{
    const struct notify_webhook *o = it->own;
    (void)n, (void)now;
    out->way = TELL_HTTP;
    str_puts(&out->url, o->url);
    str_puts(&out->headers, "Content-Type: application/json\n");
    if (o->headers)
        str_printf(&out->headers, "%s\n", o->headers);
    if (o->secret) {
        str_puts(&out->sign_keys, o->secret);
        str_puts(&out->sign_id, v[0]->id);
    } else {
        str_puts(&out->headers, "webhook-id: ");
        tell_put_line(&out->headers, v[0]->id, 128);
        str_putc(&out->headers, '\n');
    }
    tell_auth(out, o->user, o->password, o->bearer);
    tell_net(out, &o->net);
    tell_json_put(&out->body, body(it, v[0]));
}

const struct teller tell_webhook = {
    .kind = &notify_kind_webhook,
    .build = build,
    .judge = tell_judge_http,
    .rate = 60,
    .burst = 10,
};
