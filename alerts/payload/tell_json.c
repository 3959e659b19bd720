/* JSON of notices. */
#include "alerts/payload/tell_json.h"

#include "alerts/payload/tell_text.h"

#include <stdlib.h>

#define TEXT_MAX 8192
#define DIGITS 12 /* 0.1 is 0.1, and nobody measures finer */

json_t *tell_json_text(const char *text, size_t max)
{
    struct str s = STR_INIT;
    tell_put_text(&s, text, max);
    json_t *j = json_stringn(str_text(&s), s.len);
    str_fini(&s);
    return j;
}

json_t *tell_json_time(wall_t t)
{
    struct str s = STR_INIT;
    tell_put_time(&s, t);
    json_t *j = json_string(str_text(&s));
    str_fini(&s);
    return j;
}

void tell_json_set(json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(object, name, tell_json_text(text, TEXT_MAX));
}

static json_t *labels(const struct notice *n)
{
    json_t *j = json_object();
    for (size_t i = 0; i < n->nlabels; i++)
        json_object_set_new(j, n->labels[i].name, tell_json_text(n->labels[i].value, TEXT_MAX));
    return j;
}

/* NaN and the infinities are no JSON */
static json_t *number(double x)
{
    json_t *j = json_real(x);
    return j ? j : json_null();
}

json_t *tell_json_notice(const struct notice *n)
{
    const struct {
        const char *name, *text;
    } all[] = {
        {"id", n->id},
        {"kind", tell_kind(n)},
        {"status", tell_is_over(n) ? "resolved" : "firing"},
        {"key", n->key},
        {"alert", n->alert},
        {"severity", n->severity},
        {"summary", n->summary},
        {"description", n->description},
        {"reason", n->reason},
        {"runbook", n->runbook},
        {"dashboard", n->dashboard},
        {"program", n->program},
        {"host", n->host},
        {"ack", n->ack},
    };
    json_t *j = json_object();
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        json_object_set_new(j, all[i].name, tell_json_text(all[i].text, TEXT_MAX));
    json_object_set_new(j, "labels", labels(n));
    json_object_set_new(j, "value", n->has_value ? number(n->value) : json_null());
    json_object_set_new(j, "limit", n->has_value ? number(n->limit) : json_null());
    json_object_set_new(j, "starts", tell_json_time(n->starts));
    json_object_set_new(j, "ends", n->ends.ns ? tell_json_time(n->ends) : json_null());
    json_object_set_new(j, "at", tell_json_time(n->at));
    return j;
}

void tell_json_put(struct str *out, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    str_puts(out, text ? text : "{}");
    free(text);
    json_decref(j);
}

json_t *tell_json_read(const char *text, size_t n)
{
    json_error_t e;
    json_t *j = n ? json_loadb(text, n, 0, &e) : NULL;
    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}
