/* type=tcp: rows, checks and judge. */
#include "probes/judge/kind_tcp.h"

#include "supervisor/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT 60

static const char *const words_ip[] = {"any", "4", "6", NULL};

#define P(text, field, kind, ...)                                                                  \
    OPT(struct tcp_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    P("address", address, STRING, .def_note = "none", .aka = "addr url server",
      .help = "Where to connect to, \"host:port\" or \"[2001:db8::1]:port\"."),
    P("host", host, STRING, .def_note = "none",
      .help = "With port= the same as address=, in two options."),
    P("port", port, INTEGER, .lo = 1, .hi = 65535, .def_note = "none", .help = "See host."),
    P("socket", socket, STRING, .def_note = "none", .aka = "path unix",
      .help = "A unix socket instead: its path, or an abstract name that begins with @."),
    P("send", send, STRING, .def_note = "nothing", .aka = "payload query data request",
      .help =
          "What to send when connected; \\r \\n \\t \\0 \\\\ and \\xNN stand for bytes. Nothing "
          "is added to it."),
    P("expect", expect, STRING, .def_note = "nothing", .aka = "match response contains answer",
      .help = "What the answer has to contain, with the same escapes. Without it and expect_regex "
              "it is enough that the connection is accepted."),
    P("expect_regex", expect_regex, STRING, .def_note = "nothing",
      .help = "A regular expression (PCRE2) that the answer has to match."),
    P("ip", ip, WORD, .words = words_ip, .def = "any",
      .help = "4 or 6: only addresses of that version of IP."),
};
OPT_TABLE(rows_tcp, rows);

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int tcp_unescape(const char *text, struct str *out, struct err *e)
{
    static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
    for (const char *p = text; *p; p++) {
        const char *known = p[0] == '\\' && p[1] ? strchr(from, p[1]) : NULL;
        if (*p != '\\') {
            str_putc(out, *p);
        } else if (known) {
            str_putc(out, to[known - from]);
            p++;
        } else if (p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0) {
            str_putc(out, (char)(hex(p[2]) * 16 + hex(p[3])));
            p += 3;
        } else {
            return err_set(e, "'%.4s' is not one of \\r \\n \\t \\0 \\\\ \\xNN", p);
        }
    }
    return 0;
}

static void check_escapes(struct checker *k, const char *option, const char *text)
{
    struct str out = STR_INIT;
    struct err e;
    if (text && tcp_unescape(text, &out, &e) < 0)
        check_fail(k, option, "%s", e.msg);
    str_fini(&out);
}

/* Splits address= into host and port. */
static void take_address(struct checker *k, struct tcp_opts *o)
{
    const char *colon = strrchr(o->address, ':');
    struct err e;
    if (!colon || colon == o->address || text_int(colon + 1, 1, 65535, &o->port, &e) < 0) {
        check_fail(k, "address", "'%s' is not like host:port", o->address);
        return;
    }
    size_t n = (size_t)(colon - o->address);
    if (o->address[0] != '[' && memchr(o->address, ':', n))
        check_fail(k, "address", "write an IPv6 address in brackets: [%.*s]:%s", (int)n, o->address,
                   colon + 1);
    else
        o->host = arena_strndup(k->c->a, o->address, n);
}

static void check(struct checker *k)
{
    struct tcp_opts *o = k->item->own;
    int ways = check_given(k, "address") + (check_given(k, "host") || check_given(k, "port")) +
               check_given(k, "socket");
    if (ways != 1)
        check_fail(k, "address", "give one of address=, host= with port=, and socket=");
    else if (o->address)
        take_address(k, o);
    else if (o->host && !o->port && strchr(o->host, ':'))
        check_fail(k, "host", "is a name without a port; write address=%s", o->host);
    else if (!o->socket && (!o->host || !o->port))
        check_fail(k, "host", "host= and port= belong together");
    if (o->expect && o->expect_regex)
        check_fail(k, "expect_regex", "expect= is given, too; keep one of them");
    check_escapes(k, "send", o->send);
    check_escapes(k, "expect", o->expect);
}

const struct kind probe_kind_tcp = {
    .name = "tcp",
    .aka = "redis port connect socket unix smtp memcached mysql",
    .help = "Connects to a TCP port or a unix socket; may send something and look at the answer.",
    .rows = &rows_tcp,
    .size = sizeof(struct tcp_opts),
    .check = check,
};

/* the first bytes of an answer, printable */
static const char *excerpt(const struct tcp_facts *f, char *buf, size_t size)
{
    struct str s = STR_INIT;
    text_escape(&s, f->got, f->got_len < EXCERPT ? f->got_len : EXCERPT, false);
    snprintf(buf, size, "%s%s", str_text(&s), f->got_len > EXCERPT ? "..." : "");
    str_fini(&s);
    return buf;
}

void tcp_judge(const struct tcp_opts *o, const struct tcp_facts *f, struct verdict *v)
{
    char got[EXCERPT * 4 + 8];
    if (f->failed == REASON_NONE) {
        v->status = VERDICT_OK;
        snprintf(v->detail, sizeof(v->detail), "%s in %.1f ms",
                 o->expect || o->expect_regex ? "answered as expected" : "connected",
                 (double)v->total_ns / 1e6);
        return;
    }
    if (f->got_len)
        verdict_fail(v, f->failed, "%s; the answer began with \"%s\"", f->text,
                     excerpt(f, got, sizeof(got)));
    else
        verdict_fail(v, f->failed, "%s", f->text);
    v->regex_failed = f->not_found;
    if (f->ours)
        v->status = VERDICT_UNKNOWN;
}
