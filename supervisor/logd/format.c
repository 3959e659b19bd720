/* Turns raw output into what a sink gets. */
#include "supervisor/logd/format.h"
#include "supervisor/base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ESCAPE_MAX 32u /* a sequence longer than this is text */

bool format_needed(const struct format *f)
{
    return f->prefix || f->json || f->strip;
}

const char *format_time(int64_t wall_ns, char *buf, size_t size)
{
    time_t s = (time_t)(wall_ns / 1000000000);
    int ms = (int)(wall_ns / 1000000 % 1000);
    struct tm tm;
    char when[32], zone[8];
    localtime_r(&s, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof(zone), "%z", &tm);
    snprintf(buf, size, "%s.%03d%.3s:%s", when, ms, zone, zone + 3);
    return buf;
}

/* ---- escapes of terminals ---- */

/* Length of the sequence at p (p[0] is ESC), 0 if it is none, or n + 1 if it may go on behind n. */
static size_t escape_len(const char *p, size_t n)
{
    if (n == 1)
        return n + 1;
    if (p[1] != '[')
        return 0;
    for (size_t i = 2; i < n && i < ESCAPE_MAX; i++) {
        if (p[i] && strchr("HfABCDRsuJKhlpm", p[i]))
            return i + 1;
        if (p[i] == '\x1b' || p[i] == '\n')
            return 0;
    }
    return n < ESCAPE_MAX ? n + 1 : 0;
}

size_t format_strip(const char *in, size_t n, bool flush, struct str *out)
{
    size_t at = 0;
    while (at < n) {
        const char *esc = memchr(in + at, '\x1b', n - at);
        size_t plain = esc ? (size_t)(esc - in) - at : n - at;
        str_put(out, in + at, plain);
        at += plain;
        if (!esc)
            break;
        size_t len = escape_len(esc, n - at);
        if (len > n - at) {
            if (!flush)
                break;
            len = 0;
        }
        if (len == 0) {
            str_putc(out, '\x1b');
            len = 1;
        }
        at += len;
    }
    return at;
}

/* ---- lines ---- */

/* Characters that a JSON string cannot hold as they are. */
static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void json_char(struct str *out, unsigned char c)
{
    static const char *const named[128] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r"};
    if (c < 128 && named[c])
        str_puts(out, named[c]);
    else
        str_printf(out, "\\u%04x", c);
}

static void json_valid(struct str *out, const char *p, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_special((unsigned char)p[i]))
            continue;
        str_put(out, p + from, i - from);
        json_char(out, (unsigned char)p[i]);
        from = i + 1;
    }
    str_put(out, p + from, n - from);
}

void format_json_text(struct str *out, const char *p, size_t n)
{
    while (n) {
        size_t valid = text_utf8_valid(p, n);
        json_valid(out, p, valid);
        p += valid;
        n -= valid;
        if (n) {
            str_puts(out, "\xef\xbf\xbd");
            p++;
            n--;
        }
    }
}

static void json_pair(struct str *out, const char *key, const char *value, char before)
{
    str_printf(out, "%c\"%s\":\"", before, key);
    format_json_text(out, value, strlen(value));
    str_putc(out, '"');
}

static void json_line(const struct format *f, const char *when, const char *p, size_t n,
                      bool partial, struct str *out)
{
    json_pair(out, "time", when, '{');
    json_pair(out, "program", f->program, ',');
    json_pair(out, "process", f->process, ',');
    json_pair(out, "stream", f->channel, ',');
    if (partial)
        str_puts(out, ",\"partial\":true");
    str_puts(out, ",\"message\":\"");
    format_json_text(out, p, n);
    str_puts(out, "\"}\n");
}

static void prefix_line(const struct format *f, const char *when, const char *p, size_t n,
                        bool partial, struct str *out)
{
    str_puts(out, when);
    str_putc(out, ' ');
    str_puts(out, f->process);
    str_putc(out, ' ');
    str_puts(out, f->channel);
    str_puts(out, partial ? " + " : " | ");
    str_put(out, p, n);
    str_putc(out, '\n');
}

static void put_line(const struct format *f, const char *when, const char *p, size_t n,
                     bool partial, struct str *out)
{
    struct str plain = STR_INIT;
    if (f->strip && memchr(p, '\x1b', n)) {
        format_strip(p, n, true, &plain);
        p = str_text(&plain);
        n = plain.len;
    }
    if (f->json)
        json_line(f, when, p, n, partial, out);
    else
        prefix_line(f, when, p, n, partial, out);
    str_fini(&plain);
}

static size_t format_lines(const struct format *f, const char *in, size_t n, bool flush,
                           struct str *out)
{
    size_t at = 0;
    char when[48];
    format_time(f->wall_ns, when, sizeof(when));
    while (at < n) {
        const char *end = memchr(in + at, '\n', n - at);
        size_t len = end ? (size_t)(end - in) - at : n - at;
        if (len > FORMAT_LINE_MAX || (!end && len == FORMAT_LINE_MAX)) {
            put_line(f, when, in + at, FORMAT_LINE_MAX, true, out);
            at += FORMAT_LINE_MAX;
            continue;
        }
        if (!end && !flush)
            break;
        size_t shown = f->json && len && end && in[at + len - 1] == '\r' ? len - 1 : len;
        put_line(f, when, in + at, shown, !end, out);
        at += len + (end != NULL);
    }
    return at;
}

size_t format_bytes(const struct format *f, const char *in, size_t n, bool flush, struct str *out)
{
    if (f->prefix || f->json)
        return format_lines(f, in, n, flush, out);
    if (f->strip)
        return format_strip(in, n, flush, out);
    str_put(out, in, n);
    return n;
}

void format_dropped(const struct format *f, uint64_t lines, uint64_t bytes, struct str *out)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "[supd: %llu lines, %llu bytes of %.200s %s dropped]",
                     (unsigned long long)lines, (unsigned long long)bytes, f->process, f->channel);
    if (f->prefix || f->json) {
        char when[48];
        put_line(f, format_time(f->wall_ns, when, sizeof(when)), text, (size_t)n, false, out);
        return;
    }
    str_put(out, text, (size_t)n);
    str_putc(out, '\n');
}
