/* The status page as HTML. */
#include "supervisor/rpc/page.h"
#include "supervisor/rpc/html.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STYLE "/page.css"

const char page_style[] =
    ":root{color-scheme:light dark;--line:#8886;--good:#1a7f37;--bad:#cf222e;--soft:#9a6700}\n"
    "@media(prefers-color-scheme:dark){:root{--good:#57c96e;--bad:#ff7b72;--soft:#e3b341}}\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.2rem auto;max-width:72rem;padding:0 1rem}\n"
    "h1{font-size:1.3rem;margin:0 0 .4rem}form{margin:.6rem "
    "0}table{border-collapse:collapse;width:100%}\n"
    "caption{text-align:left;padding:.3rem 0}th,td{text-align:left;padding:.25rem .7rem .25rem 0;"
    "border-top:1px solid var(--line);vertical-align:baseline;unicode-bidi:isolate}\n"
    "tbody th{font-weight:500;overflow-wrap:anywhere}td{overflow-wrap:anywhere}\n"
    ".acts{white-space:nowrap}.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}"
    ".soft{color:var(--soft)}\n"
    ".note{border:1px solid var(--line);border-left:4px solid var(--soft);padding:.4rem .7rem;"
    "white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "button,input{font:inherit;font-size:.9em;padding:.1rem .5rem}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);padding:.6rem}\n";

/* ---- what it says of a state ---- */

struct look {
    const char *state, *class;
    bool up; /* it can be stopped; else it can be started */
};

static const struct look looks[PAGE_STATES] = {
    {"RUNNING", "good", true},  {"STARTING", "soft", true}, {"BACKOFF", "bad", true},
    {"STOPPING", "soft", true}, {"STOPPED", "soft", false}, {"EXITED", "soft", false},
    {"FATAL", "bad", false},    {"UNKNOWN", "bad", false},
};

static size_t look_of(const char *state)
{
    size_t i = 0;
    while (i + 1 < PAGE_STATES && (!state || strcmp(looks[i].state, state) != 0))
        i++;
    return i;
}

static void put_uptime(struct str *out, long long ms)
{
    long long s = ms / 1000, days = s / 86400;
    if (days)
        str_printf(out, "%lld day%s, ", days, days == 1 ? "" : "s");
    str_printf(out, "%lld:%02lld:%02lld", s / 3600 % 24, s / 60 % 60, s % 60);
}

/* One part of the description, behind the others. */
static void put_part(struct str *out, size_t from, const char *before, const char *text)
{
    if (!text || !*text)
        return;
    if (out->len > from)
        str_puts(out, "; ");
    str_puts(out, before);
    html_text(out, text);
}

static void put_times(struct str *out, const struct wire_pair *pairs, size_t n)
{
    const char *pid = wire_value(pairs, n, "pid"), *up = wire_value(pairs, n, "uptime_ms");
    if (!pid || strcmp(pid, "0") == 0)
        return;
    str_puts(out, "pid ");
    html_text(out, pid);
    if (!up)
        return;
    str_puts(out, ", uptime ");
    put_uptime(out, strtoll(up, NULL, 10));
}

static void put_end(struct str *out, const struct wire_pair *pairs, size_t n)
{
    const char *stop = wire_value(pairs, n, "stop");
    long long at = stop ? strtoll(stop, NULL, 10) : 0;
    time_t t = (time_t)at;
    struct tm tm;
    char text[40];
    if (at && localtime_r(&t, &tm) && strftime(text, sizeof(text), "%b %d %I:%M %p", &tm))
        str_puts(out, text);
    else
        str_puts(out, "Not started");
}

static void put_description(struct str *out, const struct look *l, const struct wire_pair *pairs,
                            size_t n)
{
    size_t from = out->len;
    const char *why = wire_value(pairs, n, "spawnerr");
    put_times(out, pairs, n);
    if (strcmp(l->state, "STOPPED") == 0 || strcmp(l->state, "EXITED") == 0)
        put_end(out, pairs, n);
    if (strcmp(l->state, "EXITED") == 0)
        put_part(out, from, "", wire_value(pairs, n, "exit"));
    else
        put_part(out, from, "", why);
    put_part(out, from, "waits for ", wire_value(pairs, n, "waiting"));
    put_part(out, from, "", wire_value(pairs, n, "status_text"));
    const char *health = wire_value(pairs, n, "health");
    if (health && strcmp(health, "OK") != 0) {
        put_part(out, from, "health ", health);
        put_part(out, from, "", wire_value(pairs, n, "health_text"));
    }
}

/* ---- rows ---- */

static bool filters(const struct page_head *h)
{
    return h->filter && *h->filter;
}

/* What a press of it sends: "VERB NAME". */
static void put_button(struct str *out, const char *verb, const char *label, const char *name)
{
    str_printf(out, "<button name=do value=\"%s ", verb);
    html_text(out, name);
    str_printf(out, "\" aria-label=\"%s ", label);
    html_text(out, name);
    str_printf(out, "\">%s</button> ", label);
}

static void put_log_link(struct str *out, const char *name, const char *channel)
{
    str_puts(out, "<a href=\"/tail.html?processname=");
    html_query(out, name);
    str_printf(out, "&amp;channel=%s\" aria-label=\"%s of ", channel, channel);
    html_text(out, name);
    str_printf(out, "\">%s</a> ", channel);
}

