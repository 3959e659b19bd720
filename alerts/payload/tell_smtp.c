/* type=smtp: a mail. What is said stands in its subject; all mails of one alert hang together by
 * References, whose root no mail has. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_net.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_smtp.h"
#include "supervisor/base/b64.h"

#include <string.h>
#include <time.h>

extern const struct kind notify_kind_smtp;
extern const struct teller tell_smtp;

#define SUBJECT_MAX 300
#define TEXT_MAX 16384
#define WORD_MAX 45 /* bytes of an encoded word: 60 of base64 and 12 around it are below 75 */
#define ASCII_LINE_MAX 900 /* RFC 5322, 2.1.1: at most 998 */

static bool is_ascii(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s >= 0x80)
            return false;
    }
    return true;
}

/* RFC 2047: words of base64, one a line, cut between characters */
static void put_encoded(struct str *out, const char *s)
{
    for (size_t left = strlen(s); left;) {
        size_t n = left < WORD_MAX ? left : WORD_MAX;
        while (n < left && ((unsigned char)s[n] & 0xc0) == 0x80)
            n--;
        str_puts(out, "=?UTF-8?B?");
        b64_put(out, s, n);
        str_puts(out, "?=");
        s += n;
        left -= n;
        if (left)
            str_puts(out, "\r\n ");
    }
}

/* "Name: text" of a text that anyone may have written: one line, encoded where it needs to be */
static void put_header(struct str *out, const char *name, const char *text, size_t max)
{
    struct str line = STR_INIT;
    tell_put_line(&line, text, max);
    str_printf(out, "%s: ", name);
    if (is_ascii(str_text(&line)) && !strstr(str_text(&line), "=?"))
        str_puts(out, str_text(&line));
    else
        put_encoded(out, str_text(&line));
    str_puts(out, "\r\n");
    str_fini(&line);
}

static void put_from(struct str *out, const char *from)
{
    size_t n, name;
    const char *address = smtp_address(from, &n);
    struct str line = STR_INIT;
    name = address && address > from ? (size_t)(address - 1 - from) : 0;
    while (name && from[name - 1] == ' ')
        name--;
    str_put(&line, from, name);
    str_puts(out, "From: ");
    if (name && !is_ascii(str_text(&line)))
        put_encoded(out, str_text(&line));
    else
        tell_put_line(out, str_text(&line), SUBJECT_MAX);
    str_printf(out, "%s<%.*s>\r\n", name ? " " : "", (int)n, address ? address : "");
    str_fini(&line);
}

/* what may stand in a message id: letters, digits, - and _ */
static void put_id(struct str *out, const char *text)
{
    for (; *text; text++) {
        bool good = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
                    (*text >= 'A' && *text <= 'Z') || strchr("-_", *text);
        str_putc(out, good ? *text : '-');
    }
}

static void put_domain(struct str *out, const char *from)
{
    size_t n = 0;
    const char *address = smtp_address(from, &n), *at = address ? memchr(address, '@', n) : NULL;
    if (at)
        str_put(out, at + 1, (size_t)(address + n - at - 1));
    else
        str_puts(out, "localhost");
}

/* the message's own id from the notice's, that of its thread from the key and the beginning */
static void put_ids(struct str *out, const struct notify_smtp *o, const struct notice *n)
{
    struct str root = STR_INIT;
    str_putc(&root, '<');
    tell_put_hash(&root, n->key);
    str_printf(&root, ".%lld@", (long long)(n->starts.ns / 1000000000));
    put_domain(&root, o->from);
    str_putc(&root, '>');
    str_puts(out, "Message-ID: <");
    put_id(out, n->id);
    str_putc(out, '@');
    put_domain(out, o->from);
    str_printf(out, ">\r\nIn-Reply-To: %s\r\nReferences: %s\r\n", str_text(&root), str_text(&root));
    str_fini(&root);
}

/* RFC 5322, 3.3, in UTC; not strftime, which follows the locale */
static void put_date(struct str *out, wall_t t)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    time_t s = (time_t)(t.ns / 1000000000);
    gmtime_r(&s, &tm);
    str_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday,
               tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec);
}

static void put_to(struct str *out, const struct str_list *to)
{
    str_puts(out, "To: ");
    for (size_t i = 0; i < to->n; i++)
        str_printf(out, "%s%s", i ? ",\r\n " : "", to->v[i]);
    str_puts(out, "\r\n");
}

/* ---- the text ---- */

static void put_fact(struct str *out, const char *name, const char *text)
{
    if (!*text)
        return;
    str_printf(out, "%s: ", name);
    tell_put_line(out, text, 2000);
    str_putc(out, '\n');
}

