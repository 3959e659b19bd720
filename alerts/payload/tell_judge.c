/* What answers of HTTP servers mean. */
#include "alerts/payload/tell_judge.h"

#include "alerts/payload/tell_json.h"
#include "alerts/payload/tell_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MAX_S 86400
#define QUOTE_MAX 160

void tell_verdict_set(struct tell_verdict *v, enum tell_result result, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->text, sizeof(v->text), fmt, ap);
    va_end(ap);
    v->result = result;
    v->retry_after = (dur_t){0};
}

void tell_verdict_add(struct tell_verdict *v, const char *text, size_t n)
{
    struct str raw = STR_INIT, line = STR_INIT;
    size_t len = strlen(v->text), room = sizeof(v->text) - len - 1;
    if (!n)
        return;
    for (; n && strchr(" \t\r\n", *text); n--)
        text++;
    const char *end = memchr(text, '\n', n);
    n = end ? (size_t)(end - text) : n;
    str_put(&raw, text, n < 4 * QUOTE_MAX ? n : 4 * QUOTE_MAX);
    if (room > 2 && raw.len)
        tell_put_line(&line, str_text(&raw), room - 2 < QUOTE_MAX ? room - 2 : QUOTE_MAX);
    while (line.len && line.s[line.len - 1] == ' ')
        line.s[--line.len] = '\0';
    if (line.len)
        snprintf(v->text + len, room + 1, ": %s", str_text(&line));
    str_fini(&raw);
    str_fini(&line);
}

/* ---- when to try again ---- */

static dur_t wait_of(double seconds)
{
    if (!(seconds > 0))
        return (dur_t){0};
    if (seconds > WAIT_MAX_S)
        return DUR_S(WAIT_MAX_S);
    int64_t ms = (int64_t)(seconds * 1000);
    return DUR_MS((double)ms < seconds * 1000 ? ms + 1 : ms);
}

static dur_t wait_header(const char *text, wall_t now)
{
    /* RFC 9110, 5.6.7: the form of today, and two that have to be understood */
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    size_t digits = strspn(text, "0123456789");
    if (digits && !text[digits + strspn(text + digits, " \t")])
        return wait_of(strtod(text, NULL));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && !*end)
            return wait_of((double)timegm(&tm) - (double)now.ns / 1e9);
    }
    return (dur_t){0};
}

/* at the top, or where Telegram has it */
static dur_t wait_body(const struct tell_answer *a)
{
    json_t *j = tell_json_read(a->body, a->body_len);
    json_t *v = json_object_get(j, "retry_after");
    if (!v)
        v = json_object_get(json_object_get(j, "parameters"), "retry_after");
    dur_t d = wait_of(json_number_value(v));
    json_decref(j);
    return d;
}

dur_t tell_retry_after(const struct tell_answer *a)
{
    dur_t d = a->retry_after ? wait_header(a->retry_after, a->now) : (dur_t){0};
    return d.ns ? d : wait_body(a);
}

/* ---- the table ---- */

static enum tell_result result_of(int status)
{
    if (status >= 200 && status <= 299)
        return TELL_DELIVERED;
    if (status == 408 || status == 425 || status == 429 || status >= 500 || status < 200)
        return TELL_RETRY;
    return TELL_PERMANENT;
}

void tell_judge_http(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    (void)it;
    if (a->error) {
        tell_verdict_set(out, TELL_RETRY, "%.200s", a->error);
        return;
    }
    tell_verdict_set(out, result_of(a->code), "status %d", a->code);
    if (a->code >= 300 && a->code <= 399)
        tell_verdict_set(out, TELL_PERMANENT, "status %d: redirects are not followed", a->code);
    else if (out->result != TELL_DELIVERED)
        tell_verdict_add(out, a->body, a->body_len);
    if (out->result == TELL_RETRY)
        out->retry_after = tell_retry_after(a);
}