void page_row(struct page *p, const struct page_head *h, const struct wire_pair *pairs, size_t n)
{
    struct str *out = &p->rows;
    const char *name = wire_value(pairs, n, "name");
    size_t i = look_of(wire_value(pairs, n, "state"));
    const struct look *l = &looks[i];
    if (!name)
        return;
    p->counts[i]++;
    if (filters(h) && !strstr(name, h->filter)) {
        p->hidden++;
        return;
    }
    p->shown++;
    str_puts(out, "<tr><th scope=row>");
    html_text(out, name);
    str_printf(out, "</th><td class=%s>%s</td><td>", l->class, l->state);
    put_description(out, l, pairs, n);
    str_puts(out, "</td><td class=acts>");
    if (l->up) {
        put_button(out, "restart", "Restart", name);
        put_button(out, "stop", "Stop", name);
    } else {
        put_button(out, "start", "Start", name);
    }
    put_button(out, "clear", "Clear log", name);
    put_log_link(out, name, "stdout");
    put_log_link(out, name, "stderr");
    str_puts(out, "</td></tr>\n");
}

/* ---- the page ---- */

static void put_begin(struct str *out, const char *what, const char *identifier)
{
    str_puts(out, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
                  "<meta name=viewport content=\"width=device-width\"><title>");
    html_text(out, what);
    if (identifier && *identifier) {
        str_puts(out, " \xe2\x80\x94 ");
        html_text(out, identifier);
    }
    str_puts(out, "</title><link rel=stylesheet href=\"" STYLE "\"></head>\n<body><main>\n");
}

static void put_summary(struct str *out, const struct page *p)
{
    size_t total = p->shown + p->hidden;
    str_printf(out, "%zu process%s", total, total == 1 ? "" : "es");
    for (size_t i = 0, k = 0; i < PAGE_STATES; i++)
        if (p->counts[i])
            str_printf(out, "%s%u <span class=%s>%s</span>", k++ ? ", " : ": ", p->counts[i],
                       looks[i].class, looks[i].state);
    if (p->hidden)
        str_printf(out, "; %zu shown", p->shown);
}

static void put_filter(struct str *out, const struct page_head *h)
{
    str_puts(out, "<form action=\"/\"><label>Name contains "
                  "<input type=search name=q value=\"");
    html_text(out, h->filter);
    str_puts(out, "\"></label> <button>Show</button> <a href=\"/");
    if (filters(h)) {
        str_puts(out, "?q=");
        html_query(out, h->filter);
    }
    str_puts(out, "\">Refresh</a></form>\n");
}

static void put_hidden(struct str *out, const char *name, const char *value)
{
    str_printf(out, "<input type=hidden name=%s value=\"", name);
    html_text(out, value);
    str_puts(out, "\">");
}

/* One form for all buttons: a press of one sends its value alone. What is said of all is not
 * offered where not all are shown. */
static void put_table(struct str *out, const struct page *p, const struct page_head *h)
{
    str_puts(out, "<form method=post action=\"/\">");
    put_hidden(out, "token", h->token);
    put_hidden(out, "q", h->filter);
    if (!filters(h))
        str_puts(out, "\n<p><button name=all value=start>Start all</button> "
                      "<button name=all value=restart>Restart all</button> "
                      "<button name=all value=stop>Stop all</button></p>");
    str_puts(out, "\n<table><caption>");
    put_summary(out, p);
    str_puts(out,
             "</caption>\n<thead><tr><th scope=col>Name</th><th scope=col>State</th>"
             "<th scope=col>Description</th><th scope=col>Actions</th></tr></thead>\n<tbody>\n");
    str_put(out, str_text(&p->rows), p->rows.len);
    str_puts(out, "</tbody></table></form>\n");
}

void page_finish(struct page *p, const struct page_head *h, struct str *out)
{
    put_begin(out, "Processes", h->identifier);
    str_puts(out, "<h1>");
    html_text(out, h->identifier);
    str_puts(out, "</h1>\n");
    if (h->notice) {
        str_puts(out, "<p class=note role=status>");
        html_text(out, h->notice);
        str_puts(out, "</p>\n");
    }
    put_filter(out, h);
    put_table(out, p, h);
    str_puts(out, "</main></body></html>\n");
    out->failed |= p->rows.failed;
    page_fini(p);
}

void page_fini(struct page *p)
{
    str_fini(&p->rows);
    *p = (struct page){0};
}

void page_tail(const struct page_tail *t, struct str *out)
{
    bool err = strcmp(t->channel, "stderr") == 0;
    put_begin(out, t->name, t->channel);
    str_puts(out, "<h1>");
    html_text(out, t->name);
    str_printf(out, " %s</h1>\n<p><a href=\"/tail.html?processname=", t->channel);
    html_query(out, t->name);
    str_printf(out, "&amp;channel=%s&amp;limit=%ld\">Refresh</a> <a href=\"/tail.html?processname=",
               t->channel, t->limit);
    html_query(out, t->name);
    str_printf(out, "&amp;channel=%s\">%s</a> <a href=\"/\">All processes</a></p>\n",
               err ? "stdout" : "stderr", err ? "stdout" : "stderr");
    if (t->why) {
        str_puts(out, "<p class=note role=status>");
        html_text(out, t->why);
        str_puts(out, "</p>\n");
    } else {
        str_puts(out, "<pre tabindex=0>\n");
        html_bytes(out, t->text, t->n);
        str_puts(out, "</pre>\n");
    }
    str_puts(out, "</main></body></html>\n");
}