static void put_time(struct str *out, const char *name, wall_t t)
{
    if (!t.ns)
        return;
    str_printf(out, "%s: ", name);
    tell_put_time(out, t);
    str_putc(out, '\n');
}

static void put_facts(struct str *out, const struct notice *n)
{
    put_fact(out, "Alert", n->alert);
    put_fact(out, "Severity", n->severity);
    put_fact(out, "Condition", n->reason);
    put_fact(out, "Program", n->program);
    put_fact(out, "Host", n->host);
    put_time(out, "Since", n->starts);
    put_time(out, "Until", n->ends);
    for (size_t i = 0; i < n->nlabels; i++)
        put_fact(out, n->labels[i].name, n->labels[i].value);
    put_fact(out, "Runbook", n->runbook);
    put_fact(out, "Dashboard", n->dashboard);
    if (!tell_is_over(n))
        put_fact(out, "Acknowledge", n->ack);
    put_fact(out, "Key", n->key);
}

static void put_plain(struct str *out, const struct notice *n)
{
    tell_put_headline(out, n, SUBJECT_MAX);
    str_puts(out, "\n\n");
    if (*n->description) {
        tell_put_text(out, n->description, TEXT_MAX);
        str_puts(out, "\n\n");
    }
    put_facts(out, n);
}

static bool is_7bit(const char *s)
{
    for (const char *p = s; *p; p += *p == '\n') {
        size_t n = strcspn(p, "\n");
        if (n > ASCII_LINE_MAX)
            return false;
        p += n;
    }
    return is_ascii(s);
}

static void put_crlf(struct str *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\n')
            str_putc(out, '\r');
        str_putc(out, *s);
    }
}

/* lines of 76 characters (RFC 2045, 6.8) */
static void put_base64(struct str *out, const char *s)
{
    struct str text = STR_INIT;
    put_crlf(&text, s);
    for (size_t at = 0; at < text.len; at += 57) {
        b64_put(out, text.s + at, text.len - at < 57 ? text.len - at : 57);
        str_puts(out, "\r\n");
    }
    str_fini(&text);
}

static void put_body(struct str *out, const struct notice *n)
{
    struct str text = STR_INIT;
    put_plain(&text, n);
    bool plain = is_7bit(str_text(&text));
    str_printf(out,
               "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: %s\r\n\r\n",
               plain ? "7bit" : "base64");
    if (plain)
        put_crlf(out, str_text(&text));
    else
        put_base64(out, str_text(&text));
    str_fini(&text);
}

static void build(const struct item *it, const struct notice *const *v, size_t count, wall_t now,
                  struct tell_message *out)
{
    const struct notify_smtp *o = it->own;
    const struct notice *n = v[0];
    struct str subject = STR_INIT;
    size_t len = 0;
    const char *from = smtp_address(o->from, &len);
    (void)count, (void)now;
    out->way = TELL_SMTP;
    str_puts(&out->url, o->url);
    str_put(&out->from, from ? from : "", len);
    for (size_t i = 0; i < o->to.n; i++)
        str_printf(&out->to, "%s\n", o->to.v[i]);
    put_from(&out->body, o->from);
    put_to(&out->body, &o->to);
    tell_put_headline(&subject, n, SUBJECT_MAX);
    put_header(&out->body, "Subject", str_text(&subject), SUBJECT_MAX);
    put_date(&out->body, n->at);
    put_ids(&out->body, o, n);
    str_puts(&out->body, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n");
    put_body(&out->body, n);
    tell_auth(out, o->user, o->password, NULL);
    tell_net(out, &o->net);
    out->starttls = (enum tell_starttls)o->starttls;
    str_fini(&subject);
}

/* 4xx and a broken connection: again; 5xx: never (RFC 5321, 4.2.1). A code counts more than the
 * broken connection that it led to. */
static void judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    (void)it;
    if (a->code >= 400) {
        tell_verdict_set(out, a->code >= 500 ? TELL_PERMANENT : TELL_RETRY, "reply %d", a->code);
        tell_verdict_add(out, a->body, a->body_len);
    } else if (a->error) {
        tell_verdict_set(out, TELL_RETRY, "%.200s", a->error);
    } else if (a->code >= 200 && a->code <= 299) {
        tell_verdict_set(out, TELL_DELIVERED, "reply %d", a->code);
    } else {
        tell_verdict_set(out, TELL_RETRY, "the last reply was %d", a->code);
    }
}

const struct teller tell_smtp = {
    .kind = &notify_kind_smtp,
    .build = build,
    .judge = judge,
    .rate = 1,
    .burst = 10,
};
