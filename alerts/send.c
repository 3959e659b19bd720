/* One attempt to deliver notices: the teller's message goes out through a port, and what comes back
 * goes to the teller. */
#include "alerts/send.h"

#include "alerts/sign.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/exec_out.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/mail_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (64 * 1024)
#define WORST (TELL_PERMANENT + 1)

/* one of the URLs that get the message */
struct part {
    struct send *s;
    char *url;
    struct http_call *call;
};

struct send {
    struct send_env *env;
    const struct item *item;
    send_done_fn *done;
    void *obj;
    struct tell_message m;
    struct part *parts;
    size_t nparts, waiting;
    struct exec_run *run;
    struct mail_run *mail;
    struct loop_defer defer;
    unsigned best; /* enum tell_result of the verdict so far; WORST: none */
    struct tell_verdict v;
};

static void end(struct send *s)
{
    for (size_t i = 0; i < s->nparts; i++) {
        http_cancel(&s->parts[i].call);
        explicit_bzero(s->parts[i].url, strlen(s->parts[i].url));
        free(s->parts[i].url);
    }
    free(s->parts);
    exec_cancel(&s->run);
    mail_cancel(&s->mail);
    loop_defer_cancel(s->env->loop, &s->defer);
    tell_message_fini(&s->m);
    free(s);
}

void send_cancel(struct send **s)
{
    if (*s)
        end(*s);
    *s = NULL;
}

static void answer(struct send *s)
{
    s->done(s->obj, &s->v);
    end(s);
}

/* ---- what came back ---- */

/* Of several answers the best one counts, and the worse are at least logged. */
static void take(struct send *s, const struct tell_answer *a)
{
    struct tell_verdict v = {0};
    tell_judge(s->item, a, &v);
    if (s->nparts > 1 && v.result != TELL_DELIVERED && LOG_LIMIT(60))
        log_warn("%s: one of several did not take it: %s", s->item->section, v.text);
    v.unsure |= s->v.unsure; /* one of several may have it: none is sure */
    if ((unsigned)v.result < s->best) {
        s->best = v.result;
        s->v = v;
    }
    s->v.unsure = v.unsure;
}

/* The n bytes without the blanks around them, copied to buf. */
static void copy_trimmed(const char *p, size_t n, char *buf, size_t size)
{
    while (n && strchr(" \t", *p)) {
        p++;
        n--;
    }
    while (n && strchr(" \t", p[n - 1]))
        n--;
    snprintf(buf, size, "%.*s", (int)n, p);
}

/* The value of a header, copied to buf; NULL if there is none. */
static const char *header(const char *headers, const char *name, char *buf, size_t size)
{
    const char *found = NULL;
    size_t len = strlen(name);
    for (const char *p = headers; *p; p += *p == '\n') {
        size_t n = strcspn(p, "\r\n");
        if (n > len && strncasecmp(p, name, len) == 0 && p[len] == ':') {
            copy_trimmed(p + len + 1, n - len - 1, buf, size);
            found = buf;
        }
        p += strcspn(p, "\n");
    }
    return found;
}

/* The request had gone out, or some of it. */
static bool was_sent(const struct http_result *r)
{
    return r->error == HTTP_READ_TIMEOUT || r->error == HTTP_CLOSED || r->error == HTTP_PROTOCOL;
}

static void on_http(void *obj, const struct http_result *r)
{
    struct part *p = obj;
    struct send *s = p->s;
    char retry[128];
    struct tell_answer a = {.error = r->error == HTTP_OK ? NULL : r->text,
                            .sent = was_sent(r),
                            .code = r->status,
                            .body = r->body,
                            .body_len = r->body_len,
                            .now = wall_now()};
    p->call = NULL;
    a.retry_after = header(r->headers, "Retry-After", retry, sizeof(retry));
    take(s, &a);
    if (--s->waiting == 0)
        answer(s);
}

static void on_mail(void *obj, const struct mail_result *r)
{
    struct send *s = obj;
    struct tell_answer a = {.error = r->error,
                            .sent = r->sent && r->code < 400,
                            .code = r->code,
                            .body = r->reply,
                            .body_len = strlen(r->reply),
                            .now = wall_now()};
    s->mail = NULL;
    take(s, &a);
    answer(s);
}

static void on_command(void *obj, const struct exec_result *r)
{
    struct send *s = obj;
    struct tell_answer a = {.error = r->error,
                            .sent = r->began,
                            .code = r->status,
                            .body = r->output,
                            .body_len = r->output_len,
                            .now = wall_now()};
    s->run = NULL;
    take(s, &a);
    answer(s);
}

/* for what needs no port, and for what could not begin */
static void on_deferred(struct send *s)
{
    struct tell_answer a = {.now = wall_now()};
    if (s->m.way == TELL_LOG) {
        log_line((enum log_level)s->m.level, "%s", str_text(&s->m.body));
        take(s, &a);
    }
    answer(s);
}

