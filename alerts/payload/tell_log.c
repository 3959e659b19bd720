/* type=log: a line of supd's log, subject first. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_log.h"
#include "supervisor/base/level.h"

#include <string.h>

extern const struct kind notify_kind_log;
extern const struct teller tell_log;

#define VALUE_MAX 300 /* all of them fit into a line of the log */

static void put_value(struct str *out, const char *name, const char *text)
{
    struct str line = STR_INIT;
    if (!*text)
        return;
    tell_put_line(&line, text, VALUE_MAX);
    str_printf(out, " %s=\"", name);
    for (const char *p = str_text(&line); *p; p++) {
        if (*p == '"' || *p == '\\')
            str_putc(out, '\\');
        str_putc(out, *p);
    }
    str_putc(out, '"');
    str_fini(&line);
}

static int level_of(const struct notice *n)
{
    if (tell_is_over(n) || n->kind == NOTICE_TEST || n->kind == NOTICE_ACK ||
        strcmp(n->severity, "info") == 0)
        return LVL_INFO;
    return strcmp(n->severity, "warning") == 0 ? LVL_WARN : LVL_ERROR;
}

static void build(const struct item *it, const struct notice *const *v, size_t count, wall_t now,
                  struct tell_message *out)
{
    const struct notify_log *o = it->own;
    const struct notice *n = v[0];
    (void)count, (void)now;
    out->way = TELL_LOG;
    out->level = level_of(n);
    str_puts(&out->body, "alert ");
    tell_put_line(&out->body, n->alert, VALUE_MAX);
    str_printf(&out->body, ": %s severity=%s", tell_word(n), n->severity);
    put_value(&out->body, "summary", n->summary);
    if (!o->details)
        return;
    put_value(&out->body, "reason", n->reason);
    put_value(&out->body, "program", n->program);
    put_value(&out->body, "runbook", n->runbook);
    put_value(&out->body, "key", n->key);
}

static void judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    (void)it;
    tell_verdict_set(out, a->error ? TELL_RETRY : TELL_DELIVERED, "%.200s",
                     a->error ? a->error : "written");
}

const struct teller tell_log = {
    .kind = &notify_kind_log,
    .build = build,
    .judge = judge,
    .rate = 6000,
    .burst = 1000,
};
