/* The list of tellers, messages, and what hides secrets. */
#include "alerts/payload/tell.h"

#include "supervisor/base/text.h"
#include "supervisor/conf/section.h"

#include <string.h>

#define KIND(name) extern const struct teller tell_##name;
#include "alerts/rules/notify_kinds.def"
#undef KIND

static const struct teller *const tellers[] = {
#define KIND(name) &tell_##name,
#include "alerts/rules/notify_kinds.def"
#undef KIND
};

const struct teller *tell_of(const struct item *it)
{
    size_t i = 0;
    while (i + 1 < sizeof(tellers) / sizeof(tellers[0]) && tellers[i]->kind != it->kind)
        i++;
    return tellers[i];
}

/* ---- messages ---- */

#define STRS 9
static void strs_of(struct tell_message *m, struct str *out[STRS])
{
    struct str *const all[STRS] = {&m->url, &m->headers, &m->body,   &m->args,     &m->from,
                                   &m->to,  &m->user,    &m->secret, &m->sign_keys};
    memcpy(out, all, sizeof(all));
}

void tell_message_init(struct tell_message *m)
{
    struct str *all[STRS];
    *m = (struct tell_message){.method = "POST"};
    strs_of(m, all);
    for (size_t i = 0; i < STRS; i++)
        str_init(all[i], 0);
    str_init(&m->sign_id, 0);
}

void tell_message_fini(struct tell_message *m)
{
    struct str *all[STRS];
    strs_of(m, all);
    for (size_t i = 0; i < STRS; i++) {
        if (all[i]->s)
            explicit_bzero(all[i]->s, all[i]->cap);
        str_fini(all[i]);
    }
    str_fini(&m->sign_id);
}

/* ---- secrets ---- */

#define SECRET_LEAST 4 /* less is found in every sentence, and protects nothing */

static void hide(char *text, const char *secret, size_t n)
{
    char *p = text;
    while (n >= SECRET_LEAST && (p = memmem(p, strlen(p), secret, n))) {
        memcpy(p, "***", 3);
        memmove(p + 3, p + n, strlen(p + n) + 1);
        p += 3;
    }
}

/* a URL's path alone tells as much as the whole URL */
static void hide_path(char *text, const char *p, size_t n)
{
    const char *host = memmem(p, n, "://", 3);
    if (!host)
        return;
    host += 3;
    const char *path = memchr(host, '/', (size_t)(p + n - host));
    if (path)
        hide(text, path, (size_t)(p + n - path));
}

static void hide_line(char *text, const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    hide(text, p, n);
    hide_path(text, p, n);
    if (!colon)
        return;
    const char *value = colon + 1;
    size_t left = (size_t)(p + n - value), blank = strspn(value, " \t");
    blank = blank < left ? blank : left;
    if (blank) /* "Name: value" */
        hide(text, value + blank, left - blank);
}

void tell_redact(const struct item *it, char *text)
{
    const struct opt_table *t = it->kind->rows;
    for (size_t i = 0; i < t->n; i++) {
        if (!(t->rows[i].flags & OPT_SECRET))
            continue;
        const char *v = *(const char *const *)((const char *)it->own + t->rows[i].offset);
        while (v && *v) {
            size_t n = strcspn(v, "\r\n");
            hide_line(text, v, n);
            v += n + (v[n] != '\0');
        }
    }
}

/* First of all the body, since a secret that is cut is no longer found; then the text, since JSON
 * may have hidden one. */
void tell_judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    struct str body = STR_INIT;
    struct tell_answer clean = *a;
    if (a->body_len)
        str_put(&body, a->body, strnlen(a->body, a->body_len));
    if (body.len)
        tell_redact(it, body.s);
    clean.body = body.len ? body.s : "";
    clean.body_len = strlen(clean.body);
    tell_of(it)->judge(it, &clean, out);
    out->unsure = out->result == TELL_RETRY && a->error && a->sent;
    tell_redact(it, out->text);
    out->text[text_utf8_valid(out->text, strlen(out->text))] = '\0';
    str_fini(&body);
}