static void fail(struct send *s, enum tell_result result, const char *text)
{
    s->v.result = result;
    snprintf(s->v.text, sizeof(s->v.text), "%s", text);
    loop_defer(s->env->loop, &s->defer);
}

/* ---- a start ---- */

static mono_t deadline(struct send *s)
{
    return mono_add(loop_now(s->env->loop), (dur_t){notify_opts(s->item)->timeout});
}

static const char *or_null(const struct str *s)
{
    return s->len ? str_text(s) : NULL;
}

static struct http_request request(struct send *s)
{
    const struct tell_message *m = &s->m;
    const char *user = or_null(&m->user), *secret = or_null(&m->secret);
    return (struct http_request){.method = m->method,
                                 .headers = str_text(&m->headers),
                                 .body = str_text(&m->body),
                                 .body_len = m->body.len,
                                 .user = user,
                                 .password = user ? secret : NULL,
                                 .bearer = user ? NULL : secret,
                                 .tls = {.insecure = m->tls_insecure, .ca = m->tls_ca},
                                 .proxy = m->proxy,
                                 .no_link_local = true,
                                 .max_body = BODY_MAX,
                                 .keep_body = true,
                                 .keep_headers = true,
                                 .deadline = deadline(s),
                                 .done = on_http};
}

/* the lines of the message's URL */
static void split_urls(struct send *s)
{
    const char *p = str_text(&s->m.url);
    VEC(struct part) parts = VEC_INIT;
    while (*p) {
        size_t n = strcspn(p, "\n");
        struct part part = {.s = s, .url = mem_alloc(n + 1)};
        memcpy(part.url, p, n);
        part.url[n] = '\0';
        VEC_PUSH(&parts, part);
        p += n + (p[n] == '\n');
    }
    s->parts = parts.v;
    s->nparts = s->waiting = parts.n;
}

static void start_http(struct send *s)
{
    if (s->m.sign_keys.len && !sign_headers(&s->m, wall_now(), &s->m.headers)) {
        fail(s, TELL_RETRY, "the message cannot be signed");
        return;
    }
    split_urls(s);
    for (size_t i = 0; i < s->nparts; i++) {
        struct http_request rq = request(s);
        rq.url = s->parts[i].url;
        rq.obj = &s->parts[i];
        s->parts[i].call = http_start(s->env->http, &rq);
    }
    if (!s->nparts)
        fail(s, TELL_PERMANENT, "there is no URL to send it to");
}

static void start_command(struct send *s)
{
    VEC(char *) argv = VEC_INIT;
    struct str *args = &s->m.args;
    for (size_t at = 0; at < args->len; at += strlen(args->s + at) + 1)
        VEC_PUSH(&argv, args->s + at);
    VEC_PUSH(&argv, NULL);
    struct exec_request rq = {.argv = argv.v,
                              .env = str_text(&s->m.headers),
                              .input = str_text(&s->m.body),
                              .input_len = s->m.body.len,
                              .deadline = deadline(s),
                              .done = on_command,
                              .obj = s};
    if (argv.v[0])
        s->run = exec_start(s->env->exec, &rq);
    else
        fail(s, TELL_PERMANENT, "there is no command");
    VEC_FINI(&argv);
}

static void start_mail(struct send *s)
{
    static const enum mail_starttls modes[] = {[TELL_TLS_REQUIRED] = MAIL_STARTTLS_REQUIRED,
                                               [TELL_TLS_OFFERED] = MAIL_STARTTLS_OFFERED,
                                               [TELL_TLS_NEVER] = MAIL_STARTTLS_NEVER};
    const struct tell_message *m = &s->m;
    struct mail_request rq = {.url = str_text(&m->url),
                              .from = str_text(&m->from),
                              .to = str_text(&m->to),
                              .message = str_text(&m->body),
                              .message_len = m->body.len,
                              .user = or_null(&m->user),
                              .password = or_null(&m->secret),
                              .starttls = modes[m->starttls],
                              .tls_insecure = m->tls_insecure,
                              .tls_ca = m->tls_ca,
                              .timeout = {notify_opts(s->item)->timeout},
                              .done = on_mail,
                              .obj = s};
    s->mail = mail_start(s->env->mail, &rq);
}

struct send *send_start(const struct send_request *rq)
{
    struct send *s = mem_zalloc(sizeof(*s));
    s->env = rq->env;
    s->item = rq->item;
    s->done = rq->done;
    s->obj = rq->obj;
    s->best = WORST;
    LOOP_DEFER(&s->defer, on_deferred, s);
    tell_message_init(&s->m);
    tell_of(rq->item)->build(rq->item, rq->notices, rq->n, wall_now(), &s->m);
    if (s->m.way == TELL_COMMAND)
        start_command(s);
    else if (s->m.way == TELL_SMTP)
        start_mail(s);
    else if (s->m.way == TELL_LOG)
        loop_defer(s->env->loop, &s->defer);
    else
        start_http(s);
    return s;
}
